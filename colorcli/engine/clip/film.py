"""One film from its file to the coloured one: what is asked for, decided; then run; then told."""

from __future__ import annotations

import hashlib
import itertools
import os
import time
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from colorcli.engine import settings as deciding
from colorcli.engine import threads
from colorcli.engine.clip import keyframes
from colorcli.engine.clip.anchors import Anchors
from colorcli.engine.clip.job import FilmJob, FilmOptions
from colorcli.engine.clip.options import SteadyOptions
from colorcli.engine.clip.runner import Runner
from colorcli.engine.clip.segments import LONGEST, RUN_UP, SHORTEST, Steadying
from colorcli.engine.clip.sight import Brush, Eye
from colorcli.engine.clip.steady import Steady
from colorcli.engine.clip.survey import within
from colorcli.engine.colorizer import Colorizer
from colorcli.engine.options import RunOptions
from colorcli.engine.result import Result
from colorcli.errors import UsageError
from colorcli.media._messages import printable
from colorcli.media.provenance import SOURCE_TYPE
from colorcli.media.video import encoder
from colorcli.media.video.reader import Reader

#: To be raised with every change of the program that changes its films.
_VERSION = 1
#: Frames by which the speed is estimated.
_TRIAL = 12
#: Bytes at a film's beginning and at its end by which it is known.
_MARK = 1 << 20


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


