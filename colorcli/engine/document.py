"""A file of several pages on its way through a run.

Its pages go through network and merge like photos of their own, beside those of other files; they come back in
whatever order and are written in their own. A page whose turn has not come waits, and keeps its place in the run's
budget while it does; since pages enter the budget in order, the one that is waited for is always on its way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colorcli.engine.batching import Item
from colorcli.errors import ColorcliError, MediaError
from colorcli.media.formats import output_format
from colorcli.media.photo import Photo

if TYPE_CHECKING:
    from colorcli.media.pages import Pages


class Document:
    """The pages of one file.

    Args:
        whole: stands for the file; what becomes of it becomes known here.
        count: its pages.
        open_pages: opens the output, on the first page that is written.

    Raises:
        MediaError: the output cannot hold pages.
    """

    def __init__(self, whole: Item, count: int, open_pages: Callable[[], Pages]) -> None:
        output = whole.job.output
        form = output_format(output) if isinstance(output, Path) else whole.job.format or "TIFF"
        if form != "TIFF":
            raise MediaError(
                f"{whole.job.source} has {count} pages, and the output can hold one",
                hint="write a .tif file: -o NAME.tif, or --format tif for folders",
            )
        self.whole = whole
        whole.pages = count
        self._open_pages = open_pages
        self._pages: Pages | None = None
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[Item, Photo]] = {}
        self._next, self._busy = 0, False
        self._reading, self._inside, self._closed = True, 0, False
        self._triage: list[dict[str, Any] | None] = [None] * count
        self._colored = 0

    @property
    def failed(self) -> bool:
        """A page could not be done, so the file cannot."""
        return self.whole.error is not None

    def enter(self, item: Item) -> None:
        """Count a page in that has been read."""
        with self._lock:
            self._inside += 1
            self._triage[item.page] = item.triage
            self._colored += item.colored

    def end_reading(self) -> None:
        """No further page will enter."""
        self._reading = False

    def leave(self, item: Item) -> bool:
        """Count a page out that is done with; True if it was the last of all, which happens once.

        Args:
            item: the page; its failure is the file's, its time and warnings too.
        """
        with self._lock:
            self._inside -= 1
            whole = self.whole
            if item.error is not None and whole.error is None:
                whole.error = _of_page(item)
            whole.seconds += item.seconds
            whole.warnings += tuple(f"page {item.page + 1}: {text}" for text in item.warnings)
            whole.downgrades += tuple(step for step in item.downgrades if step not in whole.downgrades)
            whole.prepared = whole.prepared or item.prepared
            whole.device, whole.precision = whole.device or item.device, whole.precision or item.precision
            return self._is_over()

    def is_over(self) -> bool:
        """Say whether all is done with; True once."""
        with self._lock:
            return self._is_over()

    def _is_over(self) -> bool:
        if self._closed or self._reading or self._inside:
            return False
        self._closed = True
        return True

    def add(self, item: Item, photo: Photo) -> list[Item]:
        """Write a page if it is its turn, and those that have waited for it.

        Args:
            item: the page.
            photo: its pixels, as they are to be written.

        Returns:
            The pages that are done with; none if another thread will see to this one.
        """
        with self._lock:
            self._waiting[item.page] = item, photo
            if self._busy:
                return []
            self._busy = True
        over: list[Item] = []
        while True:
            with self._lock:
                found = self._take()
                if found is None:
                    self._busy = False
                    return over
            page, pixels = found
            if not self.failed:
                self._write(page, pixels)
            over.append(page)

    def _take(self) -> tuple[Item, Photo] | None:
        if self.failed:  # what waits is waited for no more
            return self._waiting.popitem()[1] if self._waiting else None
        found = self._waiting.pop(self._next, None)
        self._next += found is not None
        return found

    def _write(self, item: Item, photo: Photo) -> None:
        try:
            if self._pages is None:
                self._pages = self._open_pages()
            item.warnings += tuple(self._pages.add(photo))
        except Exception as error:  # noqa: BLE001  the file's failure, not the run's
            item.error = error
            with self._lock:
                self.whole.error = self.whole.error or _of_page(item)

    def drop_waiting(self) -> list[Item]:
        """Return the pages that wait for one that will not come."""
        with self._lock:
            if self._busy or not self.failed:
                return []
            dropped = [item for item, _ in self._waiting.values()]
            self._waiting.clear()
            return dropped

    @property
    def all_colored(self) -> bool:
        """Every page is in colour already."""
        return self._colored == self.whole.pages

    def close(self) -> None:
        """Finish the output, or leave none; what becomes of the file stands in ``whole`` afterwards."""
        whole = self.whole
        whole.triage = {"pages": self._triage}
        whole.colored = self._colored > 0
        whole.photo = None
        if self.failed or whole.skipped is not None or whole.written:
            self.abort()
            return
        try:
            if self._pages is None:
                raise ValueError(f"{whole.job.source}: no page was written")
            self._pages.commit()
            whole.written = True
        except Exception as error:  # noqa: BLE001  the file's failure, not the run's
            whole.error = error

    def abort(self) -> None:
        """Leave no output."""
        if self._pages is not None:
            self._pages.abort()
            self._pages = None


def _of_page(item: Item) -> Exception:
    """Return a page's failure as the file's."""
    error = item.error
    if not isinstance(error, ColorcliError) or item.job.source not in error.message:
        return error or ValueError("no failure")
    told = type(error)(f"page {item.page + 1} of {error.message}", hint=error.hint)
    told.__cause__ = error
    return told
