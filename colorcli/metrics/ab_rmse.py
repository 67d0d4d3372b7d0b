"""Root of the mean squared error of a and b: over all pixels and both channels, in Lab units."""

from __future__ import annotations

from torch import Tensor

from colorcli.metrics._batch import Batch
from colorcli.metrics._metric import PixelMean


class AbRMSE(PixelMean):
    """Root of ``ab-mse``: the root of the mean over all pictures, not the mean of roots."""

    name = "ab-rmse"
    range = (0.0, float("inf"))
    higher_is_better = False
    unit = "Lab"
    source = "definition: root of the mean over pixels and both channels of (ab - truth)²"

    def values(self, batch: Batch) -> Tensor:
        """Return half the squared distance of each pixel."""
        return batch.ab_error**2 / 2

    def score(self, total: Tensor) -> float:
        """Return the root of the mean."""
        return float(super().score(total) ** 0.5)


METRIC = AbRMSE
