"""The directories of a TIFF file: which of them are pages, and a file seen as if one page were its first.

A page is a full picture. Directories that are marked as smaller copies or masks are none, and those of thumbnails,
which hang elsewhere, are not met.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from colorcli.media import ifd
from colorcli.media.ifd import BrokenDirectoryError, Field

_MOST_PAGES = 100_000  # a chain longer than that is a trap
_WIDTH = 256


@dataclass(frozen=True)
class Pages:
    """The directories of a file: where the full pages stand, and how many smaller copies and masks stand between."""

    offsets: tuple[int, ...]
    copies: int


def pages(stream: BinaryIO) -> Pages:
    """Walk the directories of a TIFF.

    Raises:
        BrokenDirectoryError: the first of them cannot be read.
    """
    head = ifd.header(stream)
    found: list[tuple[int, bool]] = []
    offset, seen = head.first, set[int]()
    while offset and offset not in seen and len(found) < _MOST_PAGES:
        seen.add(offset)
        try:
            fields, following = ifd.fields(stream, head, offset), _next(stream, head, offset)
        except (BrokenDirectoryError, struct.error):
            if not found:
                raise BrokenDirectoryError("the first directory cannot be read") from None
            # What follows is lost, but that there was something must not be: reading that page says so.
            found.append((offset, True))
            break
        if _WIDTH in fields or not found:
            found.append((offset, not _reduced(fields)))
        offset = following
    full = tuple(offset for offset, is_full in found if is_full) or (found[0][0],)
    return Pages(full, len(found) - len(full))


def _reduced(fields: dict[int, Field]) -> bool:
    """Tell whether a directory is marked as a smaller copy or a mask of another."""
    kind, old = (numbers(fields, tag) for tag in (254, 255))
    return bool(kind and kind[0] & 5) or old == (2,)


def _next(stream: BinaryIO, head: ifd.Header, offset: int) -> int:
    counting, pointer, entry = ("Q", "Q", 20) if head.big else ("H", "I", 12)
    stream.seek(offset)
    (count,) = struct.unpack(head.order + counting, stream.read(struct.calcsize(counting)))
    stream.seek(offset + struct.calcsize(f"<{counting}") + count * entry)
    data = stream.read(struct.calcsize(f"<{pointer}"))
    return int(struct.unpack(head.order + pointer, data)[0]) if len(data) == struct.calcsize(f"<{pointer}") else 0


class PageView(io.BufferedIOBase):
    """A TIFF file in whose header another page stands as the first, for readers that know only that one."""

    def __init__(self, stream: BinaryIO, offset: int) -> None:
        """View ``stream`` with the directory at ``offset`` as its first."""
        head = ifd.header(stream)
        stream.seek(0)
        start = stream.read(16 if head.big else 8)
        pointer = struct.pack(head.order + ("Q" if head.big else "I"), offset)
        self._head = start[: 8 if head.big else 4] + pointer
        self._stream = stream
        self.seek(0)
        if isinstance(stream, io.BytesIO):
            self.getvalue = stream.getvalue  # Pillow asks for it; where the page stands it knows by then

    def fileno(self) -> int:
        """Return the file's own descriptor: Pillow hands it to libtiff, together with the page's place."""
        return self._stream.fileno()

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move as in any file."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """Say where it stands."""
        return self._stream.tell()

    def read(self, size: int | None = -1) -> bytes:
        """Read as from any file."""
        place = self._stream.tell()
        data = self._stream.read(-1 if size is None else size)
        if place < len(self._head):
            data = (self._head[place : place + len(data)]) + data[len(self._head) - place :]
        return data


def number(fields: dict[int, Field], tag: int, default: int) -> int:
    """Return a field's first number, or ``default`` where there is none."""
    found = numbers(fields, tag)
    return found[0] if found else default


def numbers(fields: dict[int, Field], tag: int) -> tuple[int, ...]:
    """Return a field's first 64 numbers, or none where there is no such field, or one of another kind."""
    field = fields.get(tag)
    width = {1: 1, 3: 2, 4: 4, 13: 4, 16: 8, 18: 8}.get(field.kind) if field else None
    if field is None or width is None:
        return ()
    return tuple(np.frombuffer(field.data[: 64 * width], f"<u{width}").tolist())
