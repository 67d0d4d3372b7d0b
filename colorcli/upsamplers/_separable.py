"""Separable interpolation in strips: columns once, at the small height; rows whenever they are asked for.

Widening at the small height costs next to nothing, and what is left per full-size pixel is one short product
(rows x taps) @ (taps x width), which NumPy's BLAS does at the speed of memory.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Weights = npt.NDArray[np.float64]
#: Maps the position between two samples, ``(n,)`` in 0..1, to the weights of the taps, ``(n, taps)``; the taps lie
#: evenly around the position.
Kernel = Callable[[Weights], Weights]

# OpenBLAS starts threads for products of more than 2**18 multiplications.
_PRODUCT = 2**18


def cubic(t: Weights) -> Weights:
    """Weights of the cubic convolution kernel with A = -0.75, the one of torch and OpenCV (Keys 1981)."""
    A = -0.75

    def near(x: Weights) -> Weights:
        return ((A + 2) * x - (A + 3)) * x * x + 1

    def far(x: Weights) -> Weights:
        return ((A * x - 5 * A) * x + 8 * A) * x - 4 * A

    return np.stack((far(t + 1), near(t), near(1 - t), far(2 - t)), 1)


def linear(t: Weights) -> Weights:
    """Weights of linear interpolation."""
    return np.stack((1 - t, t), 1)


def _taps(small: int, full: int, kernel: Kernel) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return each output's first tap, as an index into the axis padded by the number of taps, and the weights."""
    position = (np.arange(full) + 0.5) * (small / full) - 0.5
    cell = np.floor(position)
    weights = kernel(position - cell)
    taps = weights.shape[1]
    return cell.astype(np.int64) - (taps // 2 - 1) + taps, weights.astype(np.float32)


class Separable:
    """Planes ``(C, h, w)`` interpolated to (H, W), given in strips of rows.

    Borders are replicated; no antialiasing when shrinking, as in ``interpolate(antialias=False)``.
    """

    def __init__(self, planes: Tensor, size: tuple[int, int], kernel: Kernel) -> None:
        if planes.ndim != 3 or 0 in planes.shape or min(size) < 1:
            raise ValueError(f"cannot bring planes of shape {tuple(planes.shape)} to {size}")
        channels, h, w = planes.shape
        planes = planes.detach().to("cpu", torch.float32)
        column, weight = _taps(w, size[1], kernel)
        row, row_weight = _taps(h, size[0], kernel)
        taps = weight.shape[1]
        # Rows are padded by replication, so that the taps of every output are neighbours; columns are clamped.
        # All in NumPy: torch would start threads.
        padded = planes.numpy()[:, np.arange(-taps, h + taps).clip(0, h - 1)]
        self._wide = np.zeros((channels, h + 2 * taps, size[1]), np.float32)
        for k in range(taps):
            source = (column + (k - taps)).clip(0, w - 1)
            self._wide += np.take(padded, source, axis=2) * weight[:, k]
        self._first = row
        self._weights = row_weight
        self._steps = np.arange(taps)
        self._buffer = np.empty((channels, 0, size[1]), np.float32)

    def __call__(self, y0: int, y1: int) -> Tensor:
        """Return rows y0..y1 (excluded), ``(C, y1 - y0, W)`` float32, valid until the next call."""
        if not 0 <= y0 < y1 <= len(self._first):
            raise ValueError(f"rows {y0}..{y1} of a picture of {len(self._first)}")
        count = y1 - y0
        first = self._first[y0:y1]
        low = int(first[0])
        # NumPy's product rather than torch's: the shapes are so flat that it is twice as fast, and it stays on the
        # calling thread.
        blend = np.zeros((count, int(first[-1]) + len(self._steps) - low), np.float32)
        blend[np.arange(count)[:, None], (first - low)[:, None] + self._steps] = self._weights[y0:y1]
        if self._buffer.shape[1] != count:
            self._buffer = np.empty((len(self._wide), count, self._wide.shape[2]), np.float32)
        source = self._wide[:, low : low + blend.shape[1]]
        step = max(1, _PRODUCT // blend.size)
        for x in range(0, self._wide.shape[2], step):
            np.matmul(blend, source[:, :, x : x + step], out=self._buffer[:, :, x : x + step])
        return torch.from_numpy(self._buffer)


class Interpolated:
    """Rows (see :class:`colorcli.upsamplers._rows.Rows`) that are interpolated ab and nothing more."""

    needs_lightness = False

    def __init__(self, ab: Separable) -> None:
        self._ab = ab

    def __call__(self, y0: int, y1: int, L_rows: Tensor | None = None) -> Tensor:
        """Return rows y0..y1 of ab; ``L_rows`` is not looked at."""
        return self._ab(y0, y1)
