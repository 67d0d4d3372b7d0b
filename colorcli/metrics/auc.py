"""AuC: area under the cumulative curve of ab error (Zhang et al. 2016, section 3.1).

The error of a pixel is the distance between predicted and true ab. c(t) is the share of pixels whose error is at most
t, for t = 0, 1, ..., 150 Lab units; the score is the mean of c(t), in per cent. An all-gray prediction scores about
89 on ImageNet, other values on other data, so it belongs beside every score.
"""

from __future__ import annotations

import torch
from torch import Tensor

from colorcli.metrics._batch import Batch, length
from colorcli.metrics._metric import Metric

#: Of the curve: t = 0..150.
THRESHOLDS = 151
#: Cells of a count: one for each threshold, and one for errors that no threshold covers.
CELLS = THRESHOLDS + 1


def cells(error: Tensor) -> Tensor:
    """Return the first threshold that covers each error (Lab units), int64, same shape; 151 if none does."""
    return error.ceil().clamp(0, THRESHOLDS).long()


def count(index: Tensor, size: int, weight: Tensor | None = None) -> Tensor:
    """Count (or add the weights of) each of ``size`` cells per picture: int64 ``(B, ...)`` to float64 ``(B, size)``."""
    index = index.flatten(1)
    pot = index + size * torch.arange(len(index), device=index.device)[:, None]
    counts = torch.bincount(pot.flatten(), None if weight is None else weight.flatten(), minlength=size * len(index))
    return counts.double().reshape(len(index), size)


def curve(counts: Tensor) -> Tensor:
    """Return c(t), float64 ``(..., 151)`` in 0..1, of counts ``(..., 152)``."""
    return counts[..., :THRESHOLDS].cumsum(-1) / counts.sum(-1, keepdim=True)


class AuC(Metric):
    """Area under the cumulative curve of ab error, all pixels in one pot."""

    name = "auc"
    range = (0.0, 100.0)
    higher_is_better = True
    unit = "%"
    source = "Zhang et al. 2016, arXiv 1603.08511, section 3.1"
    over = "pixels"

    def statistics(self, batch: Batch) -> Tensor:
        """Return how many pixels each threshold is the first to cover, ``(B, 152)``."""
        return batch.once("auc", lambda: count(cells(batch.ab_error), CELLS))

    def update_ab(self, ab: Tensor, truth: Tensor) -> None:
        """Add predicted and true ab alone, both ``(B, 2, H, W)`` in Lab units, as training has them.

        Raises:
            ValueError: they differ in shape.
        """
        if ab.shape != truth.shape:
            raise ValueError(f"prediction {tuple(ab.shape)} and truth {tuple(truth.shape)} differ in shape")
        self.add(count(cells(length((ab - truth).float())), CELLS))

    def score(self, total: Tensor) -> float:
        """Return the mean of the curve in per cent."""
        return float(100 * curve(total).mean())

    def curve(self) -> Tensor:
        """Return c(t) for t = 0..150 over all pixels, ``(151,)`` in 0..1."""
        return curve(self.sum())


METRIC = AuC
