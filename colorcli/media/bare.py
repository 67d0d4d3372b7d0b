"""The little that BMP and PNM say about a picture."""

from __future__ import annotations

import struct
from typing import BinaryIO

_V5, _EMBEDDED = 124, 0x4D424544
_MOST = 1 << 16  # bytes of a header that are looked at


def bmp_profile(stream: BinaryIO) -> bytes | None:
    """Find the ICC profile that the fifth version of BMP's header can hold (Microsoft, BITMAPV5HEADER)."""
    stream.seek(0)
    head = stream.read(14 + _V5)
    start = 14 if head[:2] == b"BM" else 0
    if len(head) < start + _V5 or struct.unpack_from("<I", head, start)[0] != _V5:
        return None
    if struct.unpack_from("<I", head, start + 56)[0] != _EMBEDDED:
        return None
    offset, size = struct.unpack_from("<II", head, start + 112)
    stream.seek(start + offset)
    data = stream.read(min(size, 64 << 20))
    return data if len(data) == size else None


def pnm_comment(stream: BinaryIO) -> bytes | None:
    """Return the comment lines in a PNM's header."""
    stream.seek(0)
    head = stream.read(_MOST)
    if head[:1] != b"P" or head[1:2] not in b"123456":
        return None
    lines, numbers, place = list[bytes](), 2 if head[1:2] in b"14" else 3, 2
    while numbers and place < len(head):
        char = head[place : place + 1]
        if char == b"#":
            end = head.find(b"\n", place)
            end = len(head) if end < 0 else end
            lines.append(head[place + 1 : end].strip())
            place = end
        elif char.isspace():
            place += 1
        else:
            while place < len(head) and not head[place : place + 1].isspace() and head[place : place + 1] != b"#":
                place += 1
            numbers -= 1
    return b"\n".join(line for line in lines if line) or None


def with_pnm_comment(data: bytes, comment: bytes) -> bytes:
    """Put comment lines behind a PNM's first line; no line may be longer than 70 bytes, some readers demand."""
    lines = [line.strip() for line in comment.replace(b"\r", b"\n").split(b"\n")]
    parts = [line[start : start + 68] for line in lines for start in range(0, len(line), 68)]
    return data[:3] + b"".join(b"# " + part + b"\n" for part in parts) + data[3:]
