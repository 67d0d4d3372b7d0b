"""CIEDE2000 colour difference of result and truth, mean over all pixels. About 1 is just noticeable.

Lightness counts as it does to the eye; where the result keeps the truth's own, all of it is colour.
"""

from __future__ import annotations

from torch import Tensor

from colorcli.metrics import _ciede2000
from colorcli.metrics._batch import Batch
from colorcli.metrics._metric import PixelMean


class CIEDE2000(PixelMean):
    """CIEDE2000, mean over all pixels."""

    name = "ciede2000"
    range = (0.0, float("inf"))
    higher_is_better = False
    unit = "ΔE00"
    source = "CIE 142; Sharma et al. 2005, doi 10.1002/col.20070"

    def values(self, batch: Batch) -> Tensor:
        """Return the difference of each pixel."""
        return _ciede2000.of(batch)


METRIC = CIEDE2000
