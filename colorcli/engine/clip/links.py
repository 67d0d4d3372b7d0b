"""What one frame has to do with another: how things moved, how far that can be trusted, and how much was found again.

Everything is looked at in a small picture, of a few times the size of the colours, because colours need no more and
flow is what holding colours still costs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from colorcli.motion import flow as motion

#: Short side of the picture that is looked at: twice that of the colours, within these bounds.
_SHORTEST, _LONGEST = 60, 180
#: Share of the short side over which lightness is averaged for what counts as detail.
_DETAIL = 0.15
#: Lightness off by this much after warping, its surroundings' mean aside, counts e^-1.
_LIGHTNESS = 6.0
#: Pictures that differ by less than this on average, in L, are the same, whatever noise is in them.
_SAME = 1.5


@dataclass(frozen=True)
class View:
    """A frame as it is looked at.

    Attributes:
        L: ``(1, h, w)`` float32, 0..100, small.
        contrast: standard deviation of L.
        detail: mean square of what of L is not its surroundings'.
        thumb: ``(1, 18, 32)``, L without its details, for what changes slowly.
    """

    L: Tensor
    contrast: float
    detail: float
    thumb: Tensor


@dataclass(frozen=True)
class Link:
    """From an earlier frame to a later one, at the size of the colours.

    Attributes:
        forward: ``(2, h, w)`` pixels, where the earlier frame's pixels are in the later.
        backward: ``(2, h, w)`` pixels, where the later frame's pixels were in the earlier.
        trust_forward: ``(h, w)`` 0..1, how far ``forward`` can be trusted.
        trust_backward: ``(h, w)`` 0..1, of ``backward``.
        found: how much of the earlier frame is in the later, 0..1.
    """

    forward: Tensor
    backward: Tensor
    trust_forward: Tensor
    trust_backward: Tensor
    found: float


def view(L: Tensor, colors: tuple[int, int]) -> View:
    """Make a frame's view.

    Args:
        L: ``(1, H, W)`` float32, 0..100, as the network sees it.
        colors: (h, w) of the colours.
    """
    height, width = L.shape[-2:]
    short = min(max(2 * min(colors), _SHORTEST), _LONGEST)
    factor = max(min(height, width) / short, 1.0)
    size = max(round(height / factor), 1), max(round(width / factor), 1)
    small = F.interpolate(L[None], size, mode="area")[0]
    thumb = F.interpolate(small[None], (18, 32), mode="area")[0]
    detail = float(_without_surroundings(small).square().mean())
    return View(small, float(small.std(correction=0)), detail, thumb)


def link(first: View, second: View, colors: tuple[int, int]) -> Link:
    """Look from one frame to a later one.

    Args:
        first: the earlier frame.
        second: the later one, of the same size.
        colors: (h, w) of the colours.
    """
    # Brightness and contrast may change, as in a fade or a flickering film, while everything stays where it is.
    A, B = _even(first), _even(second)
    forward, backward = motion.flow(A, B), motion.flow(B, A)
    A_from_B, B_from_A = motion.warp(B, forward), motion.warp(A, backward)
    return Link(
        forward=motion.scale(forward, colors),
        backward=motion.scale(backward, colors),
        trust_forward=_trust(A, A_from_B, motion.confidence(forward, backward), colors),
        trust_backward=_trust(B, B_from_A, motion.confidence(backward, forward), colors),
        found=_found(first, second, _likeness(A, A_from_B), motion.visible(forward, backward)),
    )


def followed(first: View, second: View, links: Sequence[Link]) -> float:
    """Say how alike two frames are when things are followed from one to the other through all frames between.

    Args:
        first: a frame.
        second: a later one.
        links: from ``first`` over the frames between to ``second``, in order.

    Returns:
        Correlation of details, -1..1, over what does not leave the frame on its way.
    """
    way = links[0].backward
    for one in links[1:]:
        way = one.backward + motion.warp(way, one.backward)
    size = (way.shape[1], way.shape[2])
    A, B = motion.resize(_even(first), size), motion.resize(_even(second), size)
    return _likeness(B, motion.warp(A, way), motion.inside(way))


def _even(view: View) -> Tensor:
    """Return L with the mean and the spread that all have; little contrast is not blown up to noise."""
    return ((view.L - view.L.mean()) * (20.0 / max(view.contrast, 5.0)) + 50.0).clamp(0, 100)


def _trust(L: Tensor, warped: Tensor, confidence: Tensor, colors: tuple[int, int]) -> Tensor:
    return motion.resize((confidence * alike(L, warped))[None], colors)[0]


def alike(L: Tensor, warped: Tensor) -> Tensor:
    """Say where two pictures look alike, whatever their brightness.

    Args:
        L: ``(1, h, w)``, 0..100.
        warped: the same.

    Returns:
        ``(h, w)``, 0..1.
    """
    off: Tensor = _without_surroundings(warped - L)[0]
    return torch.exp(-off.square() / _LIGHTNESS**2)


def _likeness(L: Tensor, warped: Tensor, where: Tensor | None = None) -> float:
    """Return the correlation of two pictures' details, -1..1; below 0.3 for unrelated ones, however they are warped."""
    first, second = _without_surroundings(L), _without_surroundings(warped)
    if where is not None:
        first, second = first * where, second * where
    spread = float(first.norm() * second.norm())
    return float((first * second).sum()) / spread if spread > 0 else 0.0


def _found(first: View, second: View, likeness: float, visible: Tensor) -> float:
    if float((first.L - second.L).abs().mean()) < _SAME:
        return 1.0
    return math.sqrt(max(likeness, 0.0) * float(visible.float().mean()))


def _without_surroundings(L: Tensor) -> Tensor:
    reach = max(round(_DETAIL * min(L.shape[-2:]) / 2), 1)
    return L - F.avg_pool2d(L[None], 2 * reach + 1, 1, reach, count_include_pad=False)[0]
