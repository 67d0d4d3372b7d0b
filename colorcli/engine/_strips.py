"""The arithmetic of the merge on a strip of a picture, small enough to stay in the processor's caches.

A strip's planes live in buffers that are made once per thread, every step writes into one of them, and every step is
a single pass of a library that lets go of the interpreter's lock. Each step uses the library that is fastest at it,
as measured: OpenCV for look-ups by 8-bit values and for interleaving, NumPy for flat matrix products, casts and
extremes, torch for everything else. None of them starts threads at these sizes (torch's limit is 32768 values).

A call costs one or two microseconds beside its work, and a strip takes about 25: shorter strips would fit a smaller
cache, but come out slower (16,000 pixels: by 20 %; 8,000: by 50 %).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from colorcli.color import boundary, gamut, tables
from colorcli.color.lab import DELTA

#: Pixels of a strip at most.
LENGTH = 32000

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Pixels = npt.NDArray[Any]


@dataclass(frozen=True)
class _Depth:
    """How linear RGB is handled on its way to code values of one depth: as (linear + offset) * scale.

    Attributes:
        slack: a linear channel may come out this far outside 0..1 before chroma is reduced. It is less than a
            quarter of a code value (at 0 one is 1 / (255 * 12.92) wide), so the rounding swallows it and L is kept.
        table: whether the boundary of sRGB may be looked up instead of searched for.
        scale: for 8 bits positions in the table of codes.
        offset: what keeps those positive.
    """

    slack: float
    table: bool
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
    1: _Depth(slack=6e-5, table=True, scale=tables.ENCODE_STEPS, offset=tables.ENCODE_MARGIN),
    2: _Depth(slack=2e-7, table=False),
}


class _Planes:
    """Views of a strip's buffers for ``n`` pixels, as arrays and as tensors; planes of one kind lie back to back."""

    def __init__(self, memory: Floats, codes: npt.NDArray[np.uint8], n: int) -> None:
        self.fy = memory[:n]
        self.xyz1 = memory[n : 5 * n].reshape(4, n)  # X, Y, Z and 1: the product with the matrix adds an offset
        self.Y = self.xyz1[1]
        self.rgb = memory[5 * n : 8 * n].reshape(3, n)
        self.index = memory[8 * n : 11 * n].view(np.int32)
        self.codes = codes[: 3 * n]
        self.code_planes = list(self.codes.reshape(3, 1, n))
        self.xyz1[3] = 1
        # fx and fz need no planes of their own: they are used up when R, G and B come.
        self.fxz = self.rgb[:2]
        self.cubing = [(torch.from_numpy(self.rgb[i]), torch.from_numpy(self.xyz1[2 * i])) for i in range(2)]
        # OpenBLAS starts threads for products of more than about 2**18 multiplications.
        self.halves = (slice(0, n // 2), slice(n // 2, n))
        self.rgb_tensor = torch.from_numpy(self.rgb)
        self.index_tensor = torch.from_numpy(self.index)
        self.codes_tensor = torch.from_numpy(self.codes)


class Strip:
    """Buffers, and the steps from code values and ab to code values.

    For every strip :meth:`load`, then :meth:`store`; after the last of a picture :meth:`finish`.
    """

    def __init__(self) -> None:
        self._memory = np.empty(11 * LENGTH, np.float32)
        self._codes = np.empty(3 * LENGTH, np.uint8)
        self._planes = self._fit(LENGTH)
        self.reset()

    def _fit(self, n: int) -> _Planes:
        return _Planes(self._memory, self._codes, n)

    # -- lightness ------------------------------------------------------------------------------------------------

    def load(self, pixels: Pixels) -> None:
        """Read the lightness of pixels, ``(n,)`` gray or ``(n, 3)`` RGB, uint8 or uint16; n at most ``LENGTH``."""
        if len(pixels) != len(self._planes.fy):
            self._planes = self._fit(len(pixels))
        kind = pixels.ndim, pixels.dtype.itemsize
        {(1, 1): _gray_8, (1, 2): _gray_16, (2, 1): _rgb_8, (2, 2): _rgb_16}[kind](pixels, self._planes)

    def lightness(self, pixels: Pixels) -> Tensor:
        """Do :meth:`load` and return L, ``(n,)`` float32, 0..100."""
        self.load(pixels)
        L = np.multiply(self._planes.fy, np.float32(116))
        return torch.from_numpy(np.subtract(L, np.float32(16), out=L))

    # -- colour ---------------------------------------------------------------------------------------------------

    def store(self, uv: Floats, out: Pixels) -> None:
        """Colour the pixels loaded last and write them; those that sRGB cannot show wait for :meth:`finish`.

        Args:
            uv: ``(2, n)`` float32, a / 500 and b / 200.
            out: ``(n, 3)`` RGB, uint8 or uint16, C-contiguous.
        """
        depth, planes = _DEPTHS[out.dtype.itemsize], self._planes
        _linear(planes, uv, depth)
        beyond = _clip(planes, depth)
        if len(beyond):
            values = np.stack([np.take(plane, beyond) for plane in (planes.fy, planes.Y, uv[0], uv[1])])
            self._waiting.append((out, beyond, values))
            self._count += len(beyond)
        _encode(planes, out)
        # There is hardly a strip without a few such pixels, and doing few takes as many calls as doing many.
        if self._count > LENGTH // 2:
            self.finish()

    def finish(self) -> None:
        """Colour the pixels that are waiting, with as much less chroma as it takes."""
        if not self._waiting:
            return
        values = np.concatenate([values for _, _, values in self._waiting], 1)
        codes = np.empty((values.shape[1], 3), self._waiting[0][0].dtype)
        depth = _DEPTHS[codes.dtype.itemsize]
        for i in range(0, len(codes), LENGTH):
            fy, Y, u, v = values[:, i : i + LENGTH]
            colour = tuple(map(torch.from_numpy, (fy, u, v)))
            scale = boundary.chroma_scale(*colour) if depth.table else gamut.chroma_scale(*colour, slack=depth.slack)
            planes = self._planes = self._fit(len(fy))
            planes.fy[:], planes.Y[:] = fy, Y
            _linear(planes, values[2:, i : i + LENGTH] * scale.numpy(), depth)
            _clip(planes, depth)  # rounding, or the error of the table of the boundary
            _encode(planes, codes[i : i + LENGTH])
        i = 0
        for out, where, _ in self._waiting:
            out[where] = codes[i : i + len(where)]
            i += len(where)
        self.reset()

    def reset(self) -> None:
        """Forget what is waiting."""
        self._waiting: list[tuple[Pixels, npt.NDArray[np.intp], Floats]] = []
        self._count = 0


def _gray_8(pixels: Pixels, planes: _Planes) -> None:
    cv2.LUT(pixels[None], tables.f_of_gray(256).numpy(), planes.fy[None])
    cv2.LUT(pixels[None], tables.linear(256).numpy(), planes.Y[None])


def _gray_16(pixels: Pixels, planes: _Planes) -> None:
    index = planes.index[: len(pixels)]
    np.copyto(index, pixels)
    _look_up(tables.f_of_gray(65536), index, planes.fy)
    _look_up(tables.linear(65536), index, planes.Y)


def _rgb_8(pixels: Pixels, planes: _Planes) -> None:
    n = len(pixels)
    parts = planes.rgb.reshape(1, n, 3)
    cv2.LUT(pixels[None], _luminance_8(), parts)
    cv2.transform(parts, _ONES, planes.Y[None])
    root, index = planes.rgb[0], planes.index[:n]
    np.sqrt(planes.Y, out=root)
    np.multiply(root, np.float32(tables.ROOT_STEPS), out=root)
    np.add(root, np.float32(0.5), out=root)
    np.copyto(index, root, casting="unsafe")
    _look_up(tables.f_of_root(), index, planes.fy)
    # The same steps that X and Z take, so that they come out equal where there is no colour.
    gamut.cube(torch.from_numpy(planes.fy), out=torch.from_numpy(planes.Y))


def _rgb_16(pixels: Pixels, planes: _Planes) -> None:
    index, part = planes.index[: len(pixels)], planes.rgb[0]
    planes.Y[:] = 0
    for channel in range(3):
        np.copyto(index, pixels[:, channel])
        _look_up(tables.luminance(65536)[channel], index, part)
        np.add(planes.Y, part, out=planes.Y)
    planes.fy[:] = gamut.root(torch.from_numpy(planes.Y)).numpy()


def _linear(planes: _Planes, uv: Floats, depth: _Depth) -> None:
    np.add(planes.fy, uv[0], out=planes.fxz[0])
    np.subtract(planes.fy, uv[1], out=planes.fxz[1])
    # Where nothing is dark, CIE's toe need not be thought of.
    plain = planes.fxz.min() > DELTA
    for f, cubed in planes.cubing:
        if plain:
            torch.pow(f, 3, out=cubed)
        else:
            gamut.cube(f, out=cubed)
    for part in planes.halves:
        np.matmul(depth.matrix, planes.xyz1[:, part], out=planes.rgb[:, part])


def _clip(planes: _Planes, depth: _Depth) -> npt.NDArray[np.intp]:
    """Clip ``planes.rgb`` to what counts as inside; return which pixels were not."""
    found = []
    for channel, tensor in zip(planes.rgb, planes.rgb_tensor, strict=True):
        # Two quick looks tell which limits matter at all: hardly ever more than two of the six.
        below, above = channel.min() < depth.low, channel.max() > depth.high
        if below:
            found.append(channel < np.float32(depth.low))
        if above:
            found.append(channel > np.float32(depth.high))
        if below or above:
            tensor.clamp_(depth.low, depth.high)
    for other in found[1:]:
        found[0] |= other
    return np.flatnonzero(found[0]) if found else _NONE


def _encode(planes: _Planes, out: Pixels) -> None:
    if out.dtype.itemsize == 1:
        np.copyto(planes.index, planes.rgb.reshape(-1), casting="unsafe")
        torch.index_select(tables.encode8(), 0, planes.index_tensor, out=planes.codes_tensor)
        cv2.merge(planes.code_planes, out[None])
        return
    for linear, target in zip(planes.rgb_tensor, out.T, strict=True):
        curve = gamut.encode(linear.clamp_(0, 1)).mul_(65535).add_(0.5)
        np.copyto(target, curve.numpy(), casting="unsafe")


_NONE = np.empty(0, np.intp)
_ONES = np.ones((1, 3), np.float32)


@cache
def _luminance_8() -> Floats:
    return np.ascontiguousarray(tables.luminance(256).numpy().T)[None]


def _look_up(table: Tensor, index: Ints, out: Floats) -> None:
    torch.index_select(table, 0, torch.from_numpy(index), out=torch.from_numpy(out))


class _PerThread(threading.local):
    def __init__(self) -> None:
        self.strip = Strip()


_local = _PerThread()


def strip() -> Strip:
    """Return this thread's buffers (1.5 MiB, made on first use), ready for another picture."""
    _local.strip.reset()
    return _local.strip
