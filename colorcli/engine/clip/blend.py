"""Colours of neighbouring frames in one place: averages along motion, forwards from the past and back from the future.

A pixel of a frame is the weighted mean of what the network said of it in this frame, and of it in those before and
after, as far as it can be followed. Each step away weighs less. The past is one picture that moves along; the future
is added up anew for every frame from those that are looked at ahead.

Where predictions differ in hue their mean is grayer than each of them, so the mean chroma is carried, too, and given
back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from colorcli.engine.clip.links import Link
from colorcli.motion.flow import warp

__all__ = ["Cell", "Past", "blend"]

#: Weight that is left after one step along motion that can be trusted wholly, at full strength.
MEMORY = 0.9
#: Most that chroma is raised after averaging.
_RAISE = 1.3
#: Weight of the nearest prediction, as it lies, against all that was followed: only where nothing could be.
_LAST_RESORT = 1e-12


@dataclass
class Cell:
    """A frame in a shot.

    Attributes:
        link: from the frame before; None for the first.
        ab: ``(2, h, w)`` the network's prediction, Lab units; None where it has not looked.
    """

    link: Link | None
    ab: Tensor | None


@dataclass(frozen=True)
class Past:
    """What a shot's frames so far leave to the next: sums of ab, chroma and weight, ``(4, h, w)``."""

    sums: Tensor
    nearest: Tensor


def blend(past: Past | None, cells: Sequence[Cell], strength: float) -> tuple[Tensor, Past]:
    """Colour a frame.

    Args:
        past: of the frames before it; None at a shot's beginning.
        cells: the frame and those after it, in order. The frame or one of each side has a prediction.
        strength: how much the others weigh where the frame has a prediction, 0..1.

    Returns:
        ab ``(2, h, w)``, and the past for the next frame.

    Raises:
        ValueError: there is no prediction at all.
    """
    cell = cells[0]
    own = _summand(cell.ab) if cell.ab is not None else None
    keep = MEMORY * (strength if own is not None else 1.0)
    nearest = own if own is not None else (past.nearest if past is not None else None)
    before = own
    if past is not None and cell.link is not None:
        carried = keep * cell.link.trust_backward * warp(past.sums, cell.link.backward)
        before = carried if own is None else own + carried
    after = _future(cells, strength)
    total = before if after is None else (keep * after if before is None else before + keep * after)
    if nearest is None:
        nearest = next((_summand(other.ab) for other in cells if other.ab is not None), None)
    if total is None or nearest is None:
        raise ValueError("a frame needs a prediction, its own or another's")
    left = before if before is not None else torch.zeros_like(total)
    return _mean(total + _LAST_RESORT * nearest), Past(left, nearest)


def _summand(ab: Tensor) -> Tensor:
    """Return ``(4, h, w)``: ab, its chroma, weight 1."""
    return torch.cat((ab, ab.norm(dim=0, keepdim=True), torch.ones_like(ab[:1])))


def _mean(sums: Tensor) -> Tensor:
    ab, chroma = sums[:2] / sums[3:], sums[2:3] / sums[3:]
    mean: Tensor = ab * (chroma / ab.norm(dim=0, keepdim=True).clamp_min(1e-3)).clamp(1, _RAISE)
    return mean


def _future(cells: Sequence[Cell], strength: float) -> Tensor | None:
    """Return the sums of all frames after the first of ``cells``, brought to it; None if there are none."""
    total: Tensor | None = None
    for cell in reversed(cells[1:]):
        if cell.ab is not None:
            own = _summand(cell.ab)
            total = own if total is None else own + MEMORY * strength * total
        elif total is not None:
            total = MEMORY * total
        if total is not None and cell.link is not None:
            total = cell.link.trust_forward * warp(total, cell.link.forward)
    return total
