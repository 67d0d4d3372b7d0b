"""The photo's own lightness and the network's colours, put together at full resolution.

A photo of a hundred megapixels passes through in runs of a hundred thousand pixels: nothing of full size is ever held
in float, and beside input and output a merge needs a few MiB, and in 8 bits the codes that all photos share (40 MiB
at most). A merge lets go of the interpreter's lock, so that several photos can be merged side by side.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from colorcli.color.lab import gray_to_L, rgb_to_lab
from colorcli.engine import _codes, _shrink, _strips
from colorcli.engine._strips import LENGTH
from colorcli.registry import UPSAMPLERS

_Pixels = npt.NDArray[Any]


def merge(
    pixels: _Pixels, ab_small: Tensor, L_small: Tensor, *, upsampler: str = "bicubic", strength: float = 1.0
) -> _Pixels:
    """Colour a photo: its lightness at full resolution and depth, the given ab in between.

    Where (L, a, b) leaves sRGB, chroma is reduced at fixed L and hue. a = b = 0 stands for R = G = B exactly.

    Args:
        pixels: ``(H, W)`` gray or ``(H, W, 3)`` RGB, whose own colours are dropped; uint8 or uint16, sRGB-encoded.
        ab_small: ``(2, h, w)``, Lab units, of the whole photo.
        L_small: ``(1, h2, w2)``, 0..100, the lightness the network saw; edge-aware upsamplers use it.
        upsampler: name of a module in ``colorcli.upsamplers``.
        strength: factor on chroma, 0 or more.

    Returns:
        ``(H, W, 3)`` RGB of the same dtype.

    Raises:
        UsageError: there is no such upsampler.
        ValueError: a shape, dtype or value does not fit, or ab is not finite.
    """
    pixels = _checked(pixels)
    if ab_small.ndim != 3 or ab_small.shape[0] != 2 or L_small.ndim != 3 or L_small.shape[0] != 1:
        raise ValueError(f"ab must be (2, h, w) and L (1, h, w), got {(*ab_small.shape,)} and {(*L_small.shape,)}")
    if not 0 <= strength < float("inf"):
        raise ValueError(f"strength must be 0 or more and finite, got {strength}")
    ab_small = ab_small.detach().to("cpu", torch.float32)
    if not ab_small.isfinite().all():
        raise ValueError("ab holds values that are not finite")
    strip = _codes.strip() if pixels.dtype == np.uint8 else _strips.strip()
    # Upsamplers treat each channel alike at any scale, so strength and units cost nothing here.
    ab_small = ab_small * (strength * torch.tensor(strip.scale))[:, None, None]

    height, width = pixels.shape[:2]
    L_small = L_small.detach().to("cpu", torch.float32)
    rows = UPSAMPLERS.load(upsampler).prepare(ab_small, L_small, (height, width))
    out = np.empty((height, width, 3), pixels.dtype)
    step = max(1, LENGTH // width)
    for y0 in range(0, height, step):
        y1 = min(y0 + step, height)
        flat, target = pixels[y0:y1].reshape(-1, *pixels.shape[2:]), out[y0:y1].reshape(-1, 3)
        # More than one only where a single row is longer than a strip.
        parts = [slice(i, i + LENGTH) for i in range(0, len(flat), LENGTH)]
        L_rows = None
        if rows.needs_lightness:
            L_rows = torch.cat([strip.lightness(flat[part]) for part in parts]).view(y1 - y0, width)
        ab = rows(y0, y1, L_rows).numpy().reshape(2, -1)
        for part in parts:
            if len(parts) > 1 or L_rows is None:
                strip.load(flat[part])
            strip.store(ab[:, part], target[part])
    strip.finish()
    return out


def lightness(pixels: _Pixels, size: tuple[int, int]) -> Tensor:
    """Return the lightness of a photo at a small size, as the network sees it.

    Shrinking averages areas, and it averages the encoded values, not light: the pictures the networks are trained
    on are shrunk so. Enlarging is cubic.

    Args:
        pixels: ``(H, W)`` gray or ``(H, W, 3)`` RGB, uint8 or uint16, sRGB-encoded.
        size: (h, w) wanted.

    Returns:
        ``(1, h, w)`` float32, 0..100.

    Raises:
        ValueError: a shape, dtype or size does not fit.
    """
    pixels = _checked(pixels)
    height, width = size
    if height < 1 or width < 1:
        raise ValueError(f"size must be at least 1 x 1, got {size}")
    encoded = torch.from_numpy(_shrink.resize(pixels, size)).flatten(0, 1)
    # In parts, because small tensors start no threads: photos are read side by side already.
    return torch.cat([_lightness(part) for part in torch.split(encoded, LENGTH // 3)]).view(1, *size)


def _lightness(encoded: Tensor) -> Tensor:
    if encoded.ndim == 1:
        return gray_to_L(encoded)
    return rgb_to_lab(encoded.T[..., None])[0, :, 0]


def _checked(pixels: _Pixels) -> _Pixels:
    fits = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if not fits or pixels.size == 0 or pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"pixels must be (H, W) or (H, W, 3) uint8 or uint16, got {pixels.shape} {pixels.dtype}")
    return np.ascontiguousarray(pixels)
