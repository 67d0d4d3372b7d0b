"""Frames on their way: read in one thread, given colours in this one, coloured and stored in a third.

Between the threads wait a few frames, and as many more as the steadying looks ahead; so memory does not grow with the
film.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from colorcli.engine.clip.frames import Colors, Frame
from colorcli.engine.clip.lanes import Reading, Sinks, StoppedError, Writing
from colorcli.engine.clip.segments import Cut, Steadying, segmented
from colorcli.engine.clip.work import Segment, Workplace
from colorcli.media.video.picture import Point


@dataclass
class Passage:
    """The frames of a film, or of a part of it, and what is done with them.

    Attributes:
        pictures: given a point and a number of frames before it, yields pictures from there on; each has a ``number``
            and a ``point``.
        eye: makes a picture small.
        steadying: makes a fresh steadying, for each segment.
        sinks: opens what takes the frames, for each segment.
        work: keeps record of segments, and of those that are done already; None where nothing is resumed.
        wrong: says what was wrong with the pictures read so far.
        stages: seconds that each stage worked; they overlap.
    """

    pictures: Callable[[Point | None, int], Iterator[Any]]
    eye: Callable[[Any], Frame]
    steadying: Callable[[], Steadying]
    sinks: Sinks
    work: Workplace | None
    wrong: Callable[[], tuple[str, ...]]

    def __post_init__(self) -> None:
        self.stages: dict[str, float] = {}
        self.segments: list[Segment] = list(self.work.segments) if self.work is not None else []

    def run(self) -> Iterator[int]:
        """Do what is left to do; yield the number of frames handed over, with those of earlier runs.

        Raises:
            ColorcliError: what is wrong with the film, the disk or the device.
        """
        last = self.segments[-1] if self.segments else None
        at, run_up = (last.next, last.run_up) if last is not None else (None, 0)
        reading = Reading(self.pictures(at, run_up), self.eye)
        writing = Writing(self.work, self.sinks)
        pictures: dict[int, Any] = {}
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
        count = sum(segment.frames for segment in self.segments)
        piece = _Piece(len(self.segments))
        try:
            for step in segmented(frames(), self.steadying, shot=shot, run_up=run_up):
                if isinstance(step, Cut):
                    self._end(writing, piece.segment(pictures[step.number].point, step.run_up, self.wrong()))
                    piece = _Piece(piece.index + 1)
                    continue
                frame, colors = step
                for number in [number for number in pictures if number < frame.number]:
                    del pictures[number]  # of the run-up
                since = time.perf_counter()
                writing.put((pictures.pop(frame.number), colors, frame))
                waited += time.perf_counter() - since
                piece.add(frame, colors)
                count += 1
                yield count
            if piece.frames:
                self._end(writing, piece.segment(None, 0, self.wrong()))
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
                **writing.stages,
                "all": total,
            }

    def _end(self, writing: Writing, segment: Segment) -> None:
        writing.put(segment)
        self.segments.append(segment)


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
