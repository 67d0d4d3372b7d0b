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

Floats = npt.NDArray[np.float32]
Weights = npt.NDArray[np.float64]
#: Maps the position between two samples, ``(n,)`` in 0..1, to the weights of the taps, ``(n, taps)``; the taps lie
#: evenly around the position.
Kernel = Callable[[Weights], Weights]

# OpenBLAS starts threads for products of more than about 2**18 multiplications.
_PRODUCT = 2**17
# Columns made together.
_COLUMNS = 128


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


class _Axis:
    """Where the outputs along one axis take their values from, on an axis padded by ``pad`` at both ends."""

    def __init__(self, small: int, full: int, kernel: Kernel) -> None:
        position = (np.arange(full) + 0.5) * (small / full) - 0.5
        cell = np.floor(position)
        weights = kernel(position - cell)
        self.pad = weights.shape[1]
        self._first = cell.astype(np.int64) - (self.pad // 2 - 1) + self.pad
        self._weights = weights.astype(np.float32)
        self._taps = np.arange(self.pad)

    def __len__(self) -> int:
        return len(self._first)

    def blend(self, start: int, stop: int) -> tuple[slice, Floats]:
        """Return what outputs ``start`` to ``stop`` are made of: a slice of the padded axis, and its weights."""
        first = self._first[start:stop]
        low, high = int(first[0]), int(first[-1]) + self.pad
        weights = np.zeros((len(first), high - low), np.float32)
        weights[np.arange(len(first))[:, None], (first - low)[:, None] + self._taps] = self._weights[start:stop]
        return slice(low, high), weights


class Separable:
    """Planes ``(C, h, w)`` interpolated to (H, W), given in strips of rows.

    Borders are replicated; no antialiasing when shrinking, as in ``interpolate(antialias=False)``. Everything is done
    by NumPy's matrix products rather than torch's: the shapes are so flat that they are twice as fast, and kept small
    they stay on the calling thread.
    """

    def __init__(self, planes: Tensor, size: tuple[int, int], kernel: Kernel) -> None:
        if planes.ndim != 3 or 0 in planes.shape or min(size) < 1:
            raise ValueError(f"cannot bring planes of shape {tuple(planes.shape)} to {size}")
        channels, h, w = planes.shape
        self._rows = rows = _Axis(h, size[0], kernel)
        columns = _Axis(w, size[1], kernel)
        padding = (0, 0), (rows.pad, rows.pad), (columns.pad, columns.pad)
        padded = np.pad(planes.detach().to("cpu", torch.float32).numpy(), padding, mode="edge")
        flat = padded.reshape(-1, padded.shape[2])
        wide = np.empty((len(flat), size[1]), np.float32)
        for x in range(0, size[1], _COLUMNS):
            source, weights = columns.blend(x, min(x + _COLUMNS, size[1]))
            step = max(1, _PRODUCT // weights.size)
            for y in range(0, len(flat), step):
                np.matmul(flat[y : y + step, source], weights.T, out=wide[y : y + step, x : x + _COLUMNS])
        self._wide = wide.reshape(channels, -1, size[1])
        self._buffer = np.empty((channels, 0, size[1]), np.float32)

    def __call__(self, y0: int, y1: int) -> Tensor:
        """Return rows y0..y1 (excluded), ``(C, y1 - y0, W)`` float32, valid until the next call."""
        if not 0 <= y0 < y1 <= len(self._rows):
            raise ValueError(f"rows {y0}..{y1} of a picture of {len(self._rows)}")
        if self._buffer.shape[1] != y1 - y0:
            self._buffer = np.empty((len(self._wide), y1 - y0, self._wide.shape[2]), np.float32)
        source, weights = self._rows.blend(y0, y1)
        step = max(1, _PRODUCT // weights.size)
        for x in range(0, self._wide.shape[2], step):
            np.matmul(weights, self._wide[:, source, x : x + step], out=self._buffer[:, :, x : x + step])
        return torch.from_numpy(self._buffer)


class Interpolated:
    """Rows (see :class:`colorcli.upsamplers._rows.Rows`) that are interpolated ab and nothing more."""

    needs_lightness = False

    def __init__(self, ab: Separable) -> None:
        self._ab = ab

    def __call__(self, y0: int, y1: int, L_rows: Tensor | None = None) -> Tensor:
        """Return rows y0..y1 of ab; ``L_rows`` is not looked at."""
        return self._ab(y0, y1)
