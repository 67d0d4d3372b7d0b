"""How often each ab bin occurs, and the class rebalancing that follows from it (Zhang et al. 2016, section 2.2).

A prior is a float32 tensor ``(Q,)`` that sums to 1, over the bins of :mod:`colorcli.color.bins`.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from colorcli.color import bins


def histogram(ab: Tensor) -> Tensor:
    """Return the share of each bin in a picture or batch: ab ``(B, 2, H, W)`` to ``(Q,)``, summing to 1."""
    counts = torch.bincount(bins.nearest(ab).flatten(), minlength=bins.Q).float()
    return counts / counts.sum().clamp_min(1)


def smooth(prior: Tensor, *, sigma: float = 5.0) -> Tensor:
    """Spread a prior ``(Q,)`` over neighbouring bins with a Gaussian of ``sigma`` Lab units; the sum stays 1."""
    return _kernel(sigma).to(prior) @ prior


@cache
@torch.inference_mode(False)
def _kernel(sigma: float) -> Tensor:
    points = bins.centers().double()
    kernel = torch.exp(-(torch.cdist(points, points) ** 2) / (2 * sigma**2))
    return kernel / kernel.sum(0, keepdim=True)  # each bin gives away exactly what it has


def rebalancing(prior: Tensor, *, mix: float = 0.5) -> Tensor:
    """Return the weight of each bin, inverse to its frequency: rare colours count more.

    Args:
        prior: ``(Q,)``, smoothed (:func:`smooth`).
        mix: lambda, the share of the uniform distribution mixed in before inverting; 1 gives equal weights.

    Returns:
        ``(Q,)`` with expectation 1 under ``prior``.
    """
    weights = 1 / ((1 - mix) * prior + mix / prior.numel())
    return weights / (prior * weights).sum()
