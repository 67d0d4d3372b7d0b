"""TIFF directories as raw fields: what EXIF blocks and TIFF files are made of (TIFF 6.0, section 2).

Fields are carried from one file to another as the bytes they are. A library that turns them into numbers and strings
and back loses what it does not understand: text in Latin-1, exact rationals, types out of the ordinary.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Container
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np

# Bytes per value and per unit whose bytes turn round with the byte order (a rational is two units), by field type.
VALUE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_UNIT = {**VALUE, 5: 4, 10: 4}
# Maker notes, and how far they were moved: offsets in them count from where they were (Microsoft's OffsetSchema).
_MAKER_NOTE, _MOVED_BY = 0x927C, 0xEA1D


class BrokenDirectoryError(ValueError):
    """The structure's own offsets and counts lead astray."""


@dataclass(frozen=True)
class Field:
    """One field.

    Attributes:
        kind: TIFF's field type: 1 byte, 2 text, 3 and 4 unsigned numbers of 2 and 4 bytes, 5 rational, 7 undefined, ...
        count: how many values of that type.
        data: the values, little-endian, without padding.
        place: where they stood in the file they were read from, which the offsets in maker notes count on.
    """

    kind: int
    count: int
    data: bytes
    place: int = field(default=0, compare=False)

    def number(self) -> int:
        """Return the first value of a whole-number field."""
        if VALUE.get(self.kind) not in (1, 2, 4, 8) or len(self.data) < VALUE[self.kind]:
            raise BrokenDirectoryError(f"not a number: type {self.kind}")
        return int.from_bytes(self.data[: VALUE[self.kind]], "little")


Directory = dict[int, "Field | Directory"]
"""Tag to field, or to the directory that the tag points to."""


@dataclass(frozen=True)
class Header:
    """How a TIFF structure begins: byte order (``<`` or ``>``), BigTIFF or not, offset of the first directory."""

    order: str
    big: bool
    first: int


def header(stream: BinaryIO) -> Header:
    """Read the header of a TIFF structure.

    Raises:
        BrokenDirectoryError: it is none.
    """
    stream.seek(0)
    head = stream.read(16)
    try:
        order = {b"II": "<", b"MM": ">"}[head[:2]]
        version = struct.unpack_from(f"{order}H", head, 2)[0]
        big = version == 43
        first = struct.unpack_from(f"{order}Q" if big else f"{order}I", head, 8 if big else 4)[0]
    except (KeyError, struct.error) as error:
        raise BrokenDirectoryError("no TIFF header") from error
    return Header(order, big, first)


def fields(stream: BinaryIO, head: Header, offset: int, *, needed: Container[int] = ()) -> dict[int, Field]:
    """Read the directory at ``offset``; fields of unknown type, or that lie outside the file, are passed over.

    Args:
        stream: the file.
        head: its header.
        offset: where the directory stands.
        needed: tags of fields that may be missing altogether, but not lie outside the file.

    Raises:
        BrokenDirectoryError: the directory itself, or a needed field, lies outside the file.
    """
    size = stream.seek(0, os.SEEK_END)
    counting, entry = ("Q", "HHQ") if head.big else ("H", "HHI")
    inline = 8 if head.big else 4
    width = struct.calcsize(f"<{entry}") + inline
    stream.seek(offset)
    try:
        (count,) = struct.unpack(head.order + counting, stream.read(struct.calcsize(f"<{counting}")))
        if count * width > size:
            raise BrokenDirectoryError(f"{count} fields in {size} bytes")
        table = stream.read(count * width)
        if len(table) < count * width:
            raise BrokenDirectoryError("the directory is cut off")
    except struct.error as error:
        raise BrokenDirectoryError("the directory lies outside the file") from error
    found: dict[int, Field] = {}
    budget = size  # fields may not together be larger than the file: overlapping ones are an attack
    for start in range(0, len(table) - width + 1, width):
        tag, kind, values = struct.unpack_from(head.order + entry, table, start)
        length = values * VALUE.get(kind, 0)
        place = start + width - inline
        if not length or length > budget:
            continue
        budget -= length
        data, at = table[place : place + length], 0
        if length > inline:
            (at,) = struct.unpack_from(head.order + ("Q" if head.big else "I"), table, place)
            if at + length > size:
                continue
            stream.seek(at)
            data = stream.read(length)
        if len(data) == length:
            found[tag] = Field(kind, values, turned(data, kind, head.order), at)
    for start in range(0, len(table) - width + 1, width):
        (tag,) = struct.unpack_from(f"{head.order}H", table, start)
        if tag in needed and tag not in found:
            raise BrokenDirectoryError(f"field {tag} lies outside the file")
    return found


def turned(data: bytes, kind: int, order: str) -> bytes:
    """Turn a field's values from the byte order ``order`` to little-endian, or back."""
    unit = _UNIT[kind]
    if order == "<" or unit == 1:
        return data
    return np.frombuffer(data, f">u{unit}").astype(f"<u{unit}").tobytes()


def block(directory: Directory, offset: int, *, kept: bytes = b"") -> bytes:
    """Write a directory, those it points to, and all their data, little-endian.

    Args:
        directory: what to write; tags are put in order.
        offset: where in the file the result will stand (an even number).
        kept: whole 12-byte entries of an older directory to be taken over as they are, offsets and all.

    Returns:
        The bytes; the first directory stands at their beginning.
    """
    entries = {struct.unpack_from("<H", kept, i)[0]: kept[i : i + 12] for i in range(0, len(kept), 12)}
    notes, before = directory.get(_MAKER_NOTE), directory.get(_MOVED_BY)
    if isinstance(notes, Field) and notes.place:
        directory = directory | {_MOVED_BY: Field(9, 1, bytes(4))}
    room = offset + 2 + 12 * len(entries.keys() | directory.keys()) + 4
    tail, moved_by = bytearray(), b""
    for tag, value in directory.items():
        if isinstance(value, Field):
            kind, count, data = value.kind, value.count, value.data
        else:
            kind, count, data = 4, 1, struct.pack("<I", room + len(tail))
            tail += block(value, room + len(tail))
        if len(data) > 4:
            if value is notes and isinstance(notes, Field) and notes.place:
                by = room + len(tail) - notes.place
                by += int.from_bytes(before.data, "little", signed=True) if isinstance(before, Field) else 0
                moved_by = struct.pack("<HHIi", _MOVED_BY, 9, 1, by)
            place, data = struct.pack("<I", room + len(tail)), data + bytes(len(data) % 2)
            tail += data
        else:
            place = data.ljust(4, b"\0")
        entries[tag] = struct.pack("<HHI", tag, kind, count) + place
    if moved_by:
        entries[_MOVED_BY] = moved_by
    listed = b"".join(entries[tag] for tag in sorted(entries))
    return struct.pack("<H", len(entries)) + listed + bytes(4) + bytes(tail)
