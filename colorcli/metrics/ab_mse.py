"""Mean squared error of a and b: over all pixels and both channels, in squared Lab units.

Papers scale ab before they square: divide by 255² for ab mapped to 0..1 (as (ab + 128) / 255), by 127² for ab / 127.
"""

from __future__ import annotations

from torch import Tensor

from colorcli.metrics._batch import Batch
from colorcli.metrics._metric import PixelMean


class AbMSE(PixelMean):
    """Mean squared error of ab."""

    name = "ab-mse"
    range = (0.0, float("inf"))
    higher_is_better = False
    unit = "Lab²"
    source = "definition: mean over pixels and both channels of (ab - truth)²"

    def values(self, batch: Batch) -> Tensor:
        """Return half the squared distance of each pixel: the mean of its two channels."""
        return batch.ab_error**2 / 2


METRIC = AbMSE
