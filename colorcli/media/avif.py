"""AVIF of more than 8 bits per sample, which Pillow would cut down: in and out through imagecodecs (libavif)."""

from __future__ import annotations

import re
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from colorcli.media import isobmff, samples

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


def encode(
    pixels: NDArray[Any], alpha: NDArray[Any] | None, words: dict[str, Any], *, quality: int, speed: int
) -> bytes:
    """Encode at 12 bits, 4:4:4; transparency, and gray, lose nothing but the last 4 bits.

    Args:
        pixels: ``(H, W)`` or ``(H, W, 3)``, uint16.
        alpha: ``(H, W)`` of the same type, or None.
        words: metadata as Pillow would take them: ``exif`` with its prefix, ``xmp``, ``icc_profile``.
        quality: 1..100.
        speed: 0 (slowest) to 10.

    Raises:
        RuntimeError, ValueError: the encoder refuses the picture.
    """
    import imagecodecs

    if alpha is not None and pixels.ndim == 2:
        pixels = np.dstack((pixels, pixels, pixels))
    array = pixels if alpha is None else np.dstack((pixels, alpha))
    table = ((np.arange(65536, dtype=np.uint32) * 4095 + 32767) // 65535).astype(np.uint16)
    data = imagecodecs.avif_encode(
        np.ascontiguousarray(table[array]),
        level=min(quality, 99),  # 100 is lossless, and in colours that not all programs read
        bitspersample=12,
        pixelformat="444" if array.ndim == 3 else None,
        speed=speed,
        numthreads=1,
    )
    exif = words["exif"].removeprefix(b"Exif\0\0") if "exif" in words else None
    return isobmff.with_items(bytes(data), exif=exif, xmp=words.get("xmp"), icc=words.get("icc_profile"))
