"""AVIF of more than 8 bits per sample, which Pillow would cut down: decoded through imagecodecs (libavif)."""

from __future__ import annotations

import re
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from colorcli.media import samples

# The configuration box of AV1 (AV1-ISOBMFF, 2.3.3): marker and version, profile and level, then the flags.
_CONFIGURATION = re.compile(rb"av1C\x81(.)(.)", re.S)
_HIGH, _TWELVE = 0x40, 0x20


def bits(stream: BinaryIO) -> int:
    """Return the bits per sample, 8, 10 or 12, from the file's header."""
    stream.seek(0)
    flags = [found[2][0] for found in _CONFIGURATION.finditer(stream.read(1 << 16))]
    return max((8 if not flag & _HIGH else 12 if flag & _TWELVE else 10 for flag in flags), default=8)


def decode(stream: BinaryIO) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Decode the picture, orientation not applied.

    Returns:
        Gray ``(H, W)`` or RGB ``(H, W, 3)`` and alpha ``(H, W)`` or None, uint16 of full range.

    Raises:
        RuntimeError, ValueError: it is damaged.
    """
    import imagecodecs

    stream.seek(0)
    depth = bits(stream)
    stream.seek(0)
    found = imagecodecs.avif_decode(stream.read(), index=0, numthreads=1)
    if found.dtype != np.uint16:
        raise ValueError(f"decoded to {found.dtype}")
    found = samples.full_range(found, depth)
    if found.ndim == 2 or found.shape[2] == 3:
        return np.ascontiguousarray(found), None
    color = found[..., 0] if found.shape[2] == 2 else found[..., :3]
    return np.ascontiguousarray(color), np.ascontiguousarray(found[..., -1])
