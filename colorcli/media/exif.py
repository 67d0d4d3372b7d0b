"""EXIF blocks, changed where they must be and nowhere else.

A block is patched in place rather than taken apart and written anew: maker notes hold offsets into the block they
stand in, and a rewritten block silently breaks them. Only TIFF files, which have no block of their own but spread EXIF
over their directory, get one that is put together anew; its fields are still the same bytes.
"""

from __future__ import annotations

import contextlib
import io
import struct
from typing import BinaryIO

from colorcli.media import ifd
from colorcli.media.ifd import BrokenDirectoryError, Directory, Field

PREFIX = b"Exif\x00\x00"
RESOLUTION = frozenset((282, 283, 296))
DESCRIPTION = 270

_ORIENTATION = 0x0112
_EXIF_IFD, _GPS_IFD, _INTEROP_IFD = 0x8769, 0x8825, 0xA005
_POINTERS = (_EXIF_IFD, _GPS_IFD)
_WIDTH, _HEIGHT = 0xA002, 0xA003
_THUMBNAIL_AT, _THUMBNAIL_SIZE = 0x0201, 0x0202
_NUMBERS = {1: "B", 3: "H", 4: "I"}

# What a TIFF's directory says about the picture rather than about how its pixels are stored: names and descriptions,
# camera, resolution, software, date, artist, whereabouts of the page, copyright, rating, Windows' XP* fields.
_ABOUT = RESOLUTION | {269, DESCRIPTION, 271, 272, 285, 305, 306, 315, 316, 33432, 18246, 18249, *range(40091, 40096)}
# How the pixels are stored, and what is carried over in another way (orientation, XMP, IPTC, Photoshop's blocks, ICC).
_STORAGE = frozenset(
    (
        *(254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 274, 277, 278, 279, 280, 281, 284, 286, 287, 288),
        *(289, 290, 291, 292, 293, 297, 301, 317, 318, 319, 320, 321, 322, 323, 324, 325, 326, 327, 328, 332, 333, 334),
        *(336, 338, 339, 340, 341, 342, 343, 347, *range(512, 522), 529, 530, 531, 532, 700, 33723, 34377, 34675),
        *(37724, *_POINTERS),
    )
)


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
    try:
        order = {b"II": "<", b"MM": ">"}[exif[:2]]
        first = _entries(data, order, _at(data, order, 4))
        if _ORIENTATION in first:
            _put(data, order, first[_ORIENTATION], 1)
        if swapped and _EXIF_IFD in first:
            second = _entries(data, order, _at(data, order, first[_EXIF_IFD] + 8))
            if _WIDTH in second and _HEIGHT in second:
                width, height = (_get(data, order, second[tag]) for tag in (_WIDTH, _HEIGHT))
                _put(data, order, second[_WIDTH], height)
                _put(data, order, second[_HEIGHT], width)
        _drop_thumbnail(data, order, first)
    except (KeyError, struct.error) as error:
        raise BrokenDirectoryError("the EXIF block is damaged") from error
    return bytes(data)


def from_tiff(stream: BinaryIO) -> tuple[bytes | None, list[str]]:
    """Gather what a TIFF's directories say about the picture into an EXIF block.

    Returns:
        The block (without prefix, orientation and thumbnail) or None where there is nothing, and a note on the fields
        that no other file could carry.

    Raises:
        BrokenDirectoryError: the directory cannot be read.
    """
    head = ifd.header(stream)
    first = ifd.fields(stream, head, head.first)
    found = _about(stream, head, first)
    strange = sorted(set(first) - _ABOUT - _STORAGE)
    notes = [f"private TIFF tags are not carried over: {', '.join(map(str, strange))}"] if strange else []
    return (pack(found) if found else None), notes


def parse(exif: bytes) -> Directory:
    """Take a block apart into the fields that a TIFF's directory can take over.

    Raises:
        BrokenDirectoryError: the block cannot be understood.
    """
    stream = io.BytesIO(exif)
    head = ifd.header(stream)
    return _about(stream, head, ifd.fields(stream, head, head.first))


def pack(directory: Directory) -> bytes:
    """Write fields as an EXIF block, without prefix."""
    return b"II*\x00\x08\x00\x00\x00" + ifd.block(directory, 8)


def _about(stream: BinaryIO, head: ifd.Header, first: dict[int, Field]) -> Directory:
    found: Directory = {tag: field for tag, field in first.items() if tag in _ABOUT}
    for pointer in _POINTERS:
        if pointer not in first:
            continue
        with contextlib.suppress(BrokenDirectoryError):  # the rest is worth keeping
            below: Directory = dict(ifd.fields(stream, head, first[pointer].number()))
            below.pop(_INTEROP_IFD, None)  # an offset into the file that was
            if below:
                found[pointer] = below
    return found


def _at(data: bytearray, order: str, offset: int) -> int:
    return int(struct.unpack_from(f"{order}I", data, offset)[0])


def _entries(data: bytearray, order: str, offset: int) -> dict[int, int]:
    """Map the tags of the directory at ``offset`` to the offsets of their 12-byte entries."""
    (count,) = struct.unpack_from(f"{order}H", data, offset)
    places = range(offset + 2, offset + 2 + 12 * count, 12)
    return {struct.unpack_from(f"{order}H", data, place)[0]: place for place in places}


def _get(data: bytearray, order: str, entry: int) -> int:
    kind = struct.unpack_from(f"{order}H", data, entry + 2)[0]
    return int(struct.unpack_from(order + _NUMBERS[kind], data, entry + 8)[0])


def _put(data: bytearray, order: str, entry: int, value: int) -> None:
    kind = struct.unpack_from(f"{order}H", data, entry + 2)[0]
    struct.pack_into(order + _NUMBERS[kind], data, entry + 8, value)


def _drop_thumbnail(data: bytearray, order: str, first: dict[int, int]) -> None:
    """Unlink the second directory: its little picture would still show the gray original."""
    link = _at(data, order, 4) + 2 + 12 * len(first)
    second = _at(data, order, link) if link + 4 <= len(data) else 0
    if not second:
        return
    struct.pack_into(f"{order}I", data, link, 0)
    with contextlib.suppress(struct.error, KeyError):  # unlinked it is anyway; the rest only saves space
        tags = _entries(data, order, second)
        start, size = (_get(data, order, tags[tag]) for tag in (_THUMBNAIL_AT, _THUMBNAIL_SIZE))
        if 0 < start < start + size <= len(data):
            if start + size >= len(data) - 1:
                del data[start:]
            else:
                data[start : start + size] = bytes(size)
