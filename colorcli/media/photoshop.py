"""Photoshop's image resource blocks, where IPTC's records live (Adobe, Photoshop File Formats; IPTC-IIM 4.2)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from colorcli.media import xmp

# Little pictures of the original (BGR and RGB), and a copy of its profile, which is carried in another way.
_STALE = (1033, 1036, 1039)
_IPTC = 0x0404
_SIGNATURES = (b"8BIM", b"PHUT", b"AgHg", b"DCSR", b"MeSa")
_UTF8 = b"\x1b%G"

# Records of application 2 that XMP has a property for, by IPTC's own table (Photo Metadata Standard, appendix).
_AS_XMP = {
    5: ("dc:title", "Alt"),
    15: ("photoshop:Category", ""),
    20: ("photoshop:SupplementalCategories", "Bag"),
    25: ("dc:subject", "Bag"),
    40: ("photoshop:Instructions", ""),
    55: ("photoshop:DateCreated", ""),
    80: ("dc:creator", "Seq"),
    85: ("photoshop:AuthorsPosition", ""),
    90: ("photoshop:City", ""),
    92: ("Iptc4xmpCore:Location", ""),
    95: ("photoshop:State", ""),
    100: ("Iptc4xmpCore:CountryCode", ""),
    101: ("photoshop:Country", ""),
    103: ("photoshop:TransmissionReference", ""),
    105: ("photoshop:Headline", ""),
    110: ("photoshop:Credit", ""),
    115: ("photoshop:Source", ""),
    116: ("dc:rights", "Alt"),
    120: ("dc:description", "Alt"),
    122: ("photoshop:CaptionWriter", ""),
}


def without_thumbnails(data: bytes) -> tuple[bytes, bool]:
    """Leave out the little pictures that still show the original; the other blocks stay as they are.

    Returns:
        The blocks, and whether all of them could be read; what stands behind a broken one is left out.
    """
    kept, end = bytearray(), 0
    for number, start, end, _ in _blocks(data):
        if number not in _STALE:
            kept += data[start:end]
    return bytes(kept), not data[end:].strip(b"\0")


def as_resource(iptc: bytes) -> bytes:
    """Wrap an IPTC record as an image resource block."""
    return b"8BIM" + struct.pack(">HHI", _IPTC, 0, len(iptc)) + iptc + bytes(len(iptc) % 2)


def iptc(resources: bytes | None) -> bytes | None:
    """Find the IPTC record among the blocks."""
    return next((value for number, _, _, value in _blocks(resources or b"") if number == _IPTC and value), None)


def in_file_order(record: bytes) -> bytes:
    """Turn a record whose bytes were swapped in fours, as old programs leave it in TIFF, the right way round."""
    if record[3:4] == b"\x1c" != record[:1]:
        return b"".join(record[i : i + 4][::-1] for i in range(0, len(record), 4))
    return record


def into_xmp(record: bytes, packet: xmp.Packet) -> bool:
    """Copy what XMP has a property for, unless the property is there.

    Returns:
        Whether nothing of the record is left behind.
    """
    code, found, complete = "latin-1", dict[int, list[bytes]](), True
    for application, number, value in _records(record):
        if (application, number) == (1, 90):
            code = "utf-8" if value == _UTF8 else "latin-1"
        elif application == 2 and number in _AS_XMP:
            found.setdefault(number, []).append(value)
        elif (application, number) not in ((1, 0), (2, 0)):  # the records' versions
            complete = False
    for number, values in found.items():
        name, form = _AS_XMP[number]
        texts = [value.decode(code, "replace").strip("\0") for value in values]
        if number == 55 and len(texts[0]) == 8:
            texts = [f"{texts[0][:4]}-{texts[0][4:6]}-{texts[0][6:]}"]
        if packet.get(name) is None:
            packet.put(name, texts if form in ("Bag", "Seq") else texts[0], form=form)
    return complete


def _blocks(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Walk the blocks that are whole: number, start, end, value."""
    place = 0
    while place + 12 <= len(data) and data[place : place + 4] in _SIGNATURES:
        (number,) = struct.unpack_from(">H", data, place + 4)
        named = data[place + 6] + 1  # a Pascal string
        at = place + 6 + named + named % 2
        if at + 4 > len(data):
            return
        (size,) = struct.unpack_from(">I", data, at)
        end = at + 4 + size
        if end > len(data):
            return
        yield number, place, min(end + size % 2, len(data)), data[at + 4 : end]
        place = end + size % 2


def _records(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Walk the records that are whole: application, number, value."""
    place = 0
    while place + 5 <= len(data) and data[place] == 0x1C:
        application, number, size = struct.unpack_from(">BBH", data, place + 1)
        place += 5
        if size & 0x8000:  # its length is written in so many bytes
            wide = size & 0x7FFF
            if wide > 4 or place + wide > len(data):
                return
            size, place = int.from_bytes(data[place : place + wide], "big"), place + wide
        if place + size > len(data):
            return
        yield application, number, data[place : place + size]
        place += size


def is_record(data: bytes) -> bool:
    """Tell whether these bytes are an IPTC record, or at least begin as one that is whole."""
    return next(_records(data), None) is not None
