"""AuC: area under the cumulative curve of ab error (Zhang et al. 2016, section 3.1).

The error of a pixel is the distance between predicted and true ab. c(t) is the share of pixels whose error is at most
t, for t = 0, 1, ..., 150 Lab units; the score is the mean of c(t), in per cent. An all-gray prediction scores about
89 on ImageNet, other values on other data, so it belongs beside every score.

The rebalanced score weights each pixel by the inverse of the (mixed) prior of its true colour's bin, so that rare,
saturated colours count as much as the common near-grays.
"""

from __future__ import annotations

import torch
from torch import Tensor

from colorcli.color import bins, prior

THRESHOLDS = 151


class AuC:
    """Accumulates pixels; 100 is perfect. ``higher_is_better``; independent of the batch size.

    Args:
        weights: ``(Q,)`` weight of each true colour's bin (:func:`colorcli.color.prior.rebalancing`), or None to
            count all pixels alike.
    """

    higher_is_better = True

    def __init__(self, weights: Tensor | None = None) -> None:
        self.weights = weights
        self.reset()

    def reset(self) -> None:
        """Forget all pixels."""
        self._counts = torch.zeros(THRESHOLDS + 1, dtype=torch.float64)

    def update(self, ab: Tensor, truth: Tensor) -> None:
        """Add pixels: predicted and true ab, both ``(B, 2, H, W)`` in Lab units."""
        if ab.shape != truth.shape:
            raise ValueError(f"prediction {tuple(ab.shape)} and truth {tuple(truth.shape)} differ in shape")
        error = (ab - truth).float().norm(dim=1).flatten()
        # Counted at the first threshold that covers the error; the last cell holds what no threshold covers.
        cell = error.ceil().clamp(0, THRESHOLDS).long()
        weight = None if self.weights is None else self.weights[bins.nearest(truth)].flatten().double()
        self._counts += torch.bincount(cell, weight, minlength=THRESHOLDS + 1)

    def compute(self) -> float:
        """Return the score in per cent.

        Raises:
            ValueError: no pixel was added.
        """
        return float(100 * self.curve().mean())

    def curve(self) -> Tensor:
        """Return c(t) for t = 0..150, ``(151,)`` in 0..1."""
        total = self._counts.sum()
        if total == 0:
            raise ValueError("AuC needs at least one pixel")
        return self._counts[:THRESHOLDS].cumsum(0) / total


def rebalanced(frequency: Tensor, *, mix: float = 0.5) -> AuC:
    """Return the class-rebalanced AuC for a bin prior ``(Q,)`` that sums to 1; ``mix`` is the paper's lambda."""
    return AuC(prior.rebalancing(frequency, mix=mix))
