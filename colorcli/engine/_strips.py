"""The arithmetic of the merge on a strip of a picture, small enough to stay in the processor's cache.

A strip's planes live in buffers that are made once per thread, every step writes into one of them, and every step is
a single pass of a library that lets go of the interpreter's lock. Each step uses the library that is fastest at it,
as measured: OpenCV for look-ups by 8-bit values and for interleaving, NumPy for flat matrix products, casts and
extremes, torch for everything else. None of them starts threads at these sizes (torch's limit is 32768 values).
"""

from __future__ import annotations

import threading
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from colorcli.color import gamut, tables
from colorcli.color.lab import DELTA, linear_to_srgb

#: Pixels of a strip, unless a single row is longer: what an upsampler is asked for at a time.
STRIP = 32768
#: Pixels that pass through the arithmetic together: three planes stay below torch's limit, all planes below 1 MiB.
RUN = 10240

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[Any]

# A linear channel may come out this far outside 0..1 before chroma is reduced: less than a quarter of a code value
# (which is 1 / (255 * 12.92) wide at 0 and 2.3 / 255 at 1), so the rounding swallows it and L is not touched.
_SLACK_8 = (6e-5, 2e-3)
_SLACK_16 = (2e-7, 8e-6)


class Strip:
    """Buffers, and the two steps from code values and ab to code values: :meth:`load`, then :meth:`store`.

    Attributes:
        fy: (L + 16) / 116 of the pixels loaded, ``(n,)`` float32.
        Y: their luminance, ``(n,)`` float32.
    """

    def __init__(self) -> None:
        matrix = gamut.XYZ_TO_RGB.numpy()
        self._matrix = matrix.astype(np.float32)
        # For 8 bits the product gives positions in the table of codes right away; the fourth column is an offset.
        offset = np.full((3, 1), tables.ENCODE_LOW)
        self._matrix_8 = (np.hstack([matrix, offset]) * tables.ENCODE_STEPS).astype(np.float32)
        self._light = np.empty((2, STRIP), np.float32)
        self._floats = np.empty(10 * RUN, np.float32)
        self._index = np.empty(3 * RUN, np.int32)
        self._codes = np.empty(3 * RUN, np.uint8)

    def _planes(self, n: int) -> tuple[Floats, Floats, Floats]:
        """Return the run's buffers for X, Y, Z and 1; for R, G and B; and for scratch (3 planes)."""
        flat = self._floats
        return flat[: 4 * n].reshape(4, n), flat[4 * n : 7 * n].reshape(3, n), flat[7 * n : 10 * n].reshape(3, n)

    # -- lightness ------------------------------------------------------------------------------------------------

    def load(self, pixels: Pixels) -> None:
        """Read the lightness of pixels, ``(n,)`` gray or ``(n, 3)`` RGB, uint8 or uint16."""
        n = len(pixels)
        if n > self._light.shape[1]:
            self._light = np.empty((2, n), np.float32)
        self.fy, self.Y = self._light[:, :n]
        kind = pixels.ndim, pixels.dtype.itemsize
        step = {(1, 1): self._gray_8, (1, 2): self._gray_16, (2, 1): self._rgb_8, (2, 2): self._rgb_16}[kind]
        for i in range(0, n, RUN):
            step(pixels[i : i + RUN], self.fy[i : i + RUN], self.Y[i : i + RUN])

    def _gray_8(self, pixels: Pixels, fy: Floats, Y: Floats) -> None:
        cv2.LUT(pixels[None], tables.f_of_gray(256).numpy(), fy[None])
        cv2.LUT(pixels[None], tables.linear(256).numpy(), Y[None])

    def _gray_16(self, pixels: Pixels, fy: Floats, Y: Floats) -> None:
        index = self._index[: len(pixels)]
        np.copyto(index, pixels)
        _look_up(tables.f_of_gray(65536), index, fy)
        _look_up(tables.linear(65536), index, Y)

    def _rgb_8(self, pixels: Pixels, fy: Floats, Y: Floats) -> None:
        n = len(pixels)
        parts = self._floats[: 3 * n].reshape(1, n, 3)
        cv2.LUT(pixels[None], tables.luminance(256).numpy()[None], parts)
        cv2.transform(parts, np.ones((1, 3), np.float32), Y[None])
        root, index = self._floats[:n], self._index[:n]
        np.sqrt(Y, out=root)
        np.multiply(root, np.float32(tables.ROOT_STEPS), out=root)
        np.add(root, np.float32(0.5), out=root)
        np.copyto(index, root, casting="unsafe")
        _look_up(tables.f_of_root(), index, fy)

    def _rgb_16(self, pixels: Pixels, fy: Floats, Y: Floats) -> None:
        index, part = self._index[: len(pixels)], self._floats[: len(pixels)]
        Y[:] = 0
        for channel in range(3):
            np.copyto(index, pixels[:, channel])
            _look_up(tables.luminance(65536)[:, channel].contiguous(), index, part)
            np.add(Y, part, out=Y)
        np.copyto(fy, gamut.root(torch.from_numpy(Y)).numpy())

    # -- colour ---------------------------------------------------------------------------------------------------

    def store(self, uv: Floats, out: Pixels) -> None:
        """Colour the pixels loaded last and write them.

        Args:
            uv: ``(2, n)`` float32, a / 500 and b / 200.
            out: ``(n, 3)`` RGB, uint8 or uint16, C-contiguous.
        """
        for i in range(0, len(out), RUN):
            part = slice(i, min(i + RUN, len(out)))
            if out.dtype.itemsize == 1:
                self._store_8(self.fy[part], self.Y[part], uv[:, part], out[part])
            else:
                self._store_16(self.fy[part], self.Y[part], uv[:, part], out[part])

    def _store_8(self, fy: Floats, Y: Floats, uv: Floats, out: Pixels) -> None:
        rgb = self._linear(fy, Y, uv, self._matrix_8)
        _into_gamut(rgb, fy, Y, uv, _SLACK_8, tables.ENCODE_STEPS, tables.ENCODE_LOW)
        index, codes = self._index[: rgb.size], self._codes[: rgb.size]
        np.copyto(index, rgb.reshape(-1), casting="unsafe")
        _look_up(tables.encode8(), index, codes)
        cv2.merge(list(codes.reshape(3, 1, -1)), out[None])

    def _store_16(self, fy: Floats, Y: Floats, uv: Floats, out: Pixels) -> None:
        rgb = self._linear(fy, Y, uv, self._matrix)
        _into_gamut(rgb, fy, Y, uv, _SLACK_16)
        curve = linear_to_srgb(torch.from_numpy(rgb).clamp_(0, 1)).mul_(65535).add_(0.5)
        np.copyto(out, curve.numpy().T, casting="unsafe")

    def _linear(self, fy: Floats, Y: Floats, uv: Floats, matrix: Floats) -> Floats:
        """Return ``matrix`` times X, Y, Z (and 1, if it has four columns), ``(3, n)`` in a buffer."""
        xyz1, rgb, (fx, fz, _) = self._planes(len(fy))
        np.add(fy, uv[0], out=fx)
        np.subtract(fy, uv[1], out=fz)
        for f, target in ((fx, xyz1[0]), (fz, xyz1[2])):
            if f.min() > DELTA:
                torch.pow(torch.from_numpy(f), 3, out=torch.from_numpy(target))
            else:
                gamut.cube(torch.from_numpy(f), out=torch.from_numpy(target))
        xyz1[1] = Y
        xyz1[3] = 1
        return np.matmul(matrix, xyz1[: matrix.shape[1]], out=rgb)


