"""Distance of a distribution's mean colour from the truth, robust: grows linearly, smooth at zero (Charbonnier)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from colorcli.color import bins
from colorcli.training.losses._bins import rows

OUTPUT = "logits"


def build(prior: Tensor, *, epsilon: float = 2.0, share: float = 1.0) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the loss; ``prior`` is not used.

    Args:
        prior: taken because every loss of distributions is given it.
        epsilon: where the loss turns from quadratic to linear, Lab units.
        share: of the pixels that are looked at in a training step; see :func:`colorcli.training.losses._bins.rows`.

    Returns:
        ``loss(logits (B, Q, h, w), ab (B, 2, h, w))`` in Lab units, mean over pixels.
    """

    def loss(logits: Tensor, ab: Tensor) -> Tensor:
        scores, truth = rows(logits, ab, share)
        mean = torch.softmax(scores, 1) @ bins.centers().to(scores)
        return torch.sqrt(((mean - truth) ** 2).sum(1) + epsilon**2).mean() - epsilon

    return loss
