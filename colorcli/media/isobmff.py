"""The boxes of AVIF and HEIC (ISO/IEC 14496-12, 8.11; 23008-12): colours told by number, and items put in.

The items are metadata, for an encoder that takes pixels alone.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

# Code points of ITU-T H.273; those of sRGB, those that nobody specified, and BT.601's, whose primaries are near.
_LIKE_SRGB = frozenset((1, 2, 5, 6))
_HDR = {16: "PQ", 18: "HLG"}
_WIDTH = {0: "", 2: "H", 4: "I", 8: "Q"}


def strange_colors(stream: BinaryIO) -> str | None:
    """Name what a file's colours are in, where numbers say it and no profile does, and it is far from sRGB."""
    stream.seek(0)
    head = stream.read(1 << 16)
    place = head.find(b"colrnclx")
    if place < 0 or b"colrprof" in head or b"colrrICC" in head or len(head) < place + 12:
        return None
    primaries, transfer = struct.unpack_from(">HH", head, place + 8)
    if transfer in _HDR:
        return f"high dynamic range ({_HDR[transfer]})"
    return None if primaries in _LIKE_SRGB else {9: "BT.2020", 12: "Display P3"}.get(primaries, "another colour space")


def with_items(file: bytes, *, exif: bytes | None, xmp: bytes | None, icc: bytes | None) -> bytes:
    """Add EXIF, XMP and a colour profile to a file of one picture (and its transparency).

    Args:
        file: ``ftyp``, ``meta``, ``mdat``, as libavif writes them.
        exif: a TIFF structure without the ``Exif`` prefix.
        xmp: a packet.
        icc: a profile.

    Returns:
        The file with its offsets moved, and the new items' data at its end.

    Raises:
        ValueError: the boxes are not as libavif writes them.
    """
    try:
        meta = next(box for box in _boxes(file, 0, len(file)) if box[0] == b"meta")
        parts = {kind: file[start:end] for kind, start, end in _boxes(file, meta[1] + 4, meta[2])}
        primary = struct.unpack_from(">H", parts[b"pitm"], 4)[0]
        items = [(b"Exif", b"Exif\0", bytes(4) + exif)] if exif else []
        items += [(b"mime", b"XMP\0application/rdf+xml\0", xmp)] if xmp else []
        places = _locations(parts[b"iloc"])
        first = max(places) + 1
        parts[b"iinf"] = _listed(parts[b"iinf"], first, items)
        parts[b"iref"] = _referred(parts.get(b"iref", bytes(4)), first, len(items), primary)
        if icc:
            parts[b"iprp"] = _colored(parts[b"iprp"], primary, icc)
        lengths = [len(data) for _, _, data in items]
        # The size of the new header decides where all data stand, and does not depend on it.
        moved = len(_header(file[: meta[1] - 8], parts, _placed(places, 0, 0, first, lengths))) - meta[2]
        located = _placed(places, moved, len(file) + moved + 8, first, lengths)
        header = _header(file[: meta[1] - 8], parts, located)
        return b"".join((header, file[meta[2] :], _box(b"mdat", b"".join(data for _, _, data in items))))
    except (StopIteration, KeyError, struct.error, IndexError) as error:
        raise ValueError("the encoder's file is not as expected") from error


def _boxes(data: bytes, place: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Walk boxes: kind, start and end of the content."""
    while place + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, place)
        size = size or end - place
        if size < 8:
            raise ValueError("a box without a size")
        yield kind, place + 8, place + size
        place += size


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _header(head: bytes, parts: dict[bytes, bytes], located: bytes) -> bytes:
    order = sorted(parts, key=lambda kind: [b"hdlr", b"pitm", b"iloc", b"iinf", b"iref", b"iprp"].index(kind))
    body = b"".join(_box(kind, located if kind == b"iloc" else parts[kind]) for kind in order)
    return head + _box(b"meta", bytes(4) + body)


def _locations(iloc: bytes) -> dict[int, list[tuple[int, int]]]:
    """Read where items stand: offset and length of the parts of each."""
    version, sizes = iloc[0], struct.unpack_from(">BB", iloc, 4)
    offset, length, base, index = sizes[0] >> 4, sizes[0] & 15, sizes[1] >> 4, sizes[1] & 15 if version else 0
    if version > 1:
        raise ValueError("item locations of another version")
    found: dict[int, list[tuple[int, int]]] = {}
    (count,) = struct.unpack_from(">H", iloc, 6)
    place = 8
    for _ in range(count):
        (item,) = struct.unpack_from(">H", iloc, place)
        place += 4 + (2 if version else 0)
        start = _number(iloc, place, base)
        (extents,) = struct.unpack_from(">H", iloc, place + base)
        place += base + 2
        found[item] = []
        for _ in range(extents):
            at = start + _number(iloc, place + index, offset)
            found[item].append((at, _number(iloc, place + index + offset, length)))
            place += index + offset + length
    return found


def _number(data: bytes, place: int, width: int) -> int:
    return int(struct.unpack_from(f">{_WIDTH[width]}", data, place)[0]) if width else 0


def _placed(places: dict[int, list[tuple[int, int]]], moved: int, end: int, first: int, lengths: list[int]) -> bytes:
    """Write where items stand: the old ones moved, the new ones one after the other at ``end``."""
    places = {item: [(at + moved, size) for at, size in extents] for item, extents in places.items()}
    for number, length in enumerate(lengths):
        places[first + number] = [(end + sum(lengths[:number]), length)]
    out = bytes(4) + struct.pack(">BBH", 0x44, 0, len(places))
    for item, extents in places.items():
        out += struct.pack(">HHH", item, 0, len(extents)) + b"".join(struct.pack(">II", *extent) for extent in extents)
    return out


def _listed(iinf: bytes, first: int, items: list[tuple[bytes, bytes, bytes]]) -> bytes:
    (count,) = struct.unpack_from(">H", iinf, 4)
    # Hidden, as libavif marks what is no picture.
    new = b"".join(
        _box(b"infe", b"\x02\x00\x00\x01" + struct.pack(">HH4s", first + number, 0, kind) + names)
        for number, (kind, names, _) in enumerate(items)
    )
    return iinf[:4] + struct.pack(">H", count + len(items)) + iinf[6:] + new


def _referred(iref: bytes, first: int, count: int, primary: int) -> bytes:
    """Say that the new items describe the picture."""
    new = (_box(b"cdsc", struct.pack(">HHH", first + number, 1, primary)) for number in range(count))
    return iref + b"".join(new)


def _colored(iprp: bytes, primary: int, icc: bytes) -> bytes:
    """Add a colour profile to the properties, and give it to the picture."""
    parts = {kind: iprp[start:end] for kind, start, end in _boxes(iprp, 0, len(iprp))}
    properties = parts[b"ipco"]
    number = len(list(_boxes(properties, 0, len(properties)))) + 1
    ipma = bytearray(parts[b"ipma"])
    if ipma[0] or ipma[3] & 1 or number > 127:
        raise ValueError("item properties of another version")
    place = 8
    while struct.unpack_from(">H", ipma, place)[0] != primary:
        place += 3 + ipma[place + 2]
    ipma[place + 2] += 1
    ipma.insert(place + 2 + ipma[place + 2], number)
    return _box(b"ipco", properties + _box(b"colr", b"prof" + icc)) + _box(b"ipma", bytes(ipma))
