"""Zhang et al. 2016 and 2017 (github.com/richzhang/colorization, demo_release.py and colorizers/util.py).

Pillow's bicubic to a square, L by CIE Lab; ab enlarged bilinearly, joined with the L of the full picture, clipped to
sRGB, and cut off (not rounded) to whole numbers, as matplotlib saves it.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from colorcli.color import lab
from colorcli.engine.published._pixels import Pixels, eight_bits, rgb, strips, top
from colorcli.media import resampling
from colorcli.upsamplers._separable import Separable, linear


def prepare(pixels: Pixels, side: int) -> Tensor:
    """Return the lightness the network sees, ``(1, side, side)`` float32 in 0..100."""
    small = resampling.resize(eight_bits(pixels), (side, side), "bicubic")
    return _lightness(small)


def answer(network: nn.Module, L: Tensor) -> Tensor:
    """Return ab ``(B, 2, h, w)`` in Lab units; eccv16's with the published colours of the bins."""
    found: Tensor = getattr(network, "answer", network)(L)
    return found


def finish(pixels: Pixels, answer: Tensor, strength: float) -> Pixels:
    """Return the picture ``(H, W, 3)``, the dtype of ``pixels``, from ab ``(2, h, w)``."""
    height, width = pixels.shape[:2]
    enlarged = Separable(answer * strength, (height, width), linear)
    out = np.empty((height, width, 3), pixels.dtype)
    for y0, y1 in strips(pixels):
        L = _lightness(pixels[y0:y1])
        a, b = enlarged(y0, y1)
        # The authors' Lab keeps the cube root of Z from falling below 0.
        b = torch.minimum(b, 200 * (L[0] + 16) / 116)
        picture = lab.lab_to_rgb(torch.stack((L[0], a, b))).clamp(0, 1)
        out[y0:y1] = (picture.movedim(0, -1).numpy() * top(pixels)).astype(pixels.dtype)
    return out


def _lightness(pixels: Pixels) -> Tensor:
    """Return L ``(1, H, W)`` float32 of pixels of any kind, computed in double precision as the authors' is."""
    picture = torch.from_numpy(rgb(pixels) / top(pixels)).movedim(-1, 0)
    return lab.rgb_to_lab(picture)[:1].float()
