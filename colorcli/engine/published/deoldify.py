"""DeOldify (github.com/jantic/DeOldify, deoldify/filters.py: MasterFilter, ColorizerFilter).

Pillow's bilinear to a square of 16 times the render factor, gray by luma; the network paints RGB in 8 bits, which
Pillow enlarges bilinearly; its U and V are joined with the Y of the photo, and clipped, which changes lightness.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from colorcli.color import lab
from colorcli.engine.published._pixels import Pixels, eight_bits, rgb, strips, top
from colorcli.media import resampling
from colorcli.models._rgb import PredictsRGB


def prepare(pixels: Pixels, side: int) -> Tensor:
    """Return the lightness of the gray the network sees, ``(1, side, side)`` float32 in 0..100."""
    small = resampling.luma(resampling.resize(eight_bits(pixels), (side, side), "bilinear"))
    return lab.gray_to_L(torch.from_numpy(small / 255.0)[None]).float()


def answer(network: PredictsRGB, L: Tensor) -> Tensor:
    """Return RGB ``(B, 3, side, side)`` in 0..1."""
    return network.predict(lab.L_to_gray(L))


def finish(pixels: Pixels, answer: Tensor, strength: float) -> Pixels:
    """Return the picture ``(H, W, 3)``, the dtype of ``pixels``, from RGB ``(3, h, w)``."""
    height, width = pixels.shape[:2]
    painted = (answer.movedim(0, -1).numpy() * 255).clip(0, 255).astype(np.uint8)
    enlarged = resampling.resize(painted, (height, width), "bilinear")
    out = np.empty((height, width, 3), pixels.dtype)
    middle, factor = (top(pixels) + 1) / 2, int(top(pixels)) // 255
    for y0, y1 in strips(pixels):
        chroma = cv2.cvtColor(enlarged[y0:y1].astype(pixels.dtype) * factor, cv2.COLOR_RGB2YUV)[..., 1:]
        joined = cv2.cvtColor(np.ascontiguousarray(rgb(pixels[y0:y1])), cv2.COLOR_RGB2YUV)
        if strength != 1:
            chroma = ((chroma - middle) * strength + middle).round().clip(0, top(pixels))
        joined[..., 1:] = chroma
        out[y0:y1] = cv2.cvtColor(joined, cv2.COLOR_YUV2RGB)
    return out
