"""Which fields of a TIFF's directory are about the picture and travel with it, into EXIF blocks and out of them.

TIFF files have no EXIF block of their own but spread it over their directory. Fields are carried as the bytes they are.
"""

from __future__ import annotations

import contextlib
import io
from typing import BinaryIO

from colorcli.media import ifd
from colorcli.media.exif import pack
from colorcli.media.ifd import BrokenDirectoryError, Directory, Field

RESOLUTION = frozenset((282, 283, 296))
DESCRIPTION = 270

_DNG_VERSION = 50706
_EXIF_IFD, _GPS_IFD, _INTEROP_IFD, _MAKER_NOTE = 0x8769, 0x8825, 0xA005, 0x927C

# Names and descriptions, camera, resolution, software, date, artist, whereabouts of the page, copyright, rating,
# Windows' XP* fields, the program that changed the picture.
_ABOUT = RESOLUTION | {11, 269, DESCRIPTION, 271, 272, 285, 305, 306, 315, 316, 33432, 18246, 18249}
_ABOUT |= {*range(40091, 40096)}
# How the pixels are stored, and what is carried over in another way (orientation, XMP, IPTC, Photoshop's blocks, ICC).
_STORAGE = frozenset(
    (
        *(254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 274, 277, 278, 279, 280, 281, 284, 286, 287, 288),
        *(289, 290, 291, 292, 293, 297, 301, 317, 318, 319, 320, 321, 322, 323, 324, 325, 326, 327, 328, 332, 333, 334),
        *(336, 338, 339, 340, 341, 342, 343, 347, *range(512, 522), 529, 530, 531, 532, 700, 33723, 34377, 34675),
        *(37724, 50674, _EXIF_IFD, _GPS_IFD),
    )
)
# Of types that could be offsets into the file, but known to be plain values: GeoTIFF, GDAL, and EXIF's own fields where
# a camera has put them into the first directory.
_VALUES = frozenset((33550, 33920, 33922, 34264, 34735, 34736, 34737, 42112, 42113, 33434, 33437))
_VALUES |= {*range(0x8822, 0x8825), *range(0x8827, 0x8836), *range(0x9000, 0xA005), *range(0xA006, 0xA500)}
# Private, of types that look like values, but true for the file they stood in only: raw sensors' pixels and DNG (a
# reader would take the picture for one), ImageJ's stacks, microscopes' offsets, blocks with offsets of their own.
_BOUND = frozenset(
    (
        *(301, 33421, 33422, 34412, 34439, 37398, 50215, 50216, 50217, 50218, 50255, 50838, 50839, 65441),
        *(*range(50706, 50832), *range(50879, 50885), *range(50907, 51200), *range(52525, 52560), 34118, 34119, 34122),
    )
)
# Types that no offset is written as: bytes, texts, short numbers, rationals, floating point.
_NO_OFFSETS = frozenset((1, 2, 3, 5, 6, 7, 8, 10, 11, 12))


def from_tiff(stream: BinaryIO) -> tuple[bytes | None, list[str]]:
    """Gather what a TIFF's first directory says about the picture into an EXIF block.

    Returns:
        The block (without prefix, orientation and thumbnail) or None where there is nothing, and a note on the fields
        that no other file could carry.

    Raises:
        BrokenDirectoryError: the directory cannot be read.
    """
    found, strange = _taken(stream)
    notes = [f"private TIFF tags are not carried over: {', '.join(map(str, strange))}"] if strange else []
    return (pack(found) if found else None), notes


def parse(exif: bytes) -> tuple[Directory, list[int]]:
    """Take a block apart into the fields that a TIFF's directory can take over.

    Returns:
        The fields, and the tags of those that cannot be taken over.

    Raises:
        BrokenDirectoryError: the block cannot be understood.
    """
    return _taken(io.BytesIO(exif))


def standard_only(exif: bytes) -> tuple[bytes, list[int]]:
    """Write a block anew without private fields.

    Returns:
        The block, and the tags that were left out.
    """
    with contextlib.suppress(BrokenDirectoryError):
        found, _ = parse(exif)
        kept: Directory = {tag: field for tag, field in found.items() if tag in _ABOUT or not isinstance(field, Field)}
        return pack(kept), sorted(set(found) - set(kept))
    return exif, []


def moves_notes(directory: Directory) -> bool:
    """Tell whether there are maker notes that could hold offsets; in another file these lead astray."""
    below = directory.get(_EXIF_IFD)
    return isinstance(below, dict) and _MAKER_NOTE in below


def _taken(stream: BinaryIO) -> tuple[Directory, list[int]]:
    head = ifd.header(stream)
    first = ifd.fields(stream, head, head.first)
    found = _about(stream, head, first)
    strange = set(first) - _STORAGE - set(found)
    if _DNG_VERSION in first:  # how a sensor's pixels are stored, which is over once they are developed
        strange -= _BOUND
    return found, sorted(strange)


def _about(stream: BinaryIO, head: ifd.Header, first: dict[int, Field]) -> Directory:
    found: Directory = {tag: field for tag, field in first.items() if tag in _ABOUT or _is_value(tag, field)}
    for pointer in (_EXIF_IFD, _GPS_IFD):
        if below := _below(stream, head, first, pointer):
            found[pointer] = below
    return found


def _is_value(tag: int, field: Field) -> bool:
    """Tell whether a private field means the same in another file."""
    return tag in _VALUES or (tag not in _STORAGE and tag not in _BOUND and field.kind in _NO_OFFSETS)


def _below(stream: BinaryIO, head: ifd.Header, fields: dict[int, Field], pointer: int) -> Directory:
    """Read a directory that a field points to; nothing where it is broken, since the rest is worth keeping."""
    with contextlib.suppress(BrokenDirectoryError):
        if pointer in fields:
            found = ifd.fields(stream, head, fields[pointer].number())
            below: Directory = {tag: field for tag, field in found.items() if tag not in (_EXIF_IFD, _GPS_IFD)}
            if pointer == _EXIF_IFD and (interop := _below(stream, head, found, _INTEROP_IFD)):
                below[_INTEROP_IFD] = interop
            else:
                below.pop(_INTEROP_IFD, None)
            return below
    return {}
