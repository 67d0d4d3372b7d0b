"""The merge of 16-bit pictures: arithmetic on strips, small enough to stay in the processor's caches.

A strip's planes live in buffers that are made once per thread, every step writes into one of them, and every step is
a single pass of a library that lets go of the interpreter's lock. Each step uses the library that is fastest at it,
as measured: NumPy for casts and extremes, torch for everything else.

A call costs one or two microseconds beside its work, and when several photos are merged side by side the threads meet
at the interpreter's lock at every call. Strips that fit the second-level cache (32,000 pixels) are therefore slower
than these.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from colorcli.color import gamut, tables
from colorcli.color.lab import DELTA

#: Pixels of a strip at most.
LENGTH = 128_000

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Pixels = npt.NDArray[Any]

#: A linear channel may come out this far outside 0..1 before chroma is reduced. It is less than a quarter of a code
#: value (at 0 one is 1 / (65535 * 12.92) wide), so the rounding swallows it and L is kept.
_SLACK = 2e-7


class _Planes:
    """Views of a strip's buffers for ``n`` pixels, as arrays and as tensors; planes of one kind lie back to back."""

    def __init__(self, memory: Floats, n: int) -> None:
        self.fy = memory[:n]
        self.xyz = memory[n : 4 * n].reshape(3, n)
        self.Y = self.xyz[1]
        self.rgb = memory[4 * n : 7 * n].reshape(3, n)
        self.index = memory[7 * n : 8 * n].view(np.int32)
        # fx and fz need no planes of their own: they are used up when R, G and B come.
        self.fxz = self.rgb[:2]
        self.cubing = [(torch.from_numpy(self.rgb[i]), torch.from_numpy(self.xyz[2 * i])) for i in range(2)]
        self.xyz_tensor = torch.from_numpy(self.xyz)
        self.rgb_tensor = torch.from_numpy(self.rgb)


class Strip:
    """Buffers, and the steps from code values and ab to code values.

    For every strip :meth:`load`, then :meth:`store`; after the last of a picture :meth:`finish`.
    """

    scale = (1 / 500, 1 / 200)

    def __init__(self) -> None:
        self._memory = np.empty(8 * LENGTH, np.float32)
        self._planes = self._fit(LENGTH)
        self.reset()

    def _fit(self, n: int) -> _Planes:
        return _Planes(self._memory, n)

    # -- lightness ------------------------------------------------------------------------------------------------

    def load(self, pixels: Pixels) -> None:
        """Read the lightness of pixels, ``(n,)`` gray or ``(n, 3)`` RGB, uint16; n at most ``LENGTH``."""
        if len(pixels) != len(self._planes.fy):
            self._planes = self._fit(len(pixels))
        (_gray if pixels.ndim == 1 else _rgb)(pixels, self._planes)

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
            out: ``(n, 3)`` RGB, uint16, C-contiguous.
        """
        planes = self._planes
        _linear(planes, uv)
        beyond = _clip(planes)
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
        codes = np.empty((values.shape[1], 3), np.uint16)
        for i in range(0, len(codes), LENGTH):
            fy, Y, u, v = values[:, i : i + LENGTH]
            scale = gamut.chroma_scale(*map(torch.from_numpy, (fy, u, v)), slack=_SLACK)
            planes = self._planes = self._fit(len(fy))
            planes.fy[:], planes.Y[:] = fy, Y
            _linear(planes, values[2:, i : i + LENGTH] * scale.numpy())
            _clip(planes)  # what rounding leaves
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


def _gray(pixels: Pixels, planes: _Planes) -> None:
    index = planes.index[: len(pixels)]
    np.copyto(index, pixels)
    _look_up(tables.f_of_gray(65536), index, planes.fy)
    _look_up(tables.linear(65536), index, planes.Y)


def _rgb(pixels: Pixels, planes: _Planes) -> None:
    index, part = planes.index[: len(pixels)], planes.rgb[0]
    planes.Y[:] = 0
    for channel in range(3):
        np.copyto(index, pixels[:, channel])
        _look_up(tables.luminance(65536)[channel], index, part)
        np.add(planes.Y, part, out=planes.Y)
    planes.fy[:] = gamut.root(torch.from_numpy(planes.Y)).numpy()


def _linear(planes: _Planes, uv: Floats) -> None:
    np.add(planes.fy, uv[0], out=planes.fxz[0])
    np.subtract(planes.fy, uv[1], out=planes.fxz[1])
    # Where nothing is dark, CIE's toe need not be thought of.
    plain = planes.fxz.min() > DELTA
    for f, cubed in planes.cubing:
        if plain:
            torch.pow(f, 3, out=cubed)
        else:
            gamut.cube(f, out=cubed)
    torch.mm(_MATRIX, planes.xyz_tensor, out=planes.rgb_tensor)


def _clip(planes: _Planes) -> npt.NDArray[np.intp]:
    """Clip ``planes.rgb`` to 0..1; return which pixels were further outside than rounding explains."""
    found = []
    for channel, tensor in zip(planes.rgb, planes.rgb_tensor, strict=True):
        # Two quick looks tell which limits matter at all: hardly ever more than two of the six.
        if channel.min() < -_SLACK:
            found.append(channel < np.float32(-_SLACK))
        if channel.max() > 1 + _SLACK:
            found.append(channel > np.float32(1 + _SLACK))
        tensor.clamp_(0, 1)
    for other in found[1:]:
        found[0] |= other
    return np.flatnonzero(found[0]) if found else _NONE


def _encode(planes: _Planes, out: Pixels) -> None:
    for linear, target in zip(planes.rgb_tensor, out.T, strict=True):
        curve = gamut.encode(linear).mul_(65535).add_(0.5)
        np.copyto(target, curve.numpy(), casting="unsafe")


_NONE = np.empty(0, np.intp)
_MATRIX = gamut.XYZ_TO_RGB.float()


def _look_up(table: Tensor, index: Ints, out: Floats) -> None:
    torch.index_select(table, 0, torch.from_numpy(index), out=torch.from_numpy(out))


class _PerThread(threading.local):
    def __init__(self) -> None:
        self.strip = Strip()


_local = _PerThread()


def strip() -> Strip:
    """Return this thread's buffers (4 MiB, made on first use), ready for another picture."""
    _local.strip.reset()
    return _local.strip
