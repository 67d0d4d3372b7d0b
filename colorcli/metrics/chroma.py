"""Mean chroma: distance from gray in the ab plane, over all pixels of the results, in Lab units."""

from __future__ import annotations

from torch import Tensor

from colorcli.metrics._batch import Batch
from colorcli.metrics._metric import PixelMean


class Chroma(PixelMean):
    """Mean chroma of the results."""

    name = "chroma"
    range = (0.0, float("inf"))
    higher_is_better = None
    unit = "Lab"
    source = "definition: mean over pixels of ||ab||"
    needs = "single"

    def values(self, batch: Batch) -> Tensor:
        """Return the chroma of each pixel."""
        return batch.result.chroma


METRIC = Chroma
