"""EXIF blocks, changed where they must be and nowhere else.

A block is patched in place rather than taken apart and written anew: maker notes hold offsets into the block they
stand in, and a rewritten block silently breaks them. Only TIFF files, which have no block of their own but spread EXIF
over their directory, get one that is put together anew; its fields are still the same bytes.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator

from colorcli.media import ifd
from colorcli.media.ifd import BrokenDirectoryError, Directory, Field

PREFIX = b"Exif\x00\x00"
LIMIT = 65533 - len(PREFIX)
"""Bytes that a JPEG file can hold."""

_ORIENTATION = 0x0112
_EXIF_IFD, _GPS_IFD, _INTEROP_IFD = 0x8769, 0x8825, 0xA005
_POINTERS = (_EXIF_IFD, _GPS_IFD)
_BELOW = (*_POINTERS, _INTEROP_IFD)
_SIZES = ((0x0100, 0x0101), (0xA002, 0xA003))  # in the first directory and in the EXIF directory
_SOFTWARE, _PROCESSING, _COLOR_SPACE = 0x0131, 0x000B, 0xA001
_THUMBNAILS = ((0x0201, 0x0202), (0x0111, 0x0117))  # JPEG's offset and length, and those of plain pixels
_NUMBERS = {1: "B", 3: "H", 4: "I"}


def upright(exif: bytes, *, swapped: bool) -> bytes:
    """Make a block fit pixels that stand upright: orientation 1, no thumbnail, width and height in their new places.

    Args:
        exif: a block, without the ``Exif`` prefix.
        swapped: the pixels were turned by 90 degrees, so that width and height changed places.

    Returns:
        A block in which everything else stands where it stood.

    Raises:
        BrokenDirectoryError: the block cannot be understood.
    """
    data = bytearray(exif)
    with _understood():
        order, first = _opened(data)
        if _ORIENTATION in first:
            _put(data, order, first[_ORIENTATION], 1)
        if swapped:
            for directory, across, down in _sizes(data, order, first):
                width, height = (_get(data, order, directory[tag]) for tag in (across, down))
                _put(data, order, directory[across], height)
                _put(data, order, directory[down], width)
        _drop_thumbnail(data, order, first)
    return bytes(data)


def sized(exif: bytes, width: int, height: int) -> bytes:
    """Make the sizes that a block mentions those of the picture; what is absent is not added.

    Raises:
        BrokenDirectoryError: the block cannot be understood.
    """
    data = bytearray(exif)
    with _understood():
        order, first = _opened(data)
        for directory, across, down in _sizes(data, order, first):
            _put(data, order, directory[across], width)
            _put(data, order, directory[down], height)
    return bytes(data)


def without_orientation(exif: bytes) -> bytes:
    """Leave the orientation out of a block's first directory; all else stays where it stands.

    Raises:
        BrokenDirectoryError: the block cannot be understood.
    """
    data = bytearray(exif)
    with _understood():
        order, first = _opened(data)
        if _ORIENTATION in first:
            at = _at(data, order, 4)
            (count,) = struct.unpack_from(f"{order}H", data, at)
            entry, end = first[_ORIENTATION], min(at + 6 + 12 * count, len(data))
            data[entry:end] = data[entry + 12 : end] + bytes(12)
            struct.pack_into(f"{order}H", data, at, count - 1)
    return bytes(data)


def as_srgb(exif: bytes) -> bytes:
    """Make a block that speaks of another colour space, Adobe RGB say, speak of sRGB; what is absent is not added.

    Raises:
        BrokenDirectoryError: the block cannot be understood.
    """
    data = bytearray(exif)
    with _understood():
        order, first = _opened(data)
        below = _below(data, order, first, _EXIF_IFD)
        if _COLOR_SPACE in below:
            _put(data, order, below[_COLOR_SPACE], 1)
        interop = _below(data, order, below, _INTEROP_IFD)
        if 1 in interop and data[interop[1] + 8 : interop[1] + 12] == b"R03\0":  # the rules of DCF's other space
            data[interop[1] + 8 : interop[1] + 12] = b"R98\0"
    return bytes(data)


def with_software(exif: bytes | None, text: str) -> bytes:
    """Note the program: as Software, or as ProcessingSoftware where a camera's Software stands.

    Nothing in the block is moved, since maker notes hold offsets into it: the first directory is written once more, at
    the block's end, and the header points there.

    Args:
        exif: a block, without prefix; None begins one.
        text: name and version of the program, ASCII.

    Returns:
        The block; the same bytes where the program is noted already, or where the note would make it too large for
        JPEG.

    Raises:
        BrokenDirectoryError: the block cannot be understood.
    """
    value = text.encode("ascii", "replace") + b"\0"
    if exif is None:
        return pack({_SOFTWARE: Field(2, len(value), value)})
    data = bytearray(exif)
    with _understood():
        order, first = _opened(data)
        tag = _SOFTWARE
        if _SOFTWARE in first and (there := _text(data, order, first[_SOFTWARE])):
            if there == text:
                return exif
            tag = _PROCESSING
        if tag in first and _text(data, order, first[tag]) == text:
            return exif
        block = with_fields(exif, {tag: Field(2, len(value), value)})
    return exif if len(exif) <= LIMIT < len(block) else block


def with_fields(exif: bytes, fields: Directory) -> bytes:
    """Add fields to a block's first directory, in place of those that are there, without moving anything.

    Args:
        exif: a block, without prefix.
        fields: what to add; no directories among them.

    Raises:
        BrokenDirectoryError: the block cannot be understood.
    """
    data = bytearray(exif)
    with _understood():
        order, first = _opened(data)
        at = _at(data, order, 4)
        (count,) = struct.unpack_from(f"{order}H", data, at)
        link = bytes(data[at + 2 + 12 * count : at + 6 + 12 * count]).ljust(4, b"\0")
        entries = {tag: bytes(data[place : place + 12]) for tag, place in first.items()}
        start = len(data) + len(data) % 2
        room = start + 2 + 12 * len(entries.keys() | fields.keys()) + 4
        tail = b""
        for tag, field in fields.items():
            assert isinstance(field, Field)
            value = ifd.turned(field.data, field.kind, order)
            if len(value) > 4:
                value, tail = struct.pack(f"{order}I", room + len(tail)), tail + value + bytes(len(value) % 2)
            entries[tag] = struct.pack(f"{order}HHI", tag, field.kind, field.count) + value.ljust(4, b"\0")
        data += bytes(start - len(data)) + struct.pack(f"{order}H", len(entries))
        data += b"".join(entries[tag] for tag in sorted(entries)) + link + tail
        struct.pack_into(f"{order}I", data, 4, start)
    return bytes(data)


def pack(directory: Directory) -> bytes:
    """Write fields as an EXIF block, without prefix."""
    return b"II*\x00\x08\x00\x00\x00" + ifd.block(directory, 8)


@contextlib.contextmanager
def _understood() -> Iterator[None]:
    try:
        yield
    except (KeyError, struct.error) as error:
        raise BrokenDirectoryError("the EXIF block is damaged") from error


def _opened(data: bytearray) -> tuple[str, dict[int, int]]:
    """Return the byte order and the entries of the first directory."""
    order = {b"II": "<", b"MM": ">"}[bytes(data[:2])]
    return order, _entries(data, order, _at(data, order, 4))


def _at(data: bytearray, order: str, offset: int) -> int:
    return int(struct.unpack_from(f"{order}I", data, offset)[0])


def _entries(data: bytearray, order: str, offset: int) -> dict[int, int]:
    """Map the tags of the directory at ``offset`` to the offsets of their 12-byte entries."""
    (count,) = struct.unpack_from(f"{order}H", data, offset)
    if offset + 2 + 12 * count > len(data):
        raise BrokenDirectoryError(f"{count} fields in {len(data)} bytes")
    places = range(offset + 2, offset + 2 + 12 * count, 12)
    return {struct.unpack_from(f"{order}H", data, place)[0]: place for place in places}


def _get(data: bytearray, order: str, entry: int) -> int:
    kind = struct.unpack_from(f"{order}H", data, entry + 2)[0]
    return int(struct.unpack_from(order + _NUMBERS[kind], data, entry + 8)[0])


def _put(data: bytearray, order: str, entry: int, value: int) -> None:
    """Write a number into its entry, as a longer type where it is too large for the one that is there."""
    kind = struct.unpack_from(f"{order}H", data, entry + 2)[0]
    if kind not in (3, 4) or (kind == 3 and value > 65535):
        kind = 4 if value > 65535 else 3
    struct.pack_into(f"{order}HI4s", data, entry + 2, kind, 1, struct.pack(order + _NUMBERS[kind], value))


def _text(data: bytearray, order: str, entry: int) -> str:
    (count,) = struct.unpack_from(f"{order}I", data, entry + 4)
    start = entry + 8 if count <= 4 else _at(data, order, entry + 8)
    return bytes(data[start : start + min(count, 4096)]).split(b"\0")[0].decode("latin-1").strip()


def _below(data: bytearray, order: str, first: dict[int, int], pointer: int) -> dict[int, int]:
    """Return the entries of a directory that another points to; none where it is broken."""
    with contextlib.suppress(struct.error, BrokenDirectoryError):
        if pointer in first:
            return _entries(data, order, _at(data, order, first[pointer] + 8))
    return {}


def _sizes(data: bytearray, order: str, first: dict[int, int]) -> Iterator[tuple[dict[int, int], int, int]]:
    """Find the pairs of width and height: their directory and their tags."""
    for directory, (across, down) in zip((first, _below(data, order, first, _EXIF_IFD)), _SIZES, strict=True):
        kinds = {
            struct.unpack_from(f"{order}H", data, directory[tag] + 2)[0] for tag in (across, down) if tag in directory
        }
        if across in directory and down in directory and kinds <= _NUMBERS.keys():
            yield directory, across, down


def _drop_thumbnail(data: bytearray, order: str, first: dict[int, int]) -> None:
    """Unlink the second directory: its little picture would still show the gray original.

    The picture's bytes go as well, unless they overlap with what is still in use.
    """
    link = _at(data, order, 4) + 2 + 12 * struct.unpack_from(f"{order}H", data, _at(data, order, 4))[0]
    second = _at(data, order, link) if link + 4 <= len(data) else 0
    if not second:
        return
    struct.pack_into(f"{order}I", data, link, 0)
    with contextlib.suppress(struct.error, BrokenDirectoryError):  # unlinked it is anyway; the rest only saves space
        tags = _entries(data, order, second)
        for at, length in _THUMBNAILS:
            with contextlib.suppress(KeyError):
                start, size = (_get(data, order, tags[tag]) for tag in (at, length))
                if start + size <= len(data) and _is_free(data, order, start, start + size):
                    if start + size >= len(data) - 1:
                        del data[start:]
                    else:
                        data[start : start + size] = bytes(size)


def _is_free(data: bytearray, order: str, start: int, end: int) -> bool:
    """Tell whether nothing of the first directory and of those below it lies between two offsets."""
    first = _at(data, order, 4)
    used = [(0, 8)]
    todo = [first]
    while todo and len(used) < 10_000:
        place = todo.pop()
        entries = _entries(data, order, place)
        used.append((place, place + 6 + 12 * len(entries)))
        for tag, entry in entries.items():
            kind, count, value = struct.unpack_from(f"{order}HII", data, entry + 2)
            size = count * ifd.VALUE.get(kind, 1)
            if size > 4:
                used.append((value, value + size))
            elif tag in _BELOW and not any(value == known for known, _ in used):
                todo.append(value)
    return not any(start < last and known < end for known, last in used)
