"""Pillow's resampling and its luma, where a published pipeline must be followed to the last digit."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_KERNELS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def resize(
    pixels: NDArray[np.uint8], size: tuple[int, int], kernel: Literal["bilinear", "bicubic"]
) -> NDArray[np.uint8]:
    """Bring 8-bit pixels ``(H, W)`` or ``(H, W, 3)`` to ``size`` (h, w), antialiased where they shrink."""
    height, width = size
    return np.asarray(Image.fromarray(pixels).resize((width, height), _KERNELS[kernel]))


def luma(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the 8-bit luma (ITU-R BT.601) ``(H, W)`` of gray or RGB pixels."""
    return np.asarray(Image.fromarray(pixels).convert("L"))
