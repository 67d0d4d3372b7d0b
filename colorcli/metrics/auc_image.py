"""AuC per picture: the cumulative curve of each picture by itself, then their mean.

Differs from ``auc`` where pictures differ in size: here each counts alike.
"""

from __future__ import annotations

from torch import Tensor

from colorcli.metrics import auc
from colorcli.metrics._batch import Batch
from colorcli.metrics._metric import Metric


class AuCImage(Metric):
    """Area under the cumulative curve of ab error, mean over pictures."""

    name = "auc-image"
    range = (0.0, 100.0)
    higher_is_better = True
    unit = "%"
    source = "Zhang et al. 2016, arXiv 1603.08511, section 3.1, averaged over pictures"

    def statistics(self, batch: Batch) -> Tensor:
        """Return the share of pixels that each threshold is the first to cover, ``(B, 152)``."""
        counts = batch.once("auc", lambda: auc.count(auc.cells(batch.ab_error), auc.CELLS))
        return counts / counts.sum(1, keepdim=True)

    def score(self, total: Tensor) -> float:
        """Return the mean of the mean curve in per cent."""
        return float(100 * auc.curve(total).mean())

    def curve(self) -> Tensor:
        """Return the mean of the pictures' c(t) for t = 0..150, ``(151,)`` in 0..1."""
        return auc.curve(self.sum())


METRIC = AuCImage
