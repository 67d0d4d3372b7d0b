"""Look-up tables for the full-resolution path: what a code value is, worked out once in float64.

Tables are tensors on the CPU, cached; do not write to them.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from colorcli.color.lab import RGB_TO_XYZ, gray_to_L, linear_to_srgb, srgb_to_linear

#: Steps per unit of linear light in :func:`encode8`. In the dark, where the sRGB curve is steepest, a code value is
#: still 20 steps wide.
ENCODE_STEPS = 65536
#: Linear light from -ENCODE_MARGIN to 1 + ENCODE_MARGIN has entries in :func:`encode8`.
ENCODE_MARGIN = 2.0**-9


def _codes(levels: int) -> Tensor:
    return torch.arange(levels, dtype=torch.float64) / (levels - 1)


@cache
def linear(levels: int) -> Tensor:
    """Return the linear light of each code value, ``(levels,)`` float32 (levels: 256 or 65536)."""
    return srgb_to_linear(_codes(levels)).float()


@cache
def luminance(levels: int) -> Tensor:
    """Return what each code value of R, G and B adds to Y, ``(3, levels)`` float32."""
    weights = torch.tensor(RGB_TO_XYZ[1], dtype=torch.float64)
    return ((weights / weights.sum())[:, None] * srgb_to_linear(_codes(levels))).float()


@cache
def f_of_gray(levels: int) -> Tensor:
    """Return fy = (L + 16) / 116 of each gray code value, ``(levels,)`` float32."""
    return ((gray_to_L(_codes(levels)) + 16) / 116).float()


@cache
def encode8() -> Tensor:
    """Return the 8-bit code of linear light, uint8; entry floor((x + ENCODE_MARGIN) * ENCODE_STEPS) is that of x.

    Values outside 0..1 give the code at the limit.
    """
    entries = round((1 + 2 * ENCODE_MARGIN) * ENCODE_STEPS)
    middle = (torch.arange(entries, dtype=torch.float64) + 0.5) / ENCODE_STEPS - ENCODE_MARGIN
    return (linear_to_srgb(middle.clamp(0, 1)) * 255).round().to(torch.uint8)
