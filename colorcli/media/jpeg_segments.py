"""What JPEG keeps in its APP segments, each of which holds less than 64 kB: long XMP and Photoshop blocks in pieces."""

from __future__ import annotations

import copy
import hashlib
import struct
from collections.abc import Iterable

from lxml import etree

from colorcli.media import xmp

SEGMENT = 65533
"""Bytes that a segment holds besides its own length."""

_APP13 = b"Photoshop 3.0\x00"
_XMP = b"http://ns.adobe.com/xap/1.0/\x00"
_MORE = b"http://ns.adobe.com/xmp/extension/\x00"
_ROOM = SEGMENT - len(_XMP)
_MORE_ROOM = SEGMENT - len(_MORE) - 40
_HAS_MORE = "xmpNote:HasExtendedXMP"
# What is carried in another way, made anew, or tells of the old compression: nothing to speak of.
_KNOWN = (
    _XMP,
    _MORE,
    b"Exif\0",
    b"ICC_PROFILE\0",
    b"MPF\0",
    b"FPXR\0",
    b"Photoshop ",
    b"Adobe",
    b"JFIF",
    b"JFXX",
    b"Ducky",
)

Segments = Iterable[tuple[str, bytes]]


def photoshop(segments: Segments) -> bytes:
    """Join the image resource blocks."""
    return b"".join(data[len(_APP13) :] for name, data in segments if name == "APP13" and data.startswith(_APP13))


def photoshop_segments(resources: bytes) -> bytes:
    """Cut image resource blocks into segments."""
    return _segments(0xED, _APP13, resources, SEGMENT - len(_APP13))


def comment(segments: Segments) -> bytes | None:
    """Join the comments, one per line."""
    return b"\n".join(data for name, data in segments if name == "COM" and data) or None


def others(segments: Segments) -> list[str]:
    """Name the segments that colorcli knows nothing about."""
    names = {
        "content credentials (C2PA)" if name == "APP11" and b"c2pa" in data else name
        for name, data in segments
        if name != "COM" and not data.startswith(_KNOWN) and data and b"<?xpacket" not in data
    }
    return sorted(names)


def stray_xmp(segments: Segments) -> bytes | None:
    """Find a packet in a segment whose own head some program has mangled."""
    found = (data for name, data in segments if name == "APP1" and not data.startswith(_KNOWN))
    return next((data[data.index(b"<?xpacket") :] for data in found if b"<?xpacket" in data), None)


def joined_xmp(packet: bytes, segments: Segments) -> tuple[bytes, bool]:
    """Put the parts of a packet of more than 64 kB together again (XMP specification, part 3, 1.1.3.1).

    Returns:
        The packet, and whether no part is missing.

    Raises:
        xmp.BrokenXmpError: the first part cannot be understood.
    """
    if b"HasExtendedXMP" not in packet:
        return packet, True
    main = xmp.parse(packet)
    wanted = (main.get(_HAS_MORE) or "").encode("ascii", "replace")
    main.remove(_HAS_MORE)
    parts: dict[int, bytes] = {}
    total = 0
    for name, data in segments:
        if name == "APP1" and data.startswith(_MORE + wanted) and len(data) > len(_MORE) + 40:
            total, offset = struct.unpack_from(">II", data, len(_MORE) + 32)
            parts[offset] = data[len(_MORE) + 40 :]
    whole = b"".join(parts[offset] for offset in sorted(parts))
    if not wanted or not whole or len(whole) != total:
        return main.to_bytes(), False
    try:
        more = xmp.parse(whole)
    except xmp.BrokenXmpError:
        return main.to_bytes(), False
    for description in more.descriptions():
        main.rdf.append(description)
    return main.to_bytes(), True


def split_xmp(packet: bytes) -> tuple[bytes, bytes] | None:
    """Cut a packet so that its first part fits into one segment.

    Returns:
        The first part, and the segments with the rest (empty where it fits as it is); None where it cannot be cut.
    """
    if len(packet) <= _ROOM:
        return packet, b""
    try:
        main = xmp.parse(packet)
    except xmp.BrokenXmpError:
        return None
    if main.tail.strip():  # padding is for editing in place, which nobody does to a JPEG
        main.tail = '\n<?xpacket end="w"?>'
    if len(main.to_bytes()) <= _ROOM:
        return main.to_bytes(), b""
    more = xmp.Packet(xmp.fresh().root, "", "")
    below = etree.SubElement(more.rdf, f"{{{xmp.RDF}}}Description")
    first = main.descriptions()[0]
    below.set(f"{{{xmp.RDF}}}about", first.get(f"{{{xmp.RDF}}}about", ""))
    pieces: list[tuple[int, etree._Element, str | etree._Element]] = []
    for description in main.descriptions():
        about = f"{{{xmp.RDF}}}about"
        pieces += [(len(value), description, key) for key, value in description.attrib.items() if key != about]
        pieces += [
            (len(etree.tostring(child)), description, child) for child in description if isinstance(child.tag, str)
        ]
    pieces.sort(key=lambda piece: -piece[0])
    over = len(main.to_bytes()) + 100 - _ROOM  # the pointer to the rest takes some room as well
    for size, description, piece in pieces:
        if over <= 0:
            break
        if isinstance(piece, str):
            below.set(piece, description.attrib.pop(piece))
        else:
            below.append(copy.deepcopy(piece))
            description.remove(piece)
        over -= size
    rest = more.to_bytes()
    digest = hashlib.md5(rest, usedforsecurity=False).hexdigest().upper()
    main.put(_HAS_MORE, digest)
    short = main.to_bytes()
    if len(short) > _ROOM:
        return None
    parts = (
        _MORE + digest.encode() + struct.pack(">II", len(rest), start) + rest[start : start + _MORE_ROOM]
        for start in range(0, len(rest), _MORE_ROOM)
    )
    return short, b"".join(_segments(0xE1, b"", part, SEGMENT) for part in parts)


def _segments(marker: int, head: bytes, data: bytes, room: int) -> bytes:
    parts = (head + data[start : start + room] for start in range(0, len(data), room))
    return b"".join(struct.pack(">BBH", 0xFF, marker, 2 + len(part)) + part for part in parts)