class FilmRun:
    """A film that is about to be colorized.

    Args:
        job: what becomes of what.
        colorizer: the model.
        options: how the film is written.
        steady: how colours are held still.

    Attributes:
        film: what the film is.
        target: how it is encoded.
        total: frames it has, about; None if nobody knows.
        safe: frames that are stored for good.
        warnings: what should be known before the work is done.

    Raises:
        ColorcliError: the film cannot be read or written so.
    """

    def __init__(
        self,
        job: FilmJob,
        colorizer: Colorizer,
        options: FilmOptions,
        steady: SteadyOptions,
    ) -> None:
        self._job, self._colorizer, self._options, self._steady = job, colorizer, options, steady
        self._decisive_steady = settings_of(steady)
        self._anchors: Anchors | None = None
        self._keys = keyframes.find(steady.keyframes) if steady.keyframes else []
        self._steadying()  # so that what is wrong with a list of shots is told now
        if colorizer.follows_publication:
            name = colorizer.model.card.name
            raise UsageError(f"model {name!r} with --fit stretch is for photos only", hint="leave out --fit")
        self._reader = Reader(job.input, deinterlace=options.deinterlace)
        try:
            self.film = self._reader.film
            self.target = encoder.plan(
                self.film, options.encoding, job.container, compare=options.compare, progressive=options.deinterlace
            )
            encoder.check_container(self.target, job.container, job.output.suffix)
        except BaseException:
            self._reader.close()
            raise
        self.total = self._total()
        self.safe = 0
        self.warnings: list[str] = []
        if self.film.interlaced and not options.deinterlace:
            self.warnings.append(f"the film is interlaced ({self.film.interlaced}); --deinterlace makes whole pictures")

    def close(self) -> None:
        """Close the film."""
        self._reader.close()

    def run(self) -> Generator[tuple[int, FilmResult | None]]:
        """Colorize; yield the number of frames done as they come, and with the last one the result.

        Raises:
            ColorcliError: what is wrong with the film, the disk or the device.
            KeyboardInterrupt: finished segments are kept.
        """
        begun, count = time.perf_counter(), 0
        for _ in self._anchor():
            yield 0, None
        runner = Runner(
            self._job,
            self._reader,
            self.target,
            self._colorizer,
            self._steadying,
            self._options,
            plan=self._plan(),
            comment=self._comment() if self._options.provenance else None,
        )
        before = runner.frames
        self.warnings += [runner.work.warning] if runner.work.warning else []
        if runner.work.discarded:
            self.warnings.append(f"work that was left half done is begun anew ({runner.work.discarded})")
        try:
            self.safe = before
            if before:
                yield before, None
            for count in runner.run():
                self.safe = runner.frames
                yield count, None
            seconds = time.perf_counter() - begun
            fresh = runner.frames - before
            yield runner.frames, self._result(runner, seconds, fresh / seconds if fresh else None)
        finally:
            runner.close()

    def _steadying(self) -> Steadying:
        """Return a steadying that knows nothing yet."""
        return Steady(self._colorizer, self._steady, self._anchors).colors

    def _anchor(self) -> Iterator[int]:
        """Look through the film for what key frames say; yield the number of frames seen."""
        if not self._keys:
            return
        found, colorizer = Anchors(self._colorizer.strength), self._colorizer
        eye = Eye(colorizer, self.film)
        frames = (eye(picture) for picture in within(self._reader, self.film, self._options))
        cutter = Steady(colorizer, self._steady).cutter()
        for count, _ in enumerate(found.scan(frames, self._keys, cutter, colorizer.info.stride), 1):
            yield count
        self.warnings += [f"no frame for key frame {printable(path)}" for path in found.unused]
        self.warnings += [f"key frame {printable(path)} is gray and says nothing" for path in found.gray]
        self._anchors = found

    def estimate(self) -> dict[str, float | None]:
        """Return how fast the work goes, ``rate`` frames a second, and how long it takes, ``seconds``, by a trial.

        The first frames are colorized and encoded, one step after the other, and thrown away. Steps that overlap in a
        run are not counted twice: the time is that of the slowest, shared out to the cores.
        """
        eye, brush, writer = (
            Eye(self._colorizer, self.film),
            Brush(self._colorizer, self.target),
            encoder.Encoder(self.target),
        )
        pictures = itertools.islice(self._reader.pictures(start=self._options.start), _TRIAL)
        spent = [0.0, 0.0, 0.0]
        clock = time.perf_counter()

        def lap(step: int) -> None:
            nonlocal clock
            now = time.perf_counter()
            spent[step] += now - clock
            clock = now

        seen = [(picture, eye(picture)) for picture in pictures]
        lap(0)
        found = list(self._steadying()(frame for _, frame in seen))
        lap(1)
        for (picture, frame), colors in zip(seen, found, strict=True):
            writer.add(picture, None if colors.keep else brush(picture, colors, frame.prepared))
        writer.finish()
        lap(2)
        rate = len(seen) / max(max(spent), sum(spent) / threads.cores())
        return {"rate": round(rate, 2), "seconds": round(self.total / rate, 3) if self.total else None}

    def _result(self, runner: Runner, seconds: float, rate: float | None) -> FilmResult:
        colorizer, segments = self._colorizer, runner.work.segments
        shots: list[int] = []
        for i, segment in enumerate(segments):
            middle = i > 0 and segments[i - 1].run_up > 0  # it begins within a shot
            shots += segment.shots[1:] if middle else segment.shots
        return FilmResult(
            input=str(self._job.input),
            output=str(self._job.output),
            status="done",
            seconds=seconds,
            model=colorizer.model.card.name,
            weights_sha256=colorizer.weights_sha256,
            device=str(colorizer.device),
            precision=colorizer.precision,
            size=colorizer.size,
            warnings=tuple(runner.notes),
            film=self.film.to_json(),
            frames=runner.frames,
            kept=sum(segment.kept for segment in segments),
            shots=tuple(shots),
            rate=round(rate, 2) if rate else None,
            stages={name: round(value, 3) for name, value in runner.stages.items()},
        )

    def _total(self) -> int | None:
        film, options = self.film, self._options
        if options.whole or film.frames is None:
            return film.frames if options.whole else None
        last = film.frames if options.end is None else min(film.frames, round(options.end * film.rate))
        return max(last - round(options.start * film.rate), 0) or None

    def _decisive(self) -> dict[str, Any]:
        """Return what decides the colours, without what only photos have."""
        colorizer = self._colorizer
        found = deciding.settings(colorizer.options, RunOptions(), colorizer.model.card)
        only_photos = ("quality", "profile", "provenance", "keep_times", "on_color")
        return {name: value for name, value in found.items() if name not in only_photos}

    def _plan(self) -> dict[str, Any]:
        target, options = self.target, self._options
        return {
            "version": [_VERSION, version("av"), SHORTEST, LONGEST, RUN_UP],
            "film": _mark(self._job.input),
            "settings": self._decisive(),
            "weights": self._colorizer.weights_sha256,
            "steadying": self._decisive_steady,
            "encoding": [target.encoder, target.layout.name, target.encoding.options, self._job.container],
            "part": [options.start, options.end],
            "compare": options.compare,
            "deinterlace": options.deinterlace,
        }

    def _comment(self) -> str:
        colorizer = self._colorizer
        return (
            f"Colours by colorcli {version('colorcli')}, model {colorizer.model.card.name}"
            f" (weights sha256 {colorizer.weights_sha256}); {SOURCE_TYPE}"
        )


def _mark(path: Path) -> list[Any]:
    """Return what a film is known by: its size, its time of change, and a hash of its beginning and its end."""
    status = path.stat()
    digest = hashlib.sha256()
    with path.open("rb") as file:
        digest.update(file.read(_MARK))
        file.seek(max(status.st_size - _MARK, 0), os.SEEK_SET)
        digest.update(file.read(_MARK))
    return [status.st_size, status.st_mtime_ns, digest.hexdigest()]


def settings_of(options: Any) -> dict[str, Any]:
    """Return a dataclass of options as JSON-able values; files by what is in them."""
    found = {}
    for name, value in asdict(options).items():
        if isinstance(value, Path):
            value = (
                _mark(value) if value.is_file() else sorted([p.name, *_mark(p)] for p in value.iterdir() if p.is_file())
            )
        found[name] = value
    return found
