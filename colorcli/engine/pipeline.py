"""The threads that read, the thread that runs the network, the threads that write, and the queues between them."""

from __future__ import annotations

import contextlib
import errno
import threading
import time
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue

from colorcli.engine import outcome, threads, work
from colorcli.engine.batching import Batches, Item
from colorcli.engine.colorizer import Colorizer
from colorcli.engine.document import Document
from colorcli.engine.ladder import Ladder
from colorcli.engine.memory import Budget
from colorcli.engine.options import RunOptions
from colorcli.engine.plan import Job
from colorcli.engine.result import Result
from colorcli.errors import MediaError
from colorcli.media._messages import from_os_error

#: Photos the network sees at once where that pays.
_BATCH = 16
#: Beyond this many threads of a kind, disks and memory are what limits.
_MOST_THREADS = 8
#: After these, no other photo can be written either.
_HOPELESS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class StoppedError(MediaError):
    """A run has been given up because no further photo could be written."""


class Pipeline:
    """The threads of one run and what they share; see `colorcli.engine.folder.run`."""

    def __init__(self, jobs: Iterator[Job], colorizer: Colorizer, options: RunOptions) -> None:
        self._jobs, self._jobs_lock = jobs, threading.Lock()
        self._options, self._work = options, work.Work(colorizer, options)
        self._outcomes = outcome.Outcomes(colorizer.model)
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
        self._documents: set[Document] = set()
        self._stopped = threading.Event()
        self._closed = False
        self._readers = [threading.Thread(target=self._read_all, daemon=True) for _ in range(readers)]
        self._writers = [threading.Thread(target=self._write_all, daemon=True) for _ in range(writers)]

    def results(self) -> Iterator[tuple[Job, Result]]:
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
            elif not message.over and message.keep:
                message.predicted = True
                predicted += 1
                self._outbox.put(message)
            elif not message.over:
                batches.add(message)
                predicted += self._predict(batches.take(self._ladder.batch, partial=False))
            else:
                predicted -= message.predicted
                if message.document is not None:
                    continue  # the file it is a page of has, or will have, a message of its own
                yield message.job, self._result(message)
                if message.error is not None and _is_hopeless(message.error):
                    reason, hint = outcome.explain(message.error)
                    raise StoppedError(reason, hint=hint)
                if message.error is not None and self._options.fail_fast:
                    for result in self.stop():
                        yield message.job, result
                    return

    def stop(self) -> Iterator[Result]:
        """Finish what is being written, drop the rest, and report what has been completed by then."""
        self.close()
        while True:
            try:
                message = self._inbox.get(block=False)
            except Empty:
                return
            if isinstance(message, Item) and message.over and message.document is None:
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
        for document in self._documents:
            document.abort()

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
            if not self._step(self._work.look_up, item) or item.skipped is not None:
                self._inbox.put(item)
                continue
            if not self._budget.enter(self._stopped.is_set):
                break
            self._read(item)
        self._inbox.put(None)

    def _read(self, item: Item) -> None:
        """Read a photo that has its place, and hand it on."""
        self._step(self._work.read, item)
        self._budget.weigh(item.megapixels)
        if item.error is None and item.photo is not None and item.photo.pages > 1:
            self._read_pages(item)
            return
        if item.error is None and item.skipped is not None:
            self._step(self._record, item)
        if item.over:
            self._release(item)
        self._inbox.put(item)

    def _read_pages(self, first: Item) -> None:
        """Read the pages of a file, of which the first is read and has its place."""
        try:
            document = work.document(self._work, first)
        except MediaError as error:
            first.error = error
            self._release(first)
            self._inbox.put(first)
            return
        self._documents.add(document)
        for page in range(document.whole.pages):
            item = first
            if page:
                item = Item(first.job, source=first.source, document=document, page=page)
                if document.failed:
                    break
                if not self._budget.enter(self._stopped.is_set):
                    return  # some pages are no file
                self._step(self._work.read_page, item)
                self._budget.weigh(item.megapixels)
            item.document = document
            document.enter(item)
            if item.error is not None:
                self._leave(item)
                break
            self._inbox.put(item)
        document.end_reading()
        if document.is_over() and not self._stopped.is_set():
            self._end(document)

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
                self._leave(item)
        return len(items)

    def _write_all(self) -> None:
        """What a writer thread does."""
        threads.only_one()
        while (item := self._outbox.get()) is not None:
            if self._stopped.is_set():
                continue
            if item.document is not None:
                self._write_page(item, item.document)
                continue
            self._step(self._work.write, item)
            self._leave(item)

    def _write_page(self, item: Item, document: Document) -> None:
        over = [item]

        def add(item: Item) -> None:
            nonlocal over
            over = document.add(item, self._work.finish(item))

        if not document.failed:
            self._step(add, item)
        for page in over:
            self._leave(page)

    def _leave(self, item: Item) -> None:
        """Let go of an item that is over; with the last page of a file, end the file."""
        self._release(item)
        document = item.document
        if document is not None:
            item.written = True  # or dropped: over, in any case
            if document.leave(item):
                self._end(document)  # before the page's message: the run must not seem to be over
            for page in document.drop_waiting():
                self._leave(page)
        self._inbox.put(item)

    def _end(self, document: Document) -> None:
        """Finish a file of several pages, and send the message about it."""
        whole = document.whole
        if not document.failed and document.all_colored and self._options.on_color != "recolor":
            whole.colored = True
            self._step(self._work.spare_document, whole)
        self._step(lambda _: document.close(), whole)
        self._step(self._work.pass_on, whole)
        self._documents.discard(document)
        if whole.skipped is not None:
            self._step(self._record, whole)
        self._inbox.put(whole)

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

    def _record(self, item: Item) -> None:
        try:
            self._outcomes.record(item, self._outcomes.result(item))
        except OSError as error:
            raise from_os_error(error, error.filename or item.job.target, doing="write the manifest for") from error

    def _release(self, item: Item) -> None:
        """Let go of an item's pixels and its place."""
        item.photo = None
        self._budget.leave(item.megapixels)

    def _result(self, item: Item) -> Result:
        result = self._outcomes.result(item)
        if item.error is not None:
            with contextlib.suppress(OSError):  # a failure nobody wrote down is tried again all the same
                self._outcomes.record(item, result)
        return result


def _is_hopeless(error: BaseException | None) -> bool:
    """Say whether an error means that nothing more can be written."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _HOPELESS:
            return True
        error = error.__cause__
    return False
