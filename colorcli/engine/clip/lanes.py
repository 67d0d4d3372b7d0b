"""The threads beside a film's own: one reads and shrinks frames, one colours, encodes and stores them.

What a picture is, is the business of who makes them and of the sink that takes them: a decoded frame of a film, or a
photo of a sequence of them.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Protocol

from colorcli.engine import threads
from colorcli.engine.clip.frames import Colors, Frame
from colorcli.engine.clip.work import Segment, Workplace

#: Frames that wait between two threads.
_WAITING = 6
#: Seconds after which a thread that waits looks whether the run was stopped.
_LOOK = 0.2


class StoppedError(Exception):
    """The run has ended elsewhere."""


class Reading:
    """Decodes and shrinks frames in a thread of its own.

    Args:
        pictures: to be read.
        eye: makes them small.
    """

    def __init__(self, pictures: Iterator[Any], eye: Callable[[Any], Frame]) -> None:
        self._pictures, self._eye = pictures, eye
        self._queue: queue.Queue[tuple[Any, Frame] | BaseException | None] = queue.Queue(_WAITING)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="film reader", daemon=True)
        self.seconds = 0.0

    def __iter__(self) -> Iterator[tuple[Any, Frame]]:
        """Yield frames as they come; raise what stopped the thread."""
        self._thread.start()
        while True:
            item = self._queue.get()
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item

    def stop(self) -> None:
        """End the thread, whatever it is doing."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        threads.only_one()
        try:
            begun = time.perf_counter()
            for picture in self._pictures:
                frame = self._eye(picture)
                self.seconds += time.perf_counter() - begun
                self._put((picture, frame))
                begun = time.perf_counter()
            self._put(None)
        except StoppedError:
            return
        except BaseException as error:  # noqa: BLE001  it is raised again where frames are asked for
            try:
                self._put(error)
            except StoppedError:
                return

    def _put(self, item: Any) -> None:
        _put(self._queue, item, self._stopped.is_set)


class Sink(Protocol):
    """Takes the frames of one segment.

    Attributes:
        stages: seconds that each of its steps worked, so far.
    """

    stages: dict[str, float]

    def add(self, picture: Any, colors: Colors, frame: Frame) -> None:
        """Take a frame and its colours."""

    def finish(self) -> None:
        """Do what is left to do for the segment."""


#: Opens a sink. It may write to the file, which is that of the segment; there is none where nothing is resumed.
Sinks = Callable[[BinaryIO | None], Sink]


class Writing:
    """Colours, encodes and stores frames in a thread of its own, segment by segment.

    Args:
        work: keeps record of segments; None where nothing is resumed.
        sinks: opens a sink for each segment.
    """

    def __init__(self, work: Workplace | None, sinks: Sinks) -> None:
        self._work, self._sinks = work, sinks
        self._queue: queue.Queue[Any] = queue.Queue(_WAITING)
        self._error: BaseException | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="film writer", daemon=True)
        self._thread.start()
        self.stages: dict[str, float] = {}

    def put(self, item: tuple[Any, Colors, Frame] | Segment) -> None:
        """Hand over a frame, or what ends its segment.

        Raises:
            BaseException: what has stopped the thread.
        """
        _put(self._queue, item, lambda: self._error is not None)
        if self._error is not None:
            raise self._error

    def finish(self) -> None:
        """Wait until all is stored.

        Raises:
            BaseException: what has stopped the thread.
        """
        with contextlib.suppress(StoppedError):
            _put(self._queue, None, lambda: self._error is not None)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End the thread; the segment it is in is lost."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        threads.only_one()
        try:
            index = len(self._work.segments) if self._work is not None else 0
            while (item := self._get()) is not None:
                self._write(index, item)
                index += 1
        except BaseException as error:  # noqa: BLE001  it is raised again where frames are handed over
            self._error = error

    def _write(self, index: int, item: Any) -> None:
        with self._work.writing(index) if self._work is not None else contextlib.nullcontext() as file:
            sink = self._sinks(file)
            while not isinstance(item, Segment):
                if item is None:
                    raise ValueError("a segment without an end")
                sink.add(*item)
                item = self._get()
            sink.finish()
        for name, seconds in sink.stages.items():
            self.stages[name] = self.stages.get(name, 0) + seconds
        if self._work is not None:
            self._work.add(item)

    def _get(self) -> Any:
        while True:
            try:
                return self._queue.get(timeout=_LOOK)
            except queue.Empty:
                if self._stopped.is_set():
                    raise StoppedError from None


def _put(waiting: queue.Queue[Any], item: Any, stopped: Callable[[], bool]) -> None:
    while True:
        if stopped():
            raise StoppedError
        try:
            waiting.put(item, timeout=_LOOK)
            return
        except queue.Full:
            continue
