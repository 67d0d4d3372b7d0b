"""Films that come or go through a pipe, raw (y4m): nothing is kept on the disk, nothing can be resumed.

ffmpeg -i reel.vob -f yuv4mpegpipe - | colorcli video - -o - | ffmpeg -i - ...
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from colorcli.engine.clip.frames import Colors, Frame
from colorcli.engine.clip.job import FilmOptions
from colorcli.engine.clip.options import SteadyOptions
from colorcli.engine.clip.passage import Passage
from colorcli.engine.clip.result import FilmResult, result_of
from colorcli.engine.clip.segments import Steadying
from colorcli.engine.clip.sight import Brush, Eye
from colorcli.engine.clip.steady import Steady
from colorcli.engine.colorizer import Colorizer
from colorcli.errors import UsageError
from colorcli.media._messages import from_os_error
from colorcli.media.video import y4m
from colorcli.media.video.picture import Picture, Point
from colorcli.media.video.reader import Reader


class RawRun:
    """A film that is about to be colorized, to a pipe.

    Args:
        source: a file; or a stream of y4m.
        sink: takes y4m.
        colorizer: the model.
        options: ``start``, ``end``, ``compare`` and ``deinterlace`` count.
        steady: how colours are held still.

    Attributes:
        film: what the film is.
        target: how it goes out.
        total: frames it has, about; None if nobody knows.
        safe: frames that are stored for good: none, here.
        warnings: what should be known.

    Raises:
        ColorcliError: the film cannot be read.
    """

    def __init__(
        self,
        source: Path | BinaryIO,
        sink: BinaryIO,
        colorizer: Colorizer,
        options: FilmOptions,
        steady: SteadyOptions,
    ) -> None:
        self._source, self._sink, self._colorizer = source, sink, colorizer
        self._options, self._steady = options, steady
        if steady.keyframes is not None:
            raise UsageError("--keyframes is for films in files", hint="leave it out")
        self._steadying()
        form = None if isinstance(source, Path) else "yuv4mpegpipe"
        self._reader = Reader(source, form=form, deinterlace=options.deinterlace)
        self.film = self._reader.film
        try:
            self.target = y4m.plan(self.film, compare=options.compare)
        except BaseException:
            self._reader.close()
            raise
        self.total = self.film.frames if options.whole else None
        self.safe = 0
        self.warnings: list[str] = [*self.target.notes]

    @property
    def output(self) -> str:
        """The output's name."""
        return "-"

    def plan(self) -> dict[str, Any]:
        """Return what would be done, JSON-able; how long it takes is not tried on a stream."""
        return {
            "film": self.film.to_json(),
            "frames": self.total,
            "encoder": self.target.encoder,
            "pix_fmt": self.target.layout.name,
            "notes": self.warnings,
            "rate": None,
            "seconds": None,
        }

    def close(self) -> None:
        """Close the film."""
        self._reader.close()

    def run(self) -> Generator[tuple[int, FilmResult | None]]:
        """Colorize; yield the number of frames done as they come, and with the last one the result.

        Raises:
            ColorcliError: what is wrong with the film or the device.
        """
        begun, brush = time.perf_counter(), Brush(self._colorizer, self.target)
        passage = Passage(
            self._pictures,
            Eye(self._colorizer, self.film),
            self._steadying,
            lambda _: _Raw(y4m.Writer(self._sink, self.target), brush),
            None,
            lambda: (),
        )
        count = 0
        for count in passage.run():
            yield count, None
        seconds = time.perf_counter() - begun
        source = self._source if isinstance(self._source, Path) else "-"
        result = result_of(
            source,
            "-",
            self._colorizer,
            passage.segments,
            seconds=seconds,
            rate=count / seconds,
            stages=passage.stages,
            film=self.film.to_json(),
            warnings=self._reader.wrong(),
        )
        yield count, result

    def _steadying(self) -> Steadying:
        return Steady(self._colorizer, self._steady).colors

    def _pictures(self, at: Point | None, run_up: int) -> Iterator[Picture]:
        return self._reader.part(at, run_up, self._options.start, self._options.end)


class _Raw:
    """Colours frames and writes them raw."""

    def __init__(self, writer: y4m.Writer, brush: Brush) -> None:
        self._writer, self._brush = writer, brush
        self.stages = {"chroma": 0.0, "write": 0.0}

    def add(self, picture: Picture, colors: Colors, frame: Frame) -> None:
        begun = time.perf_counter()
        chroma = None if colors.keep else self._brush(picture, colors, frame.prepared)
        painted = time.perf_counter()
        try:
            self._writer.add(picture, chroma)
        except BrokenPipeError:
            raise  # who reads has had enough: the command ends quietly
        except OSError as error:
            raise from_os_error(error, "standard output", doing="write") from error
        self.stages["chroma"] += painted - begun
        self.stages["write"] += time.perf_counter() - painted

    def finish(self) -> None:
        self._writer.flush()
