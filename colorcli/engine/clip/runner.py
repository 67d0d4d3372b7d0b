"""A film, file to file: reading, colours and encoding overlap, and what is done is safe on the disk.

    reader thread ─▶ small frames ─▶ steady colours, network ─▶ encoder thread ─▶ segments ─▶ film
    decode, shrink                   (calling thread)           chroma, encode               join, rename

The threads stand in `colorcli.engine.clip.lanes` and `passage`; where segments end, and why an interrupted run gives
the same film as any other, in `segments` and `work`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from colorcli.engine.clip.frames import Colors, Frame
from colorcli.engine.clip.job import FilmJob, FilmOptions
from colorcli.engine.clip.passage import Passage
from colorcli.engine.clip.segments import Steadying
from colorcli.engine.clip.sight import Brush, Eye
from colorcli.engine.clip.work import Workplace
from colorcli.engine.colorizer import Colorizer
from colorcli.media import atomic
from colorcli.media.video import join as joining
from colorcli.media.video import spool
from colorcli.media.video.encoder import Encoder, Target
from colorcli.media.video.picture import Picture, Point
from colorcli.media.video.reader import Reader

#: Share of the frames a file tells of below which it is said to end early: many files only tell their length, roughly.
_EARLY = 0.75


class Runner:
    """Colorizes one film.

    Args:
        job: what becomes of what.
        reader: of the film, open.
        target: how it is encoded.
        colorizer: the model.
        steadying: makes a fresh steadying.
        options: how the film is written.
        plan: everything that decides the result, JSON-able.
        comment: for the output's metadata.

    Attributes:
        work: what is done already.
        notes: what could not be kept, or was wrong with the film.
        stages: seconds that each stage worked, so far.
    """

    def __init__(
        self,
        job: FilmJob,
        reader: Reader,
        target: Target,
        colorizer: Colorizer,
        steadying: Callable[[], Steadying],
        options: FilmOptions,
        *,
        plan: dict[str, Any],
        comment: str | None = None,
    ) -> None:
        self._job, self._reader, self._target, self._options = job, reader, target, options
        self._colorizer, self._steadying, self._comment = colorizer, steadying, comment
        self._output = atomic.check_target(job.output, overwrite=options.overwrite)
        self.work = Workplace(self._output, plan, afresh=options.force or job.form is not None)
        self.notes: list[str] = []
        self.stages: dict[str, float] = {}
        self._done = False

    @property
    def frames(self) -> int:
        """How many frames are done for good."""
        return sum(segment.frames for segment in self.work.segments)

    def close(self) -> None:
        """Let go of the workplace; it is removed if the film is complete."""
        self.work.close(remove=self._done or self._job.form is not None)  # a stream cannot be read again

    def run(self) -> Iterator[int]:
        """Do all there is to do; yield the number of frames handed to the encoder, now and then.

        Raises:
            ColorcliError: what is wrong with the film, the disk or the device.
            KeyboardInterrupt: finished segments are kept, all else is gone.
        """
        if not self.work.done:
            brush = Brush(self._colorizer, self._target)
            passage = Passage(
                self._pictures,
                Eye(self._colorizer, self._target.film),
                self._steadying,
                lambda file: _Spooled(self._target, brush, file),
                self.work,
                self._reader.wrong,
            )
            try:
                yield from passage.run()
            finally:
                self.stages = passage.stages
        self._join()
        self._done = True

    def _pictures(self, at: Point | None, run_up: int) -> Iterator[Picture]:
        return self._reader.part(at, run_up, self._options.start, self._options.end)

    def _join(self) -> None:
        if not self.work.segments:
            raise ValueError("nothing to join")
        self.notes = [*self._target.notes, *dict.fromkeys(n for s in self.work.segments for n in s.notes)]
        options, told = self._options, self._target.film.frames
        if options.whole and told is not None and self.frames < _EARLY * told:
            self.notes.append(f"the film ends early: it has {self.frames} frames, where about {told} are told of")
        cut = None if options.whole else joining.Cut(end=options.end)
        source = self._job.input if isinstance(self._job.input, Path) else None
        times = _times(source) if options.keep_times and source is not None else None
        with atomic.writing(self._output, overwrite=options.overwrite, times=times) as file:
            joining.join(
                self._target,
                self.work.spools,
                file,
                self._job.container,
                source=source,
                cut=cut,
                comment=self._comment,
                notes=self.notes,
            )


class _Spooled:
    """Colours and encodes the frames of a segment into its file."""

    def __init__(self, target: Target, brush: Brush, file: BinaryIO | None) -> None:
        if file is None:
            raise ValueError("an encoded segment needs a file")
        self._brush, self._file, self._encoder = brush, file, Encoder(target)
        self.stages = {"chroma": 0.0, "encode": 0.0}
        spool.begin(file, {"extradata": self._encoder.extradata.hex()})

    def add(self, picture: Picture, colors: Colors, frame: Frame) -> None:
        begun = time.perf_counter()
        chroma = None if colors.keep else self._brush(picture, colors, frame.prepared)
        painted = time.perf_counter()
        self._store(self._encoder.add(picture, chroma))
        self.stages["chroma"] += painted - begun
        self.stages["encode"] += time.perf_counter() - painted

    def finish(self) -> None:
        self._store(self._encoder.finish())
        spool.end(self._file)

    def _store(self, packets: list[spool.Coded]) -> None:
        for packet in packets:
            spool.put(self._file, packet)


def _times(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_atime_ns, status.st_mtime_ns
