"""Hints on the grid of the working picture: which cells have one, and its ab."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from torch import Tensor

from colorcli.color import lab
from colorcli.engine.hints import Hints, Mark


def raster(hints: Hints, full: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """Bring hints for a photo to a small grid.

    A cell has a hint where its middle lies in a mark; every mark has at least the cell in which its own middle lies.
    Of a picture, a cell has the mean colour of what is opaque in it.

    Args:
        hints: fit for the photo (:meth:`Hints.check`).
        full: (H, W) of the photo.
        grid: (h, w) wanted.

    Returns:
        ``(3, h, w)`` float32: a and b in Lab units, 0 where there is no hint, and 1 where there is one.
    """
    if hints.picture is not None:
        return _from_picture(hints, grid)
    out = torch.zeros(3, *grid)
    for mark in hints.marks:
        left, upper, right, lower = mark.box(full)
        columns = _cells(left, right, full[1], grid[1])
        rows = _cells(upper, lower, full[0], grid[0])
        a, b = _ab(mark)
        out[:, rows, columns] = torch.tensor([a, b, 1.0])[:, None, None]
    return out


def _cells(low: float, high: float, full: int, small: int) -> slice:
    """Return the cells whose middle lies between two coordinates, or the one that holds the middle of the two."""
    scale = small / full
    first, last = math.ceil(low * scale - 0.5), math.ceil(high * scale - 0.5)
    if first >= last:
        first = math.floor((low + high) / 2 * scale)
        last = first + 1
    first = min(max(first, 0), small - 1)
    return slice(first, min(max(last, first + 1), small))


def _ab(mark: Mark) -> tuple[float, float]:
    if mark.ab is not None:
        return mark.ab
    assert mark.rgb is not None
    found = lab.rgb_to_lab(torch.tensor(mark.rgb, dtype=torch.float64)[:, None, None] / 255)
    return float(found[1]), float(found[2])


def _from_picture(hints: Hints, grid: tuple[int, int]) -> Tensor:
    assert hints.picture is not None and hints.picture.alpha is not None
    pixels, alpha = hints.picture.pixels, hints.picture.alpha
    opaque = alpha > np.iinfo(alpha.dtype).max // 2
    planes = np.zeros((3, *opaque.shape), np.float32)
    planes[2] = opaque
    if pixels.ndim == 3:
        colors = torch.from_numpy(pixels[opaque].astype(np.float32) / np.iinfo(pixels.dtype).max)
        planes[:2, opaque] = lab.rgb_to_lab(colors.T[..., None])[1:, :, 0].numpy()
    height, width = grid
    sums = torch.stack(
        [torch.from_numpy(cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA)) for plane in planes]
    )
    there = sums[2] > 0
    return torch.cat((torch.where(there, sums[:2] / sums[2].clamp_min(1e-12), 0.0), there[None].float()))
