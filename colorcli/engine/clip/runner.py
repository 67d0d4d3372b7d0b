"""A film, file to file: reading, colours and encoding overlap, and what is done is safe on the disk.

    reader thread ─▶ small frames ─▶ steady colours, network ─▶ encoder thread ─▶ segments ─▶ film
    decode, shrink                   (calling thread)           chroma, encode               join, rename

Between the threads wait a few frames, and as many more as the steadying looks ahead; so memory does not grow with the
film. Where segments end, and why an interrupted run gives the same film as any other, stands in
`colorcli.engine.clip.segments` and `work`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from colorcli.engine.clip.frames import Colors, Frame
from colorcli.engine.clip.job import FilmJob, FilmOptions
from colorcli.engine.clip.lanes import Reading, StoppedError, Writing
from colorcli.engine.clip.segments import Cut, Steadying, segmented
from colorcli.engine.clip.sight import Brush, Eye
from colorcli.engine.clip.work import Segment, Workplace
from colorcli.engine.colorizer import Colorizer
from colorcli.media import atomic
from colorcli.media.video import join as joining
from colorcli.media.video.encoder import Target
from colorcli.media.video.picture import Picture
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
        self.work = Workplace(self._output, plan, afresh=options.force)
        self.notes: list[str] = []
        self.stages: dict[str, float] = {}
        self._done = False

    @property
    def frames(self) -> int:
        """How many frames are done for good."""
        return sum(segment.frames for segment in self.work.segments)

    def close(self) -> None:
        """Let go of the workplace; it is removed if the film is complete."""
        self.work.close(remove=self._done)

    def run(self) -> Iterator[int]:
        """Do all there is to do; yield the number of frames handed to the encoder, now and then.

        Raises:
            ColorcliError: what is wrong with the film, the disk or the device.
            KeyboardInterrupt: finished segments are kept, all else is gone.
        """
        if not self.work.done:
            yield from self._colorize()
        self._join()
        self._done = True

    # -- frames -----------------------------------------------------------------------------------------------------

    def _colorize(self) -> Iterator[int]:
        last = self.work.segments[-1] if self.work.segments else None
        at, run_up = (last.next, last.run_up) if last is not None else (None, 0)
        reading = Reading(self._pictures(at, run_up), Eye(self._colorizer, self._target.film))
        writing = Writing(self.work, self._target, Brush(self._colorizer, self._target))
        pictures: dict[int, Picture] = {}
        begun = time.perf_counter()
        waited = 0.0

        def frames() -> Iterator[Frame]:
            nonlocal waited
            since = time.perf_counter()
            for picture, frame in reading:
                waited += time.perf_counter() - since
                pictures[frame.number] = picture
                yield frame
                since = time.perf_counter()

        # A run-up of no frames begins a shot: its number is one more than the last.
        shot = 0 if last is None else last.shot + (run_up == 0)
        count = self.frames
        piece = _Piece(len(self.work.segments))
        try:
            for step in segmented(frames(), self._steadying, shot=shot, run_up=run_up):
                if isinstance(step, Cut):
                    point = pictures[step.number].point
                    writing.put(piece.segment(point, step.run_up, self._wrong()))
                    piece = _Piece(piece.index + 1)
                    continue
                frame, colors = step
                for number in [number for number in pictures if number < frame.number]:
                    del pictures[number]  # of the run-up
                since = time.perf_counter()
                writing.put((pictures[frame.number], colors, frame))
                waited += time.perf_counter() - since
                del pictures[frame.number]
                piece.add(frame, colors)
                count += 1
                yield count
            if piece.frames:
                writing.put(piece.segment(None, 0, self._wrong()))
            writing.finish()
        except StoppedError:
            writing.finish()  # raises what stopped it
            raise
        finally:
            writing.stop()
            reading.stop()
            total = time.perf_counter() - begun
            self.stages = {
                "decode and shrink": reading.seconds,
                "colours": total - waited,
                "chroma": writing.painting,
                "encode": writing.encoding,
                "all": total,
            }

    def _pictures(self, at: Any, run_up: int) -> Iterator[Picture]:
        options, film = self._options, self._target.film
        end = None if options.end is None else (film.start + options.end) / film.time_base
        for picture in self._reader.pictures(at, run_up=run_up, start=options.start):
            if end is not None and picture.pts >= end:
                return
            yield picture

    def _wrong(self) -> tuple[str, ...]:
        """Say what was wrong with the frames read so far."""
        reader, found = self._reader, []
        if reader.damaged:
            found.append(f"{reader.damaged} damaged packets or frames were passed over or mended by the decoder")
        if reader.mended:
            found.append(f"{reader.mended} time stamps were missing or out of order, and were given anew")
        if reader.resized:
            found.append(f"{reader.resized} frames of another size were scaled to that of the first")
        if reader.broken:
            found.append(f"the file breaks off: {reader.broken}")
        return tuple(found)

    # -- the film ---------------------------------------------------------------------------------------------------

    def _join(self) -> None:
        if not self.work.segments:
            raise ValueError("nothing to join")
        self.notes = [*self._target.notes, *dict.fromkeys(n for s in self.work.segments for n in s.notes)]
        options, told = self._options, self._target.film.frames
        if options.whole and told is not None and self.frames < _EARLY * told:
            self.notes.append(f"the film ends early: it has {self.frames} frames, where about {told} are told of")
        cut = None if options.whole else joining.Cut(end=options.end)
        times = _times(self._job.input) if options.keep_times else None
        with atomic.writing(self._output, overwrite=options.overwrite, times=times) as file:
            joining.join(
                self._target,
                self.work.spools,
                file,
                self._job.container,
                source=self._job.input,
                cut=cut,
                comment=self._comment,
                notes=self.notes,
            )


class _Piece:
    """What is known of the segment that frames are handed to."""

    def __init__(self, index: int) -> None:
        self.index, self.frames, self._kept, self._first, self._shot = index, 0, 0, 0, -1
        self._shots: list[int] = []
        self._begun = time.perf_counter()

    def add(self, frame: Frame, colors: Colors) -> None:
        if not self.frames:
            self._first = frame.number
        if colors.shot != self._shot:
            self._shots.append(frame.number)
        self._shot = colors.shot
        self.frames += 1
        self._kept += colors.keep

    def segment(self, after: Any, run_up: int, notes: tuple[str, ...]) -> Segment:
        return Segment(
            index=self.index,
            first=self._first,
            frames=self.frames,
            kept=self._kept,
            shots=tuple(self._shots),
            shot=self._shot,
            next=after,
            run_up=run_up,
            seconds=round(time.perf_counter() - self._begun, 3),
            notes=notes,
        )


def _times(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_atime_ns, status.st_mtime_ns
