"""Lossy WebP of gray pictures: neutral in the file, one level off neutral when decoded."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

_ROWS = 256


def is_lossy(stream: BinaryIO) -> bool:
    """Tell whether a WebP file's pixels are in a ``VP8 `` chunk (``VP8L`` is lossless)."""
    stream.seek(12)
    for _ in range(64):
        head = stream.read(8)
        if len(head) < 8 or head[:4] in (b"VP8 ", b"VP8L"):
            return head[:4] == b"VP8 "
        size = int.from_bytes(head[4:], "little")
        stream.seek(size + size % 2, 1)
    return False


def collapsed(pixels: NDArray[Any]) -> NDArray[Any]:
    """Make ``(H, W)`` of RGB that libwebp decoded from chroma planes of nothing but 128.

    Its arithmetic (BT.601 in 14 bits) then gives R = B, and G the same or one less; no other chroma gives that for
    every pixel of a photo.

    Args:
        pixels: ``(H, W, 3)`` uint8.

    Returns:
        ``(H, W)`` where all pixels are so, else the pixels as they are.
    """
    if pixels.ndim != 3:
        return pixels
    for top in range(0, len(pixels), _ROWS):
        red, green, blue = (pixels[top : top + _ROWS, :, channel] for channel in range(3))
        if not (np.array_equal(red, blue) and (red - green <= 1).all()):  # of uint8: below 0 is 255
            return pixels
    return np.ascontiguousarray(pixels[..., 0])
