"""Many photos at once: reading, network and writing overlap, and one bad file never stops the rest.

    jobs ─▶ reader threads ─▶ inbox ─▶ batches, network ─▶ outbox ─▶ writer threads ─▶ inbox ─▶ results
            decode, shrink             (calling thread)              merge, encode, rename

The network runs in the thread that iterates; a photo on its own takes the same way, so the two cannot differ. One
budget of photos and megapixels, taken before reading and given back after writing, bounds everything in between; the
queues themselves need no bound.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue

from colorcli.engine import threads
from colorcli.engine.batching import Batches, Item
from colorcli.engine.colorizer import Colorizer
from colorcli.engine.ladder import Ladder
from colorcli.engine.memory import Budget, is_out_of_memory
from colorcli.engine.options import RunOptions
from colorcli.engine.plan import Job
from colorcli.engine.result import Result
from colorcli.errors import ColorcliError, MediaError
from colorcli.media import photo as photos

__all__ = ["RunOptions", "run"]

#: Photos the network sees at once where that pays.
_BATCH = 16
#: Beyond this many threads of a kind, disks and memory are what limits.
_MOST_THREADS = 8


def run(jobs: Iterable[Job], colorizer: Colorizer, options: RunOptions | None = None) -> Iterator[Result]:
    """Colorize photos, many at a time.

    Args:
        jobs: what to do; consumed as the run proceeds, in whatever order threads come by.
        colorizer: the model, loaded.
        options: how to go about it.

    Yields:
        A result for every job, in the order they are completed. With ``fail_fast``, what is being written after the
        first failure is still finished and reported, the rest is dropped.

    Raises:
        KeyboardInterrupt: after what was being written is finished and reported. An interrupt that hits the caller
            between two results ends the run in the same way once the generator is closed
            (``contextlib.closing``); an interrupt while finishing ends it at once. No half file is ever left under
            an output's name.
    """
    pipeline = _Pipeline(iter(jobs), colorizer, options or RunOptions())
    try:
        yield from pipeline.results()
    except KeyboardInterrupt:
        yield from pipeline.stop()
        raise
    finally:
        pipeline.close()


class _Pipeline:
    """The threads of one run and what they share."""

    def __init__(self, jobs: Iterator[Job], colorizer: Colorizer, options: RunOptions) -> None:
        self._jobs, self._jobs_lock = jobs, threading.Lock()
        self._colorizer, self._options = colorizer, options
        batch = options.batch or (1 if colorizer.device.type == "cpu" else _BATCH)
        cores = threads.cores()
        readers = options.readers or min(max(cores // 2, 1), _MOST_THREADS)
        writers = options.writers or min(cores, _MOST_THREADS)
        self._budget = Budget(options.photos or readers + writers + 2 * batch, options.megapixels)
        self._ladder = Ladder(colorizer, batch)
        # Read items, finished items, None from every reader that ends, or what the list of jobs raised.
        self._inbox: SimpleQueue[Item | Exception | None] = SimpleQueue()
        # Predicted items; one None for every writer.
        self._outbox: SimpleQueue[Item | None] = SimpleQueue()
        self._stopped = threading.Event()
        self._closed = False
        self._readers = [threading.Thread(target=self._read_all, daemon=True) for _ in range(readers)]
        self._writers = [threading.Thread(target=self._write_all, daemon=True) for _ in range(writers)]

    def results(self) -> Iterator[Result]:
        """Run to the end, or to the first failure where that is asked for."""
        for thread in (*self._readers, *self._writers):
            thread.start()
        batches, reading, predicted = Batches(), len(self._readers), 0
        while reading or predicted or batches:
            try:
                # While something can be predicted, the network never waits, not even for a fuller batch: those that
                # wait may hold all the places that readers need to go on.
                message = self._inbox.get(block=not batches)
            except Empty:
                predicted += self._predict(batches.take(self._ladder.batch, partial=True))
                continue
            if message is None:
                reading -= 1
            elif isinstance(message, Exception):
                raise message
            elif not message.over:
                batches.add(message)
                predicted += self._predict(batches.take(self._ladder.batch, partial=False))
            else:
                predicted -= message.predicted
                yield self._result(message)
                if message.error is not None and self._options.fail_fast:
                    yield from self.stop()
                    return

    def stop(self) -> Iterator[Result]:
        """Finish what is being written, drop the rest, and report what has been completed by then."""
        self.close()
        while True:
            try:
                message = self._inbox.get(block=False)
            except Empty:
                return
            if isinstance(message, Item) and message.over:
                yield self._result(message)

    def close(self) -> None:
        """Let the threads end. Returns when no file is being written any more; at once the second time."""
        if self._closed:
            return
        self._closed = True
        self._stopped.set()
        self._budget.wake()
        for _ in self._writers:
            self._outbox.put(None)
        # Readers are not waited for: they may hang in a pipe that nobody writes to, and hold nothing of value.
        for thread in self._writers:
            if thread.is_alive():
                thread.join()

    def _read_all(self) -> None:
        """What a reader thread does."""
        threads.only_one()
        while not self._stopped.is_set():
            try:
                with self._jobs_lock:
                    job = next(self._jobs, None)
            except Exception as error:  # noqa: BLE001  raised again in the thread that iterates
                self._inbox.put(error)
                break
            if job is None:
                break
            item = Item(job)
            if not self._options.overwrite and isinstance(job.output, Path) and job.output.exists():
                item.skipped = "the output exists"
            elif not self._budget.enter(self._stopped.is_set):
                break
            elif not self._step(self._read, item):
                self._release(item)
            self._inbox.put(item)
        self._inbox.put(None)

    def _read(self, item: Item) -> None:
        source = item.job.input
        photo = photos.read(source, name=item.job.source)
        item.photo, item.warnings = photo, tuple(photo.warnings)
        item.megapixels = photo.pixels.shape[0] * photo.pixels.shape[1] / 1e6
        self._budget.weigh(item.megapixels)
        item.prepared = self._colorizer.prepare(photo)

    def _predict(self, items: list[Item]) -> int:
        """Predict and hand on; returns how many items are on their way because of it."""
        if not items:
            return 0
        self._ladder.predict(items)
        for item in items:
            item.predicted = True
            if item.error is None:
                self._outbox.put(item)
            else:
                self._release(item)
                self._inbox.put(item)
        return len(items)

    def _write_all(self) -> None:
        """What a writer thread does."""
        threads.only_one()
        while (item := self._outbox.get()) is not None:
            if self._stopped.is_set():
                continue
            self._step(self._write, item)
            self._release(item)
            self._inbox.put(item)

    def _write(self, item: Item) -> None:
        photo, prepared, ab, job = item.photo, item.prepared, item.ab, item.job
        if photo is None or prepared is None or ab is None:
            raise ValueError(f"{job.source} came to be written without being predicted")
        colored = self._colorizer.finish(photo, prepared, ab)
        item.photo = photo = None  # the original is done with; encoding needs its memory
        if isinstance(job.output, Path):
            _make_folder(job.output.parent)
        quality, overwrite = self._options.quality, self._options.overwrite
        notes = photos.write(colored, job.output, format=job.format, quality=quality, overwrite=overwrite)
        item.warnings += tuple(notes)
        item.written = True

    @staticmethod
    def _step(work: Callable[[Item], None], item: Item) -> bool:
        """Do a part of the work on an item; a failure becomes the item's own."""
        start = time.perf_counter()
        try:
            work(item)
        except Exception as error:  # noqa: BLE001  one bad file must not stop the rest
            item.error = error
        item.seconds += time.perf_counter() - start
        return item.error is None

    def _release(self, item: Item) -> None:
        """Let go of an item's pixels and its place."""
        item.photo = None
        self._budget.leave(item.megapixels)

    def _result(self, item: Item) -> Result:
        reason, hint = (item.skipped, None) if item.error is None else _explain(item.error)
        return Result(
            input=item.job.source,
            output=item.job.target,
            status="done" if item.written else "skipped" if item.error is None else "failed",
            reason=reason,
            hint=hint,
            seconds=item.seconds,
            model=self._colorizer.model.card.name,
            weights_sha256=self._colorizer.weights_sha256,
            device=item.device,
            precision=item.precision,
            size=item.prepared.size if item.prepared and item.device else None,
            downgrades=item.downgrades,
            warnings=item.warnings,
            error=item.error,
        )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError(
            f"cannot make folder {str(folder)!r}: {error.strerror or error}", hint="choose another output with -o"
        ) from error


def _explain(error: Exception) -> tuple[str, str | None]:
    """Return a sentence and the next step for whatever stopped an item."""
    if isinstance(error, ColorcliError):
        return error.message, error.hint
    if is_out_of_memory(error):
        return "not enough memory for a photo of this size", "close other programs, or reduce the photo"
    return f"{type(error).__name__}: {error}", "this is a bug in colorcli: please report it"
