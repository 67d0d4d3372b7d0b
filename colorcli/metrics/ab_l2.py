"""Mean distance of predicted and true ab (the L2 norm over the two channels, not squared), in Lab units.

The same distance whose distribution AuC integrates: 100 - AuC is nearly this mean in units of 1.5 Lab.
"""

from __future__ import annotations

from torch import Tensor

from colorcli.metrics._batch import Batch
from colorcli.metrics._metric import PixelMean


class AbL2(PixelMean):
    """Mean Euclidean distance in the ab plane."""

    name = "ab-l2"
    range = (0.0, float("inf"))
    higher_is_better = False
    unit = "Lab"
    source = "definition: mean over pixels of ||ab - truth||"

    def values(self, batch: Batch) -> Tensor:
        """Return the distance of each pixel."""
        return batch.ab_error


METRIC = AbL2
