"""One film from its file to the coloured one: what is asked for, decided; then run; then told."""

from __future__ import annotations

import itertools
import time
from collections.abc import Generator, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from colorcli.engine import threads
from colorcli.engine.clip import keyframes, known
from colorcli.engine.clip.anchors import Anchors
from colorcli.engine.clip.job import FilmJob, FilmOptions
from colorcli.engine.clip.options import SteadyOptions
from colorcli.engine.clip.result import FilmResult, result_of
from colorcli.engine.clip.runner import Runner
from colorcli.engine.clip.segments import LONGEST, RUN_UP, SHORTEST, Steadying
from colorcli.engine.clip.sight import Brush, Eye
from colorcli.engine.clip.steady import Steady
from colorcli.engine.colorizer import Colorizer
from colorcli.errors import UsageError
from colorcli.media._messages import printable
from colorcli.media.provenance import SOURCE_TYPE
from colorcli.media.video import encoder
from colorcli.media.video.reader import Reader

#: To be raised with every change of the program that changes its films.
_VERSION = 1
#: Frames by which the speed is estimated.
_TRIAL = 12


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
        self._decisive_steady = known.settings_of(steady)
        self._anchors: Anchors | None = None
        self._keys = keyframes.find(steady.keyframes) if steady.keyframes else []
        self._steadying()  # so that what is wrong with a list of shots is told now
        if colorizer.follows_publication:
            name = colorizer.model.card.name
            raise UsageError(f"model {name!r} with --fit stretch is for photos only", hint="leave out --fit")
        self._reader = Reader(job.input, form=job.form, deinterlace=options.deinterlace)
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
            found = result_of(
                self._job.source,
                self._job.output,
                self._colorizer,
                runner.work.segments,
                seconds=seconds,
                rate=fresh / seconds if fresh else None,
                stages=runner.stages,
                film=self.film.to_json(),
                warnings=runner.notes,
            )
            yield runner.frames, found
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
        frames = (eye(picture) for picture in self._reader.part(None, 0, self._options.start, self._options.end))
        cutter = Steady(colorizer, self._steady).cutter()
        for count, _ in enumerate(found.scan(frames, self._keys, cutter, colorizer.info.stride), 1):
            yield count
        self.warnings += [f"no frame for key frame {printable(path)}" for path in found.unused]
        self.warnings += [f"key frame {printable(path)} is gray and says nothing" for path in found.gray]
        self._anchors = found

    @property
    def output(self) -> str:
        """The output's name."""
        return str(self._job.output)

    def plan(self) -> dict[str, Any]:
        """Return what would be done and how long it takes, JSON-able."""
        target = self.target
        return {
            "film": self.film.to_json(),
            "frames": self.total,
            "encoder": target.encoder,
            "pix_fmt": target.layout.name,
            "options": target.encoding.options,
            "notes": [*self.warnings, *target.notes],
            **self._estimate(),
        }

    def _estimate(self) -> dict[str, float | None]:
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

    def _total(self) -> int | None:
        film, options = self.film, self._options
        if options.whole or film.frames is None:
            return film.frames if options.whole else None
        last = film.frames if options.end is None else min(film.frames, round(options.end * film.rate))
        return max(last - round(options.start * film.rate), 0) or None

    def _plan(self) -> dict[str, Any]:
        target, options = self.target, self._options
        return {
            "version": [_VERSION, version("av"), SHORTEST, LONGEST, RUN_UP],
            "film": known.mark(self._job.input) if isinstance(self._job.input, Path) else None,
            "settings": known.decisive(self._colorizer),
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
