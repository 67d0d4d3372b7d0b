"""The boxes of a JPEG 2000 file in which metadata live, and the comments of its codestream (ISO/IEC 15444-1, annex I).

EXIF, XMP and IPTC stand in boxes with identifiers that their programs agree on (XMP specification, part 3; ExifTool).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import BinaryIO

_EXIF = b"JpgTiffExif->JP2"
_XMP = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")
_IPTC = bytes.fromhex("33C7A4D2B81D4723A0BAF1A3E097AD38")
_PHOTOSHOP = bytes.fromhex("2C4C0100850440B9A03E562148D6DFEB")
_SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_CODESTREAM = b"\xff\x4f\xff\x51"
_PLAIN = (b"jP  ", b"ftyp", b"jp2h", b"jp2c", b"uuid", b"free", b"rreq")
_COMMENT = 0xFF64
_LATIN = 1
_INCH = Fraction(127, 5000)  # of a metre
_MOST = 64 << 20  # bytes of one box


@dataclass
class Boxes:
    """What a file's boxes say; ``others`` names those that colorcli knows nothing about."""

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    photoshop: bytes | None = None
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    comment: bytes | None = None
    others: list[str] = field(default_factory=list)


def gather(stream: BinaryIO) -> Boxes:
    """Read the boxes of a file, or the comments of a bare codestream; what is broken is passed over."""
    found = Boxes()
    stream.seek(0)
    if stream.read(4) == _CODESTREAM:
        stream.seek(0)
        found.comment = _comment(stream.read(1 << 16))
        return found
    for kind, start, size in _boxes(stream):
        stream.seek(start)
        if kind == b"jp2c":
            found.comment = _comment(stream.read(min(size, 1 << 16)))
        elif kind == b"jp2h":
            _header(stream.read(min(size, _MOST)), found)
        elif kind == b"uuid":
            name, data = stream.read(16), stream.read(min(size, _MOST))[: max(size - 16, 0)]
            if name == _EXIF:
                found.exif = data.removeprefix(b"EXIF\0\0")
            elif name in (_XMP, _IPTC, _PHOTOSHOP):
                setattr(found, {_XMP: "xmp", _IPTC: "iptc", _PHOTOSHOP: "photoshop"}[name], data)
            else:
                found.others.append(f"uuid {name.hex()}")
        elif kind not in _PLAIN:
            found.others.append(kind.decode("latin-1").strip())
    return found


def with_boxes(data: bytes, boxes: Boxes) -> bytes:
    """Put boxes into a file; a bare codestream can hold only the comment.

    Args:
        data: a file with pixels only, of boxes or a bare codestream.
        boxes: what to put in.
    """
    if not data.startswith(_SIGNATURE):
        return _with_comment(data, boxes.comment)
    parts, place = list[bytes](), 0
    uuids = ((_EXIF, boxes.exif), (_XMP, boxes.xmp), (_IPTC, boxes.iptc), (_PHOTOSHOP, boxes.photoshop))
    while place + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        start = place + (16 if size == 1 else 8)
        end = len(data) if size == 0 else place + (struct.unpack_from(">Q", data, place + 8)[0] if size == 1 else size)
        if kind == b"jp2h":
            parts.append(_box(b"jp2h", _filled(data[start:end], boxes)))
        elif kind == b"jp2c":
            parts += [_box(b"uuid", name + value) for name, value in uuids if value]
            parts.append(_box(b"jp2c", _with_comment(data[start:end], boxes.comment)))
        else:
            parts.append(data[place:end])
        place = max(end, place + 8)
    return b"".join(parts)


def _boxes(stream: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Walk the outermost boxes: kind, start and size of the content."""
    place, end = 0, stream.seek(0, os.SEEK_END)
    while place + 8 <= end:
        stream.seek(place)
        head = stream.read(16).ljust(16, b"\0")
        size, kind, wide = struct.unpack(">I4sQ", head)
        inside = 16 if size == 1 else 8
        size = end - place if size == 0 else wide if size == 1 else size
        if size < inside:
            return
        yield kind, place + inside, min(size - inside, end - place - inside)
        place += size


def _inner(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 0
    while place + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        size = size or len(data) - place
        if size < 8:
            return
        yield kind, data[place + 8 : place + size]
        place += size


def _header(data: bytes, found: Boxes) -> None:
    for kind, inside in _inner(data):
        if kind == b"colr" and inside[:1] in (b"\x02", b"\x03") and found.icc is None:
            found.icc = inside[3:]
        elif kind == b"res ":
            known = dict(_inner(inside))
            values = known.get(b"resc", known.get(b"resd", b""))
            if len(values) == 10:
                down, below, across, beside, high, wide = struct.unpack(">HHHHbb", values)
                if below and beside and abs(high) < 20 and abs(wide) < 20:
                    metre = float(_INCH)
                    found.dpi = (across / beside * 10.0**wide * metre, down / below * 10.0**high * metre)


def _filled(header: bytes, boxes: Boxes) -> bytes:
    parts = []
    for kind, inside in _inner(header):
        if kind == b"colr" and boxes.icc:
            parts.append(_box(b"colr", b"\x02\0\0" + boxes.icc))
        elif kind != b"res " or not boxes.dpi:
            parts.append(_box(kind, inside))
    if boxes.dpi:
        values = [_per_metre(value) for value in reversed(boxes.dpi)]
        packed = struct.pack(">HHHHbb", *values[0][:2], *values[1][:2], values[0][2], values[1][2])
        parts.append(_box(b"res ", _box(b"resc", packed)))
    return b"".join(parts)


def _per_metre(dpi: float) -> tuple[int, int, int]:
    """Write dots per inch as numerator, denominator and power of ten, per metre."""
    value, found = Fraction(dpi).limit_denominator(10_000) / _INCH, list[tuple[Fraction, int, int, int]]()
    for power in range(-4, 6):
        scaled, most = value / Fraction(10) ** power, 65535
        while most and (ratio := scaled.limit_denominator(most)).numerator > 65535:
            most //= 2
        if most and ratio.numerator:
            found.append((abs(ratio - scaled) / scaled, ratio.numerator, ratio.denominator, power))
    return min(found)[1:]


def _box(kind: bytes, data: bytes) -> bytes:
    if len(data) + 8 < 1 << 32:
        return struct.pack(">I4s", len(data) + 8, kind) + data
    return struct.pack(">I4sQ", 1, kind, len(data) + 16) + data


def _markers(codestream: bytes) -> Iterator[tuple[int, int, int]]:
    """Walk the marker segments of a codestream's main header: marker, start, end."""
    place = 2
    while place + 4 <= len(codestream):
        marker, size = struct.unpack_from(">HH", codestream, place)
        if marker == 0xFF90 or size < 2:  # the first tile
            return
        yield marker, place, place + 2 + size
        place += 2 + size


def _comment(codestream: bytes) -> bytes | None:
    """Return the comments, without the encoder's own."""
    texts = [codestream[start + 6 : end] for marker, start, end in _markers(codestream) if marker == _COMMENT]
    return b"\n".join(text for text in texts if not text.startswith((b"Created by OpenJPEG", b"Kakadu"))) or None


def _with_comment(codestream: bytes, comment: bytes | None) -> bytes:
    if not comment:
        return codestream
    place = max((end for _, _, end in _markers(codestream)), default=2)
    marker = struct.pack(">HHH", _COMMENT, 4 + len(comment), _LATIN) + comment
    return codestream[:place] + marker + codestream[place:]
