"""What became of a film."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from colorcli.engine.clip.work import Segment
from colorcli.engine.colorizer import Colorizer
from colorcli.engine.result import Result


@dataclass(frozen=True, kw_only=True)
class FilmResult(Result):
    """The outcome for one film.

    Attributes:
        film: what it was: size, rate, streams (`colorcli.media.video.film.Film.to_json`).
        frames: how many it has.
        kept: how many of them were in colour already and passed through.
        shots: numbers of the frames at which shots begin.
        rate: frames a second, of this run.
        stages: seconds that each stage worked in this run; they overlap.
    """

    film: dict[str, Any] = field(default_factory=dict)
    frames: int = 0
    kept: int = 0
    shots: tuple[int, ...] = ()
    rate: float | None = None
    stages: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON-able values, without ``error``."""
        return {**super().to_json(), "shots": [*self.shots]}


def result_of(
    source: Path | str,
    output: Path | str,
    colorizer: Colorizer,
    segments: Sequence[Segment],
    *,
    seconds: float,
    rate: float | None,
    stages: Mapping[str, float],
    film: dict[str, Any],
    warnings: Sequence[str],
) -> FilmResult:
    """Return the outcome for a film whose segments are all there."""
    shots: list[int] = []
    for i, segment in enumerate(segments):
        middle = i > 0 and segments[i - 1].run_up > 0  # it begins within a shot
        shots += segment.shots[1:] if middle else segment.shots
    return FilmResult(
        input=str(source),
        output=str(output),
        status="done",
        seconds=seconds,
        model=colorizer.model.card.name,
        weights_sha256=colorizer.weights_sha256,
        device=str(colorizer.device),
        precision=colorizer.precision,
        size=colorizer.size,
        warnings=tuple(warnings),
        film=film,
        frames=sum(segment.frames for segment in segments),
        kept=sum(segment.kept for segment in segments),
        shots=tuple(shots),
        rate=round(rate, 2) if rate else None,
        stages={name: round(value, 3) for name, value in stages.items()},
    )
