"""The arithmetic of the merge on a strip of a picture, small enough to stay in the processor's cache.

A strip's planes live in buffers that are made once per thread, every step writes into one of them, and every step is
a single pass of a library that lets go of the interpreter's lock. Each step uses the library that is fastest at it,
as measured: OpenCV for look-ups by 8-bit values and for interleaving, NumPy for flat matrix products, casts and
extremes, torch for everything else. None of them starts threads at these sizes (torch's limit is 32768 values).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property
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


@dataclass(frozen=True)
class _Depth:
    """How linear RGB is handled on its way to code values of one depth: as (linear + offset) * scale.

    Attributes:
        slack: a linear channel may come out this far outside 0..1 before chroma is reduced. It is less than a
            quarter of a code value (at 0 one is 1 / (255 * 12.92) wide), so the rounding swallows it and L is kept.
        probes: for ``gamut.chroma_scale``.
        scale: for 8 bits positions in the table of codes.
        offset: what keeps those positive.
    """

    slack: float
    probes: int
    scale: float = 1
    offset: float = 0

    @cached_property
    def matrix(self) -> Floats:
        """White-relative XYZ and 1 to linear RGB as it is handled, ``(3, 4)``."""
        offset = np.full((3, 1), self.offset)
        return (np.hstack([gamut.XYZ_TO_RGB.numpy(), offset]) * self.scale).astype(np.float32)

    @cached_property
    def low(self) -> float:
        """The smallest value that counts as inside."""
        return (self.offset - self.slack) * self.scale

    @cached_property
    def high(self) -> float:
        """The largest value that counts as inside."""
        return (self.offset + 1 + self.slack) * self.scale


# By bytes per code value.
_DEPTHS = {
    1: _Depth(slack=6e-5, probes=4, scale=tables.ENCODE_STEPS, offset=tables.ENCODE_MARGIN),
    2: _Depth(slack=2e-7, probes=6),
}


class Strip:
    """Buffers, and the two steps from code values and ab to code values: :meth:`load`, then :meth:`store`.

    Attributes:
        fy: (L + 16) / 116 of the pixels loaded, ``(n,)`` float32.
        Y: their luminance, ``(n,)`` float32.
    """

    def __init__(self) -> None:
        self._light = np.empty((2, STRIP), np.float32)
        self._floats = np.empty(7 * RUN, np.float32)
        self._index = np.empty(3 * RUN, np.int32)
        self._codes = np.empty(3 * RUN, np.uint8)

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
        cv2.LUT(pixels[None], np.ascontiguousarray(tables.luminance(256).numpy().T)[None], parts)
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
            _look_up(tables.luminance(65536)[channel], index, part)
            np.add(Y, part, out=Y)
        np.copyto(fy, gamut.root(torch.from_numpy(Y)).numpy())

    # -- colour ---------------------------------------------------------------------------------------------------

    def store(self, uv: Floats, out: Pixels) -> None:
        """Colour the pixels loaded last and write them.

        Args:
            uv: ``(2, n)`` float32, a / 500 and b / 200.
            out: ``(n, 3)`` RGB, uint8 or uint16, C-contiguous.
        """
        depth = _DEPTHS[out.dtype.itemsize]
        beyond = self._colour(self.fy, self.Y, uv, out, depth)
        if beyond is None:
            return
        # Those that sRGB cannot show are done again with less chroma. A whole strip's together, because each step
        # has a price of its own beside the one per pixel.
        fy, Y = np.take(self.fy, beyond), np.take(self.Y, beyond)
        uv = np.take(uv, beyond, axis=1)
        u, v = torch.from_numpy(uv)
        scale = gamut.chroma_scale(torch.from_numpy(fy), u, v, slack=depth.slack, probes=depth.probes)
        u.mul_(scale)
        v.mul_(scale)
        codes = np.empty((len(fy), 3), out.dtype)
        self._colour(fy, Y, uv, codes, depth)
        out[beyond] = codes

    def _colour(self, fy: Floats, Y: Floats, uv: Floats, out: Pixels, depth: _Depth) -> npt.NDArray[np.int64] | None:
        """Write colours, clipped where sRGB cannot show them; return which these are, None if there are none."""
        encode = self._encode_8 if out.dtype.itemsize == 1 else self._encode_16
        beyond = []
        for i in range(0, len(out), RUN):
            part = slice(i, min(i + RUN, len(out)))
            rgb = self._linear(fy[part], Y[part], uv[:, part], depth.matrix)
            if rgb.min() < depth.low or rgb.max() > depth.high:
                planes = torch.from_numpy(rgb)
                outside = (planes.amin(0) < depth.low).logical_or_(planes.amax(0) > depth.high)
                beyond.append(i + np.flatnonzero(outside.numpy()))
                planes.clamp_(depth.low, depth.high)
            encode(rgb, out[part])
        return np.concatenate(beyond) if beyond else None

    def _linear(self, fy: Floats, Y: Floats, uv: Floats, matrix: Floats) -> Floats:
        """Return ``matrix`` ``(3, 4)`` times X, Y, Z and 1, ``(3, n)`` in a buffer."""
        n = len(fy)
        xyz1 = self._floats[: 4 * n].reshape(4, n)
        rgb = self._floats[4 * n : 7 * n].reshape(3, n)
        np.add(fy, uv[0], out=rgb[0])
        np.subtract(fy, uv[1], out=rgb[1])
        for f, target in ((rgb[0], xyz1[0]), (rgb[1], xyz1[2])):
            if f.min() > DELTA:
                torch.pow(torch.from_numpy(f), 3, out=torch.from_numpy(target))
            else:
                gamut.cube(torch.from_numpy(f), out=torch.from_numpy(target))
        xyz1[1] = Y
        xyz1[3] = 1
        return np.matmul(matrix, xyz1, out=rgb)

    def _encode_8(self, rgb: Floats, out: Pixels) -> None:
        index, codes = self._index[: rgb.size], self._codes[: rgb.size]
        np.copyto(index, rgb.reshape(-1), casting="unsafe")
        _look_up(tables.encode8(), index, codes)
        cv2.merge(list(codes.reshape(3, 1, -1)), out[None])

    def _encode_16(self, rgb: Floats, out: Pixels) -> None:
        curve = linear_to_srgb(torch.from_numpy(rgb).clamp_(0, 1)).mul_(65535).add_(0.5)
        np.copyto(out, curve.numpy().T, casting="unsafe")


def _look_up(table: Tensor, index: npt.NDArray[np.int32], out: npt.NDArray[Any]) -> None:
    torch.index_select(table, 0, torch.from_numpy(index), out=torch.from_numpy(out))


class _PerThread(threading.local):
    def __init__(self) -> None:
        self.strip = Strip()


_local = _PerThread()


def strip() -> Strip:
    """Return this thread's buffers (1 MiB, made on first use)."""
    return _local.strip
