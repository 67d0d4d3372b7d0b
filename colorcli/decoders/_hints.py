"""Hints for networks that know nothing of them: they enter the distribution, and spread over what is alike.

A hint says the colour where it stands. How far it reaches from there is a matter of the picture: the cost of a path
from cell to cell grows with its length, and with the square of every step in lightness, so that a hint fills the
region it lies in and stops at its border (geodesic distance, as in Levin, Lischinski and Weiss 2004, whose colours
spread over pixels of like lightness). With probability exp(-cost) a cell has the colour of the hint that is nearest
in this sense; else the network is right. For the Markov random field this mixture is the unary term, all but certain
at the hints themselves, and it settles what is left open.
"""

from __future__ import annotations

import torch
from torch import Tensor

from colorcli.color import bins

#: Cost of going straight from one side of a picture, the longer one, to the other.
ACROSS = 1.5
#: A step in lightness of so much, in L (0..100), costs 1.
SIGMA_L = 12.0
#: Probability of the hint's colour at the hint itself.
CERTAIN = 0.995
#: The relaxation ends when no cost falls by more than this.
_TOLERANCE = 1e-3
_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))


def spread(hints: Tensor, L: Tensor) -> tuple[Tensor, Tensor]:
    """Find how much of which hint each cell has.

    Args:
        hints: ``(3, h, w)``: a, b (Lab units), and 1 where there is a hint.
        L: ``(h, w)``, 0..100.

    Returns:
        The hint's probability ``(h, w)``, 0 everywhere if there is no hint, and its ab ``(2, h, w)``.
    """
    there = hints[2] > 0
    cost = torch.where(there, 0.0, float("inf")).to(L)
    ab = hints[:2].to(L).clone()
    if not bool(there.any()):
        return torch.zeros_like(cost), ab
    unit = ACROSS / max(L.shape)
    for _ in range(4 * max(L.shape)):
        before = cost.clone()
        for dy, dx in _STEPS:
            for back in (False, True):
                source, target = _pair(dy, dx, back)
                length = unit * (dy * dy + dx * dx) ** 0.5
                offer = cost[source] + length + ((L[source] - L[target]) / SIGMA_L) ** 2
                better = offer < cost[target]
                cost[target] = torch.where(better, offer, cost[target])
                ab[(slice(None), *target)] = torch.where(better, ab[(slice(None), *source)], ab[(slice(None), *target)])
        if bool(((before - cost).nan_to_num(0.0, posinf=1.0) <= _TOLERANCE).all()):
            break
    return CERTAIN * torch.exp(-cost), ab


def mixed(logits: Tensor, hints: Tensor, L: Tensor) -> Tensor:
    """Mix hints into distributions.

    Args:
        logits: ``(1, Q, h, w)``, finite.
        hints: ``(3, h, w)`` as for :func:`spread`.
        L: ``(1, 1, h, w)``, 0..100.

    Returns:
        Log probabilities ``(1, Q, h, w)``, finite.

    Raises:
        ValueError: a shape is not as stated: hints belong to one picture.
    """
    if logits.shape[0] != 1 or hints.shape != (3, *logits.shape[2:]):
        raise ValueError(f"hints must be (3, h, w) for logits of one picture, got {tuple(hints.shape)}")
    share, ab = spread(hints.to(logits), L[0, 0].float())
    index, weight = bins.soft_encode(ab[None])
    hinted = torch.zeros_like(logits).scatter_(1, index, weight.to(logits))
    found = share * hinted + (1 - share) * torch.softmax(logits, 1)
    return found.clamp_min(1e-30).log()


def _pair(dy: int, dx: int, back: bool) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the slices of all cells that have a neighbour at (dy, dx), and of those neighbours, or the reverse."""

    def cut(step: int) -> tuple[slice, slice]:
        if step == 0:
            return slice(None), slice(None)
        return (slice(None, -step), slice(step, None)) if step > 0 else (slice(-step, None), slice(None, step))

    (y0, y1), (x0, x1) = cut(dy), cut(dx)
    one, other = (y0, x0), (y1, x1)
    return (other, one) if back else (one, other)
