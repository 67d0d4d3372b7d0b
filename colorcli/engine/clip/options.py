"""What can be asked of a film's colours. Imports nothing heavy, so that a command line can check it before any work."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from colorcli.errors import UsageError

__all__ = ["ON_COLOR", "SteadyOptions"]

#: What becomes of shots that are in colour already.
ON_COLOR = ("skip", "recolor")
#: Most frames between two that the network sees, and most that are looked at ahead: all of them are held in memory.
MOST_FRAMES = 120


@dataclass(frozen=True, kw_only=True)
class SteadyOptions:
    """How colours are held still.

    Attributes:
        stabilize: how much of a colour comes from the frames around, 0..1; 0 is frame by frame.
        cut: a frame begins a shot if less than this share of the one before it can be found in it, 0..1; 0 never cuts.
        every: the network sees each shot's first frame, its last, and every ``every``-th; between them motion carries
            the colours.
        look_ahead: frames after a frame that count for its colours; at least ``every`` are looked at.
        on_color: one of :data:`ON_COLOR`; ``"skip"`` passes shots in colour through.
        shots: a list of shots (see `colorcli.engine.clip.shotlist`) to be used instead of looking for cuts.
        keyframes: a folder of frames coloured by hand (see `colorcli.engine.clip.keyframes`).

    Raises:
        UsageError: a number out of its range.
    """

    stabilize: float = 1.0
    cut: float = 0.25
    every: int = 1
    look_ahead: int = 8
    on_color: Literal["skip", "recolor"] = "skip"
    shots: Path | None = None
    keyframes: Path | None = None

    def __post_init__(self) -> None:
        for name in ("stabilize", "cut"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} {getattr(self, name)} is out of range", hint="give 0 to 1")
        if not 1 <= self.every <= MOST_FRAMES:
            raise UsageError(f"every {self.every} is out of range", hint=f"give 1 to {MOST_FRAMES} frames")
        if not 0 <= self.look_ahead <= MOST_FRAMES:
            raise UsageError(f"look-ahead {self.look_ahead} is out of range", hint=f"give 0 to {MOST_FRAMES} frames")
        if self.on_color not in ON_COLOR:
            raise UsageError(f"unknown on-color {self.on_color!r}", hint=f"known: {', '.join(ON_COLOR)}")
