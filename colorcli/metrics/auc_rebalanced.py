"""Class-rebalanced AuC: as ``auc``, with pixels weighted by the inverse (mixed) prior of their true colour's bin.

Rare, saturated colours then count as much as the common near-grays. Without a prior, that of the true pixels seen is
used, smoothed as for training: errors are counted for each bin apart, and weighted in the end.
"""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import torch
from torch import Tensor

from colorcli.color import bins, prior
from colorcli.metrics import auc
from colorcli.metrics._batch import Batch, length
from colorcli.metrics._metric import Metric


class AuCRebalanced(Metric):
    """Area under the cumulative curve of ab error, rare true colours weighted up.

    Args:
        frequency: prior ``(313,)`` that sums to 1, smoothed; None takes the true pixels' own. A single picture's score
            (:meth:`score` of its row) then follows that picture's prior.
        mix: lambda of the paper.
    """

    name = "auc-rebalanced"
    range = (0.0, 100.0)
    higher_is_better = True
    unit = "%"
    source = "Zhang et al. 2016, arXiv 1603.08511, sections 2.2 and 3.1"
    over: ClassVar[Literal["pixels", "pictures", "set"]] = "pixels"

    def __init__(self, frequency: Tensor | None = None, *, mix: float = 0.5) -> None:
        super().__init__()
        self.mix = mix
        self.weights = None if frequency is None else prior.rebalancing(frequency, mix=mix)

    def statistics(self, batch: Batch) -> Tensor:
        """Return weighted counts ``(B, 152)`` or, without a prior, counts of bin and threshold ``(B, 313 * 152)``."""
        return self._count(batch.ab_error, batch.truth.bins)

    def update_ab(self, ab: Tensor, truth: Tensor) -> None:
        """Add predicted and true ab alone, both ``(B, 2, H, W)`` in Lab units.

        Raises:
            ValueError: they differ in shape.
        """
        if ab.shape != truth.shape:
            raise ValueError(f"prediction {tuple(ab.shape)} and truth {tuple(truth.shape)} differ in shape")
        self.add(self._count(length((ab - truth).float()), bins.nearest(truth)))

    def _count(self, error: Tensor, index: Tensor) -> Tensor:
        """Return the rows for errors and bins of the true colours, both ``(B, H, W)``."""
        cells = auc.cells(error)
        if self.weights is not None:
            return auc.count(cells, auc.CELLS, self.weights.to(error.device)[index].double())
        return auc.count(index * auc.CELLS + cells, bins.Q * auc.CELLS)

    def _weighted(self, total: Tensor) -> Tensor:
        if self.weights is not None:
            return total
        counts = total.reshape(bins.Q, auc.CELLS)
        frequency = counts.sum(1) / counts.sum()
        return prior.rebalancing(prior.smooth(frequency), mix=self.mix) @ counts

    def score(self, total: Tensor) -> float:
        """Return the mean of the weighted curve in per cent."""
        return float(100 * auc.curve(self._weighted(total)).mean())

    def curve(self) -> Tensor:
        """Return the weighted c(t) for t = 0..150, ``(151,)`` in 0..1."""
        return auc.curve(self._weighted(self.sum()))

    def merge(self, other: Self) -> None:
        """Add what ``other`` has seen; raises ValueError if it weights pixels otherwise."""
        ours, theirs = (getattr(metric, "weights", None) for metric in (self, other))
        same = theirs is None if ours is None else theirs is not None and torch.equal(ours, theirs)
        if isinstance(other, AuCRebalanced) and not (same and self.mix == other.mix):
            raise ValueError("two rebalanced AuC of different priors cannot be merged")
        super().merge(other)


METRIC = AuCRebalanced
