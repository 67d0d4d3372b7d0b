"""What passes between a film's reader, the colours' steadying, and its writer: one small object a frame."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from colorcli.engine.prepared import Prepared


@dataclass(frozen=True)
class Frame:
    """A frame as the network wants it.

    Attributes:
        number: in the film, from 0, counted in order of presentation.
        time: of presentation, seconds from the film's beginning.
        prepared: its lightness at the network's size.
        ab: ``(2, h, w)`` float32 Lab units, the source's own colours at ``prepared.geometry.inner``; None where the
            source is gray.
    """

    number: int
    time: float
    prepared: Prepared
    ab: Tensor | None = None


@dataclass(frozen=True)
class Colors:
    """The colours of a frame.

    Attributes:
        number: of the frame.
        ab: ``(2, h, w)`` float32 Lab units, of the whole frame, at the size of the network's output.
        shot: number of the shot it belongs to, from 0.
        keep: the frame is in colour already and passes through untouched; ``ab`` then has no meaning.
    """

    number: int
    ab: Tensor
    shot: int
    keep: bool
