"""Cross entropy against soft-encoded ab bins, with class rebalancing (Zhang et al. 2016, sections 2.1 and 2.2)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from colorcli.color import bins
from colorcli.color.prior import rebalancing
from colorcli.training.losses._bins import rows

OUTPUT = "logits"


def build(
    prior: Tensor,
    *,
    neighbours: int = 5,
    sigma: float = 5.0,
    mix: float = 0.5,
    power: float = 1.0,
    share: float = 1.0,
) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the loss.

    Args:
        prior: ``(Q,)``, smoothed frequency of the bins in the training data.
        neighbours: bins that share a pixel.
        sigma: width of the soft encoding, Lab units.
        mix: lambda, the share of the uniform distribution in the rebalancing.
        power: strength of the rebalancing: 1 is the paper's, 0 none.
        share: of the pixels that are looked at in a training step; see :func:`colorcli.training.losses._bins.rows`.

    Returns:
        ``loss(logits (B, Q, h, w), ab (B, 2, h, w))``: mean over pixels, each weighted by the rebalancing weight of
        its nearest bin, as in the paper.
    """
    weights = rebalancing(prior, mix=mix) ** power
    weights = weights / (prior * weights).sum()

    def loss(logits: Tensor, ab: Tensor) -> Tensor:
        scores, truth = rows(logits, ab, share)
        index, part = bins.soft_encode(truth[:, :, None, None], neighbours=neighbours, sigma=sigma)
        index, part = index[..., 0, 0], part[..., 0, 0]
        cross = -(torch.log_softmax(scores, 1).gather(1, index) * part).sum(1)
        return (cross * weights.to(cross.device)[index[:, 0]]).mean()

    return loss