def _into_gamut(
    rgb: Floats, fy: Floats, Y: Floats, uv: Floats, slack: tuple[float, float], scale: float = 1, offset: float = 0
) -> None:
    """Replace those of ``rgb`` = (linear RGB + offset) * scale, ``(3, n)``, that sRGB cannot show by what it can."""
    low, high = (offset - slack[0]) * scale, (offset + 1 + slack[1]) * scale
    if rgb.min() >= low and rgb.max() <= high:
        return
    planes = torch.from_numpy(rgb)
    where = ((planes.amin(0) < low) | (planes.amax(0) > high)).nonzero().squeeze(1)
    some_fy, some_Y = torch.from_numpy(fy)[where], torch.from_numpy(Y)[where]
    u, v = torch.from_numpy(uv)[:, where]
    factor = gamut.chroma_scale(some_fy, u, v, low=slack[0], high=slack[1])
    fitting = gamut.to_linear(some_fy, u * factor, v * factor, Y=some_Y)
    planes.index_copy_(1, where, fitting.add_(offset).mul_(scale))


def _look_up(table: Tensor, index: npt.NDArray[np.int32], out: npt.NDArray[Any]) -> None:
    torch.index_select(table, 0, torch.from_numpy(index), out=torch.from_numpy(out))


class _PerThread(threading.local):
    def __init__(self) -> None:
        self.strip = Strip()


_local = _PerThread()


def strip() -> Strip:
    """Return this thread's buffers (1 MiB, made on first use)."""
    return _local.strip
