"""The merge of 8-bit pictures: code values by look-up instead of arithmetic.

An 8-bit gray photo has 256 lightnesses, and colours enlarged from a small picture change slowly. So ab is rounded to
cells half a Lab unit wide, and the code of every lightness that occurs in a cell is worked out once, exactly and
inside sRGB, and kept: a pixel then costs one look-up. Rounding moves a colour by a quarter of a unit at most in a
and in b, about one code value, and lightness not at all. Photos of a folder share their cells, so that soon hardly
any is new.

RGB photos have more lightnesses than 256; theirs is rounded to 1024 steps, even in the root of luminance, which are
at most 0.1 L apart.
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
from colorcli.engine._strips import LENGTH

#: Cells per Lab unit.
CELLS = 2
_REACH = 128 * CELLS  # ab is cut off at +-128, beyond all that sRGB can show
_SIDE = 2 * _REACH + 1
#: Cells whose codes are kept (8 MiB for gray, 32 for RGB); then all are forgotten. A photo has a few thousand.
_SLOTS = 8192
_RGB_LEVELS = 1024
#: As in ``_strips``: less than a quarter of a code value, which the rounding swallows.
_SLACK = 6e-5

Pixels = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]


class Codes:
    """The codes of colours, worked out when they are first met; shared by all threads.

    Args:
        Y: ``(levels,)`` luminance of the lightnesses, 0..1.
    """

    def __init__(self, Y: Tensor) -> None:
        self.levels = len(Y)
        self._Y, self._fy = Y, gamut.root(Y)
        self.L = 116 * self._fy - 16
        # Where a cell's codes begin, or -1; the codes, packed as R, G, B from the lowest byte, or -1.
        # Filled in place later on; made in inference mode, they could not be outside of it.
        with torch.inference_mode(False):
            self.places = torch.full((_SIDE * _SIDE,), -1, dtype=torch.int32)
            self.codes = torch.full((_SLOTS * self.levels,), -1, dtype=torch.int32)
        self._cells = np.empty(_SLOTS, np.int64)
        self._used = 0
        self._lock = threading.Lock()

    def make_room(self, cells: Ints) -> bool:
        """Give the cells that are new a place; False if there is no room for them."""
        met = np.zeros(_SIDE * _SIDE, bool)
        met[cells] = True
        wanted = np.flatnonzero(met)
        with self._lock:
            new = wanted[self.places.numpy()[wanted] < 0]
            if self._used + len(new) > _SLOTS:
                return False
            slots = np.arange(self._used, self._used + len(new))
            self._cells[slots] = new
            self.places.numpy()[new] = slots * self.levels
            self._used += len(new)
        return True

    def work_out(self, places: Ints) -> None:
        """Work out the codes at ``places``; what two threads work out at the same time comes out the same."""
        places = np.unique(places)
        # In parts, which stay in the processor's caches.
        for part in np.array_split(places, len(places) // 16384 + 1):
            slot, level = np.divmod(part, self.levels)
            a, b = np.divmod(self._cells[slot], _SIDE)
            u, v = (
                torch.from_numpy(((axis - _REACH) / (CELLS * unit)).astype(np.float32))
                for axis, unit in ((a, 500), (b, 200))
            )
            fy, Y = (table[torch.from_numpy(level).long()] for table in (self._fy, self._Y))
            red, green, blue = _encode(_linear(fy, u, v, Y)).int()
            self.codes[torch.from_numpy(part).long()] = red | green << 8 | blue << 16


def _linear(fy: Tensor, u: Tensor, v: Tensor, Y: Tensor) -> Tensor:
    """Return linear RGB ``(3, n)``, with as much less chroma as sRGB demands."""
    rgb = gamut.to_linear(fy, u, v, Y)
    beyond = ((rgb < -_SLACK) | (rgb > 1 + _SLACK)).any(0).nonzero()[:, 0]
    if len(beyond):
        fy, u, v, Y = (part[beyond] for part in (fy, u, v, Y))
        scale = gamut.chroma_scale(fy, u, v, slack=_SLACK)
        rgb[:, beyond] = gamut.to_linear(fy, u * scale, v * scale, Y)
    return rgb


def _encode(linear: Tensor) -> Tensor:
    table = tables.encode8()
    entry = (linear + tables.ENCODE_MARGIN).mul_(tables.ENCODE_STEPS).clamp_(0, len(table) - 1)
    return table[entry.long()]


class Strip:
    """Buffers of one thread, and the steps from 8-bit code values and ab to 8-bit code values.

    Attributes:
        scale: what a and b are to be multiplied by for :meth:`store`.
    """

    scale = (CELLS, CELLS)

    def __init__(self) -> None:
        self._level = np.empty(LENGTH, np.int32)
        self._ab = np.empty((2, LENGTH), np.float32)
        self._cells = np.empty((2, LENGTH), np.int32)
        self._place = np.empty(LENGTH, np.int32)
        self._found = np.empty(LENGTH, np.int32)
        self._parts = np.empty((LENGTH, 3), np.float32)
        self._root = np.empty(LENGTH, np.float32)
        self._levels = 256

    def load(self, pixels: Pixels) -> None:
        """Read the lightness of pixels, ``(n,)`` gray or ``(n, 3)`` RGB, uint8; n at most ``LENGTH``."""
        n = len(pixels)
        if pixels.ndim == 1:
            self._levels = 256
            np.copyto(self._level[:n], pixels)
            return
        self._levels = _RGB_LEVELS
        parts, root = self._parts[:n], self._root[:n]
        cv2.LUT(pixels[None], _luminance(), parts[None])
        cv2.transform(parts[None], _ONES, root[None])
        np.sqrt(root, out=root)
        np.multiply(root, np.float32(_RGB_LEVELS - 1), out=root)
        np.add(root, np.float32(0.5), out=root)
        np.copyto(self._level[:n], root, casting="unsafe")

    def lightness(self, pixels: Pixels) -> Tensor:
        """Do :meth:`load` and return L, ``(n,)`` float32, 0..100."""
        self.load(pixels)
        return _shared(self._levels).L.index_select(0, torch.from_numpy(self._level[: len(pixels)]))

    def store(self, ab: Floats, out: Pixels) -> None:
        """Colour the pixels loaded last and write them.

        Args:
            ab: ``(2, n)`` float32, a and b times :attr:`scale`.
            out: ``(n, 3)`` RGB, uint8, C-contiguous.
        """
        n = len(out)
        moved, cells = self._ab[:, :n], self._cells[:, :n]
        np.add(ab, np.float32(_REACH + 0.5), out=moved)
        if moved.min() < 0 or moved.max() >= _SIDE:
            np.clip(moved, 0, np.float32(_SIDE - 0.5), out=moved)
        np.copyto(cells, moved, casting="unsafe")
        np.multiply(cells[0], _SIDE, out=cells[0])
        self._paint(np.add(cells[0], cells[1], out=cells[0]), self._level[:n], out)

    def _paint(self, cells: Ints, level: Ints, out: Pixels) -> None:
        n, codes = len(out), _shared(self._levels)
        place, found = self._place[:n], self._found[:n]
        _look_up(codes.places, cells, place)
        if place.min() < 0:
            if not codes.make_room(cells):
                codes = _start_again(codes)
                if not codes.make_room(cells):  # more colours than are kept: as noise has them, not photos
                    for half in (slice(0, n // 2), slice(n // 2, n)):
                        self._paint(cells[half], level[half], out[half])
                    return
            _look_up(codes.places, cells, place)
        np.add(place, level, out=place)
        _look_up(codes.codes, place, found)
        if found.min() < 0:
            codes.work_out(place[found < 0])
            _look_up(codes.codes, place, found)
        cv2.cvtColor(found.view(np.uint8).reshape(1, n, 4), cv2.COLOR_RGBA2RGB, out[None])

    def finish(self) -> None:
        """Nothing waits here; in the strip of 16-bit pictures it does."""


_all: dict[int, Codes] = {}
_all_lock = threading.Lock()


def _shared(levels: int) -> Codes:
    """Return the codes of gray (256 levels) or RGB photos."""
    codes = _all.get(levels)
    return codes or _start_again(None, levels)


def _start_again(full: Codes | None, levels: int = 0) -> Codes:
    """Return empty codes in the place of full ones, which threads that still read them may keep."""
    levels = full.levels if full else levels
    with _all_lock:
        if _all.get(levels) is full:
            gray = levels == 256
            _all[levels] = Codes(tables.linear(256) if gray else (torch.arange(levels) / (levels - 1)) ** 2)
        return _all[levels]


def _look_up(table: Tensor, index: Ints, out: Ints) -> None:
    torch.index_select(table, 0, torch.from_numpy(index), out=torch.from_numpy(out))


_ONES = np.ones((1, 3), np.float32)


def _luminance() -> Floats:
    return np.ascontiguousarray(tables.luminance(256).numpy().T)[None]


class _PerThread(threading.local):
    def __init__(self) -> None:
        self.strip = Strip()


_local = _PerThread()


def strip() -> Strip:
    """Return this thread's buffers (6 MiB, made on first use)."""
    return _local.strip
