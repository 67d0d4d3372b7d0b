"""Distance of a distribution's mean colour from the truth, robust: grows linearly, smooth at zero (Charbonnier)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from colorcli.color import bins

OUTPUT = "logits"


def build(prior: Tensor, *, epsilon: float = 2.0) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the loss; ``epsilon`` (Lab units) is where it turns from quadratic to linear, ``prior`` is not used.

    Returns:
        ``loss(logits (B, Q, h, w), ab (B, 2, h, w))`` in Lab units, mean over pixels.
    """

    def loss(logits: Tensor, ab: Tensor) -> Tensor:
        scores = logits.movedim(1, -1).reshape(-1, logits.shape[1]).float()
        mean = torch.softmax(scores, 1) @ bins.centers().to(scores)
        squared = ((mean - ab.movedim(1, -1).reshape(-1, 2)) ** 2).sum(1)
        return torch.sqrt(squared + epsilon**2).mean() - epsilon

    return loss
