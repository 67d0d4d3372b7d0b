"""Pictures that Pillow would refuse for the sake of what is said about them: opened without the damaged parts.

A wrong checksum on a title, a text that inflates to gigabytes or a JFIF segment of no length is no reason to lose a
photo. The parts that hold pixels, and those that tell how to read them, are never touched.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from PIL import Image

from colorcli.errors import MediaError
from colorcli.media import opening

_PNG = b"\x89PNG\r\n\x1a\n"
_PIXELS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT"))
_SIZES = {b"pHYs": 9, b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"tIME": 7}
_MOST_IN_ALL = 32 << 20
_MOST_SEGMENTS = 64


def png(stream: BinaryIO) -> tuple[BinaryIO, list[str]]:
    """Leave the damaged chunks out of a PNG, but for those that make the picture.

    Args:
        stream: a PNG file.

    Returns:
        The stream itself where nothing is wrong with it (or cannot be mended), else a copy of the rest in memory; and a
        note for each chunk left out.
    """
    notes, bad, room = list[str](), list[tuple[int, int]](), _MOST_IN_ALL
    for kind, start, length in _chunks(stream):
        if kind in _PIXELS:
            continue
        stream.seek(start + 8)
        body, checksum = stream.read(length), stream.read(4)
        inside = _inflated(kind, body, min(opening.MAX_TEXT, room))
        room -= max(inside, 0)
        if zlib.crc32(body, zlib.crc32(kind)).to_bytes(4, "big") != checksum:
            why = "its checksum is wrong"
        elif inside < 0:
            why = "it is damaged, or larger than sense"
        elif _SIZES.get(kind, length) != length:
            why = "it is of the wrong length"
        else:
            continue
        notes.append(f"a {kind.decode('latin-1')} chunk of the PNG is left out: {why}")
        bad.append((start, start + 12 + length))
    if not bad:
        return stream, []
    stream.seek(0)
    data, parts, done = stream.read(), list[bytes](), 0
    for start, end in bad:
        parts.append(data[done:start])
        done = end
    return io.BytesIO(b"".join((*parts, data[done:]))), list(dict.fromkeys(notes))


def _chunks(stream: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Walk a PNG's chunks: kind, where it starts, length of its content. Stops where they stop making sense."""
    place, end = len(_PNG), stream.seek(0, io.SEEK_END)
    while place + 12 <= end:
        stream.seek(place)
        length, kind = struct.unpack(">I4s", stream.read(8))
        if not kind.isalpha() or place + 12 + length > end:
            return
        yield kind, place, length
        place += 12 + length


def _inflated(kind: bytes, body: bytes, most: int) -> int:
    """Return how much a packed text or profile inflates to, 0 where nothing is packed, -1 for too much or damaged."""
    if kind not in (b"zTXt", b"iTXt", b"iCCP"):
        return 0
    _, zero, rest = body.partition(b"\0")
    if not zero or len(rest) < 2:
        return -1
    if kind == b"iTXt":
        packed, rest = rest[0], rest[2:].partition(b"\0")[2].partition(b"\0")[2]
        if not packed:
            return 0
    elif rest[0] != 0:
        return -1
    unpacker = zlib.decompressobj()
    try:
        size = len(unpacker.decompress(rest[1:] if kind != b"iTXt" else rest, most))
    except zlib.error:
        return -1
    return size if unpacker.eof else -1


def jpeg(stream: BinaryIO) -> BinaryIO | None:
    """Leave those segments out of a JPEG that Pillow cannot open it with, but for those that make the picture.

    Returns:
        A copy of the rest in memory; None where that does not help.
    """
    stream.seek(0)
    data = stream.read()
    about, picture, place = list[bytes](), [data[:2]], 2
    while place + 4 <= len(data) and data[place] == 0xFF and data[place + 1] != 0xDA:
        kind, size = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        segment = data[place : place + 2 + size]
        # All applications' segments and comments, except Adobe's, which tells the colour transform.
        (about if kind == 0xFE or (0xE0 <= kind <= 0xEF and kind != 0xEE) else picture).append(segment)
        place += 2 + size
    rest = b"".join((*picture[1:], data[place:]))
    if not about or not _opens(data[:2] + rest):
        return None
    kept = [segment for segment in about[:_MOST_SEGMENTS] if _opens(data[:2] + segment + rest)]
    whole = b"".join((data[:2], *kept, rest))
    return io.BytesIO(whole if _opens(whole) else data[:2] + rest)


def _opens(data: bytes) -> bool:
    try:
        Image.open(io.BytesIO(data), formats=("JPEG",)).close()
    except Exception:  # noqa: BLE001 (whatever Pillow's parsers raise)
        return False
    return True


def opened(stream: BinaryIO, name: str, head: bytes) -> tuple[Image.Image, BinaryIO, list[str]]:
    """Open a file as `colorcli.media.opening.opened` does, mended where need be.

    Returns:
        The picture, the file that it was opened from, and notes on what was left out.
    """
    if head.startswith(_PNG):
        stream, notes = png(stream)
        stream.seek(0)
        return opening.opened(stream, name, head), stream, notes
    try:
        return opening.opened(stream, name, head), stream, []
    except MediaError:
        mended = jpeg(stream) if head.startswith(b"\xff\xd8\xff") else None
        if mended is None:
            raise
    return opening.opened(mended, name, head), mended, ["damaged segments of the JPEG are left out"]
