"""Encoded pictures on the way to their film: packets with their time stamps, exactly as the encoder gave them.

No container keeps every codec, every time base and the order of decoding; so a segment of a film waits in a file of
this form: a line of JSON, then for each packet its numbers, its bytes and a check sum, then a mark of completeness.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from colorcli.errors import MediaError
from colorcli.media._messages import printable

_MAGIC = b"colorcli spool 1 "
_HEAD = struct.Struct("<qqqBI")  # pts, dts, duration, key frame, bytes
_END = b"\xff" * _HEAD.size


@dataclass(frozen=True)
class Coded:
    """A picture as the encoder gave it; times in the film's time base."""

    pts: int
    dts: int
    duration: int
    key: bool
    data: bytes


def begin(file: BinaryIO, about: dict[str, Any]) -> None:
    """Write the head of a spool; ``about`` is JSON-able."""
    file.write(_MAGIC + json.dumps(about).encode("ascii") + b"\n")


def put(file: BinaryIO, packet: Coded) -> None:
    """Append a packet."""
    head = _HEAD.pack(packet.pts, packet.dts, packet.duration, packet.key, len(packet.data))
    file.write(head + packet.data + zlib.crc32(packet.data, zlib.crc32(head)).to_bytes(4, "little"))


def end(file: BinaryIO) -> None:
    """Mark a spool as complete."""
    file.write(_END)


def packets(path: Path, *, data: bool = True) -> Iterator[Coded]:
    """Yield the packets of a spool.

    Args:
        path: the file.
        data: with their bytes; without, only the numbers are read, and no check sum is looked at.

    Raises:
        MediaError: it is damaged or not complete.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        if not file.readline().startswith(_MAGIC):
            raise _damaged(path)
        while True:
            head = file.read(_HEAD.size)
            if head == _END:
                return
            if len(head) < _HEAD.size:
                raise _damaged(path)
            pts, dts, duration, key, size = _HEAD.unpack(head)
            if not data:
                file.seek(size + 4, 1)
                yield Coded(pts, dts, duration, bool(key), b"")
                continue
            body, check = file.read(size), file.read(4)
            if zlib.crc32(body, zlib.crc32(head)).to_bytes(4, "little") != check:
                raise _damaged(path)
            yield Coded(pts, dts, duration, bool(key), body)


def _damaged(path: Path) -> MediaError:
    return MediaError(f"a segment of the work is damaged: {printable(path)}", hint="--force begins anew")


def about(path: Path) -> dict[str, Any]:
    """Return what was told at a spool's beginning.

    Raises:
        MediaError: it is damaged.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        line = file.readline()
    if not line.startswith(_MAGIC):
        raise _damaged(path)
    found = json.loads(line[len(_MAGIC) :])
    return found if isinstance(found, dict) else {}
