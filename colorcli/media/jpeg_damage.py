"""Damage in JPEG data that libjpeg papers over: it warns, Pillow does not pass that on, and the picture looks whole.

Three signs are found at next to no cost, without decoding a photo twice:

- The markers: restart markers out of order or too few, a foreign marker amid the pixels, scans of a progressive file
  that never come.
- Data left over: the last bytes are held back, and the decoder is done without asking for them; so it lost its way
  among the codes before.
- Data missing: blocks without data come out of libjpeg gray of exactly 128. A picture that ends in such gray, and only
  that one, is decoded again with noise where its data end; if noise changes it, data were missing.

What is not found: damage between two restart markers, and damage within one scan of a progressive file.
"""

from __future__ import annotations

import io
import random
import re
from dataclasses import dataclass
from math import ceil
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

_HELD = 2  # bytes; those before them libjpeg has to look at together
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_LONE = frozenset((0x01, 0xD8, *range(0xD0, 0xD8)))  # markers without a segment
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = (0xC0, 0xC1)
_NO_DATA = 128  # the value of a block whose coefficients are all 0

DAMAGED = "the JPEG data are damaged: parts of the picture may be wrong"


@dataclass
class _Scans:
    """What the markers tell: kind of frame, number of components, stretches of pixel data, and whether all is well."""

    kind: int = 0
    components: int = 0
    spans: list[tuple[int, int]] | None = None
    sound: bool = True


def load(image: Image.Image, stream: BinaryIO) -> list[str]:
    """Decode an opened JPEG as ``image.load()`` does, and notice damage.

    Args:
        image: as `PIL.Image.open` gave it, not loaded yet.
        stream: its file.

    Returns:
        A note, or none where nothing is wrong.

    Raises:
        ValueError: rows at the end of the picture are missing.
        OSError: what Pillow raises.
    """
    stream.seek(0)
    data = stream.read()
    scans = _scans(data)
    spans = scans.spans or []
    watch = None
    if scans.kind in _SEQUENTIAL and len(spans) == 1:
        start, end = spans[0]
        watch = _Watch(data, max(start, end - _HELD))
        file: Any = image
        file.fp = watch
        image.load()
    else:
        stream.seek(0)
        image.load()
    if _ends_in_nothing(image) and _lacks_data(image, data, spans):
        missing = _rows_of_nothing(image)
        if missing:
            raise ValueError(f"the last {missing} of {image.height} rows are missing")
        return [DAMAGED]
    return [] if scans.sound and (watch is None or watch.asked) else [DAMAGED]


class _Watch(io.BytesIO):
    """A file that stops short before its last bytes of pixels, and knows whether anyone asked for them."""

    def __init__(self, data: bytes, stop: int) -> None:
        super().__init__(data)
        self._stop, self.asked = stop, False

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as a file does, but not across the place to stop at."""
        room = self._stop - self.tell()
        if room <= 0:
            self.asked = True
            return super().read(size)
        return super().read(room if size is None or size < 0 else min(size, room))


def _scans(data: bytes) -> _Scans:
    """Walk the markers of the first picture in a file."""
    found, place = _Scans(spans=[]), 2
    interval = across = down = 0
    sampling: dict[int, tuple[int, int]] = {}
    seen: dict[tuple[int, int], int] = {}  # component and coefficient to the lowest bit that has come
    while place + 4 <= len(data):
        if data[place] != 0xFF or data[place + 1] in (0xFF, 0x00):
            place += 1  # libjpeg, too, looks for the next marker
            continue
        kind = data[place + 1]
        if kind == 0xD9:
            break
        if kind in _LONE:
            place += 2
            continue
        size = int.from_bytes(data[place + 2 : place + 4], "big")
        body = data[place + 4 : place + 2 + size]
        place += 2 + size
        if kind in _FRAMES and len(body) >= 6 + 3 * body[5]:
            found.kind, found.components = kind, body[5]
            down, across = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
            sampling = {body[i]: (body[i + 1] >> 4, body[i + 1] & 15) for i in range(6, 6 + 3 * body[5], 3)}
        elif kind == 0xDD and len(body) >= 2:
            interval = int.from_bytes(body[:2], "big")
        elif kind == 0xDA and body and len(body) >= 4 + 2 * body[0]:
            named = [body[i] for i in range(1, 1 + 2 * body[0], 2)]
            first, last, bits = body[-3:]
            for component in named:
                seen |= {(component, k): bits & 15 for k in range(first, min(last, 63) + 1)}
            marker = _MARKER.search(data, place)
            end = marker.start() if marker else len(data)
            if found.spans is not None:
                found.spans.append((place, end))
            units = _units(across, down, sampling, named)
            found.sound &= _restarts(data, place, end, units, interval)
            place = end
    if found.kind not in _SEQUENTIAL and seen:
        found.sound &= len(seen) == 64 * found.components and not any(seen.values())
    else:
        found.sound &= len({component for component, _ in seen}) >= found.components
    if place < len(data) and data[place : place + 2] != b"\xff\xd9":
        found.sound = False
    return found


def _units(across: int, down: int, sampling: dict[int, tuple[int, int]], named: list[int]) -> int:
    """Return how many units (MCUs) a scan has; a single component's are its own blocks."""
    if not sampling or not all(h and v for h, v in sampling.values()):
        return 0
    wide, high = max(h for h, _ in sampling.values()), max(v for _, v in sampling.values())
    if len(named) == 1 and named[0] in sampling:
        h, v = sampling[named[0]]
        return ceil(ceil(across * h / wide) / 8) * ceil(ceil(down * v / high) / 8)
    return ceil(across / (8 * wide)) * ceil(down / (8 * high))


def _restarts(data: bytes, start: int, end: int, units: int, interval: int) -> bool:
    """Tell whether the restart markers of a scan are as many as there must be, and in order."""
    found = [match.group()[1] - 0xD0 for match in _RESTART.finditer(data, start, end)]
    wanted = -(-units // interval) - 1 if interval and units else 0
    return len(found) == max(wanted, 0) and all(number == i % 8 for i, number in enumerate(found))


def _ends_in_nothing(image: Image.Image) -> bool:
    """Tell whether the last pixels are as libjpeg makes them without data."""
    corner = image.crop((max(0, image.width - 4), image.height - 1, image.width, image.height))
    return bool(np.isin(np.asarray(corner), (_NO_DATA, 255 - _NO_DATA)).all())


def _rows_of_nothing(image: Image.Image) -> int:
    """Count the rows at the end that are all gray of no data."""
    rows = np.asarray(image)[::-1].reshape(image.height, -1)
    empty = np.isin(rows, (_NO_DATA, 255 - _NO_DATA)).all(axis=1)
    return int(empty.argmin()) if not empty.all() else image.height


def _lacks_data(image: Image.Image, data: bytes, spans: list[tuple[int, int]]) -> bool:
    """Decode again with noise behind each scan's data, and tell whether that changes the picture."""
    noise = bytes(value % 255 for value in random.Random(0).randbytes(512))
    parts, done = list[bytes](), 0
    for _, end in spans:
        parts += [data[done:end], noise]
        done = end
    with Image.open(io.BytesIO(b"".join((*parts, data[done:]))), formats=("JPEG",)) as other:
        return not np.array_equal(np.asarray(other), np.asarray(image))
