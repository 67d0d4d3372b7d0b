"""Multi-page TIFFs, written one page at a time: never more than one page in memory, besides the one before, encoded.

Every page is first a TIFF file of its own, with all its metadata, as `colorcli.media.photo.write` would make it; then
its offsets are moved to where it comes to stand, and the directory before it is made to point to it. That directory is
held back until then, so that pipes can be written to.

>>> with Pages(Path("out.tif")) as pages:  # doctest: +SKIP
...     for number in range(photo.pages):
...         notes = pages.add(read(Path("in.tif"), page=number))
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Self

from colorcli.errors import MediaError
from colorcli.media._messages import from_os_error, printable
from colorcli.media.atomic import writing
from colorcli.media.formats import output_format
from colorcli.media.photo import Photo, check, encoded

_MOST = (1 << 32) - 1  # the largest offset of a classic TIFF
_HEADER = 8
_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_PIXELS = frozenset((273, 324))  # offsets of strips and tiles
_BELOW = frozenset((330, 34665, 34853, 40965))  # of further directories: pages' own, EXIF, GPS, interoperability


class Pages:
    """A multi-page TIFF on its way to a path or a stream; under a path, it appears only when it is complete."""

    def __init__(
        self,
        target: str | os.PathLike[str] | BinaryIO,
        *,
        overwrite: bool = False,
        quality: int = 95,
        profile: Literal["srgb", "keep"] = "srgb",
        times: tuple[int, int] | None = None,
        before_rename: Callable[[Path], None] | None = None,
    ) -> None:
        """Open the part file.

        Args:
            target: a path, whose suffix must be TIFF's, or a binary stream, which need not seek.
            overwrite: replace a file that is there.
            quality: as for `colorcli.media.photo.write`; TIFF is lossless.
            profile: as for `colorcli.media.photo.write`.
            times: likewise.
            before_rename: likewise.

        Raises:
            MediaError: the target exists, cannot be written, or its format holds one page only.
        """
        self._quality, self._profile = quality, profile
        self._place = _HEADER  # where the next page begins
        self._held: bytearray | None = None  # the page that was added last
        self._link = 0  # where in it the offset of the next directory stands
        self._context: AbstractContextManager[BinaryIO] | None = None
        self.count = 0
        if isinstance(target, (str, os.PathLike)):
            self._shown = printable(target)
            if output_format(target) != "TIFF":
                hint = "give it the suffix .tif, or write one file for each page"
                raise MediaError(f"only TIFF holds several pages: {self._shown}", hint=hint)
            self._context = writing(target, overwrite=overwrite, times=times, before_rename=before_rename)
            self._file = self._context.__enter__()
        else:
            self._shown, self._file = "-", target

    def add(self, photo: Photo) -> list[str]:
        """Append a page.

        Args:
            photo: the page; pixels, alpha and metadata are its own.

        Returns:
            A note for each thing that could not be kept.

        Raises:
            MediaError: it cannot be encoded, or the file would grow beyond the 4 GB that a TIFF can hold. The pages so
                far are as they were; `abort` gives them up.
            ValueError: pixels or alpha are none that can be written.
        """
        check(photo, self._quality)
        data, notes = encoded(photo, "TIFF", self._shown, quality=self._quality, profile=self._profile)
        if self._place + len(data) > _MOST or data[:4] != b"II*\0":
            hint = "write one file for each page"
            raise MediaError(f"the pages are more than the 4 GB that a TIFF can hold: {self._shown}", hint=hint)
        page = bytearray(data)
        directory, link = _moved(page, self._place - _HEADER)
        if self._held is None:
            self._write(struct.pack("<4sI", b"II*\0", directory))
        else:
            struct.pack_into("<I", self._held, self._link, directory)
            self._write(self._held)
        del page[:_HEADER]
        page += bytes(len(page) % 2)
        self._held, self._link = page, link - _HEADER
        self._place += len(page)
        self.count += 1
        return notes

    def commit(self) -> None:
        """Write what is held back, and give the file its name.

        Raises:
            MediaError: the disk is full and the like; what was there under the name is as it was.
            ValueError: no page was added.
        """
        if self._held is None:
            self.abort()
            raise ValueError("a TIFF of no pages")
        try:
            self._write(self._held)
        except BaseException:
            self.abort()
            raise
        self._held = None
        context, self._context = self._context, None
        if context is not None:
            context.__exit__(None, None, None)

    def abort(self) -> None:
        """Remove the part file; a stream keeps what was written to it."""
        self._held = None
        context, self._context = self._context, None
        if context is not None:
            with contextlib.suppress(_AbortedError):
                error = _AbortedError()
                context.__exit__(_AbortedError, error, None)

    def _write(self, data: bytes | bytearray) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise from_os_error(error, self._shown, doing="write") from error

    def __enter__(self) -> Self:
        """Return itself; leaving the block commits, or aborts when it raises."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit, or abort when the block has raised."""
        if error is None:
            self.commit()
        else:
            self.abort()


class _AbortedError(Exception):
    """Goes through `writing` to tell it that the file is given up."""


def _moved(file: bytearray, by: int) -> tuple[int, int]:
    """Move a little-endian single-page TIFF ``by`` bytes: all offsets in it are changed in place.

    Returns:
        Where the directory stands after that, and where in ``file`` the offset of the next directory is.
    """
    (first,) = struct.unpack_from("<I", file, 4)
    return first + by, _move_directory(file, first, by)


def _move_directory(file: bytearray, start: int, by: int) -> int:
    count = int(struct.unpack_from("<H", file, start)[0])
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, values, place = struct.unpack_from("<HHII", file, entry)
        size = values * _WIDTHS.get(kind, 1)
        at = place if size > 4 else entry + 8
        if tag in _BELOW or tag in _PIXELS:
            offsets = struct.unpack_from(f"<{values}I", file, at)
            if tag in _BELOW:
                for offset in offsets:
                    _move_directory(file, offset, by)
            struct.pack_into(f"<{values}I", file, at, *(offset + by for offset in offsets))
        if size > 4:
            struct.pack_into("<I", file, entry + 8, place + by)
    return start + 2 + 12 * count
