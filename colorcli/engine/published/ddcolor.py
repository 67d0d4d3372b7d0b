"""DDColor (github.com/piddnad/DDColor, ddcolor/pipeline.py).

OpenCV's bilinear resize to a square (no antialiasing), L and gray by OpenCV's Lab, which is a table and off by up to
0.18; ab enlarged by its nearest neighbour, joined with the L of the full picture, clipped to sRGB and rounded.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorcli.color import lab
from colorcli.engine.published._pixels import Pixels, eight_bits, rgb, strips, top


def prepare(pixels: Pixels, side: int) -> Tensor:
    """Return the lightness the network sees, ``(1, side, side)`` float32 in 0..100."""
    picture = rgb(eight_bits(pixels)).astype(np.float32) / np.float32(255)
    small = cv2.cvtColor(cv2.resize(picture, (side, side)), cv2.COLOR_RGB2Lab)
    small[..., 1:] = 0
    gray = cv2.cvtColor(small, cv2.COLOR_Lab2RGB)[..., 0]
    # The network takes lightness, the published one this gray value; in double precision nothing is lost on the way.
    return lab.gray_to_L(torch.from_numpy(gray).double()[None]).float()


def answer(network: nn.Module, L: Tensor) -> Tensor:
    """Return ab ``(B, 2, side, side)`` in Lab units."""
    found: Tensor = network(L)
    return found


def finish(pixels: Pixels, answer: Tensor, strength: float) -> Pixels:
    """Return the picture ``(H, W, 3)``, the dtype of ``pixels``, from ab ``(2, h, w)``."""
    height, width = pixels.shape[:2]
    ab = (answer * strength).movedim(0, -1).contiguous().numpy()
    rows, columns = _nearest(ab.shape[0], height), _nearest(ab.shape[1], width)
    out = np.empty((height, width, 3), pixels.dtype)
    for y0, y1 in strips(pixels):
        picture = rgb(pixels[y0:y1]).astype(np.float32) / np.float32(top(pixels))
        joined = cv2.cvtColor(picture, cv2.COLOR_RGB2Lab)
        joined[..., 1:] = ab[rows[y0:y1]][:, columns]
        colored = cv2.cvtColor(joined, cv2.COLOR_Lab2RGB)
        out[y0:y1] = (colored * np.float32(top(pixels))).round().clip(0, top(pixels))
    return out


def _nearest(small: int, full: int) -> np.ndarray:
    """Return which of ``small`` values each of ``full`` takes in torch's nearest-neighbour enlargement."""
    places = F.interpolate(torch.arange(small, dtype=torch.float64)[None, None], size=full, mode="nearest")
    return places[0, 0].long().numpy()
