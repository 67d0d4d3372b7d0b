"""What is to be done with one film. Imports nothing heavy, so that a command line can check it before any work."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

from colorcli.errors import UsageError
from colorcli.media.video.codecs import Encoding, container_of

#: Ways to show before and after.
COMPARISONS = ("side", "split")


@dataclass(frozen=True, kw_only=True)
class FilmOptions:
    """How a film is written.

    Attributes:
        encoding: codec and what belongs to it.
        start: seconds from the film's beginning at which to begin.
        end: seconds at which to stop; None is the film's end.
        compare: ``"side"`` writes before and after beside each other, ``"split"`` each in its half of the picture.
        deinterlace: make whole pictures of fields.
        overwrite: replace an output that exists.
        force: begin anew where work was left half done.
        provenance: the output's comment says what made its colours.
        keep_times: the output gets the input's times of access and change.

    Raises:
        UsageError: times out of order.
    """

    encoding: Encoding = field(default_factory=Encoding)
    start: float = 0.0
    end: float | None = None
    compare: Literal["side", "split"] | None = None
    deinterlace: bool = False
    overwrite: bool = False
    force: bool = False
    provenance: bool = True
    keep_times: bool = False

    def __post_init__(self) -> None:
        if self.compare is not None and self.compare not in COMPARISONS:
            raise UsageError(f"unknown comparison {self.compare!r}", hint=f"known: {', '.join(COMPARISONS)}")
        if not 0 <= self.start < math.inf:
            raise UsageError(f"start {self.start} is out of range", hint="give seconds from the film's beginning")
        if self.end is not None and not self.start < self.end < math.inf:
            raise UsageError(
                f"the end, {self.end} s, does not come after the start, {self.start} s",
                hint="both are times of the film; --preview takes a length",
            )

    @property
    def whole(self) -> bool:
        """The film is not cut."""
        return self.start == 0 and self.end is None


@dataclass(frozen=True)
class FilmJob:
    """One film to colorize.

    Attributes:
        input: the file, or a stream of y4m.
        output: the film that is made of it.

    Raises:
        MediaError: the output's suffix stands for no container.
        UsageError: both are one file.
    """

    input: Path | BinaryIO
    output: Path

    def __post_init__(self) -> None:
        container_of(self.output.suffix)
        if isinstance(self.input, Path) and self.input.resolve() == self.output.resolve():
            raise UsageError(f"{str(self.input)!r} is both input and output", hint="name another output with -o")

    @property
    def source(self) -> str:
        """The input's name for messages and reports; ``-`` for a stream."""
        return str(self.input) if isinstance(self.input, Path) else "-"

    @property
    def form(self) -> str | None:
        """FFmpeg's name of the input's format where it is given, not found out."""
        return None if isinstance(self.input, Path) else "yuv4mpegpipe"

    @property
    def container(self) -> str:
        """FFmpeg's name of the output's container."""
        return container_of(self.output.suffix)
