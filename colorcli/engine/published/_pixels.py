"""What the published pipelines have in common: three channels, 8 bits for the network, strips of rows for the photo."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[Any]
#: Pixels of the photo that are held in float at a time.
_STRIP = 1 << 18


def top(pixels: Pixels) -> float:
    """Return the value that stands for white: 255 or 65535."""
    return float(np.iinfo(pixels.dtype).max)


def rgb(pixels: Pixels) -> Pixels:
    """Return ``(H, W, 3)``; gray is repeated, without a copy."""
    return pixels if pixels.ndim == 3 else np.broadcast_to(pixels[..., None], (*pixels.shape, 3))


def eight_bits(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """Return the pixels in 8 bits, rounded."""
    if pixels.dtype == np.uint8:
        return pixels
    return ((pixels.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def strips(pixels: Pixels) -> Iterator[tuple[int, int]]:
    """Yield first and last row (excluded) of strips that cover a picture."""
    height, width = pixels.shape[:2]
    step = max(1, _STRIP // width)
    for y0 in range(0, height, step):
        yield y0, min(y0 + step, height)
