"""From a film's frames to what the network sees, and from its colours back to the planes of chroma."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from colorcli.color.ycbcr import Chroma, Coding, lightness, to_lab, value
from colorcli.engine import _shrink, geometry
from colorcli.engine.clip.frames import Colors, Frame
from colorcli.engine.colorizer import Colorizer
from colorcli.engine.geometry import Geometry
from colorcli.engine.prepared import Prepared
from colorcli.media.video.encoder import Target
from colorcli.media.video.film import Film
from colorcli.media.video.picture import Picture
from colorcli.registry import UPSAMPLERS

Codes = npt.NDArray[Any]
#: Chroma, as a share of its range, below which a frame is gray without a closer look.
_GRAY = 1.5 / 255
#: Pixels of chroma made at once: their tensors stay small enough for malloc to keep the memory, four times as fast.
_STRIP = 1 << 14


class Eye:
    """Makes frames small, and upright where the film says that it lies on its side.

    Args:
        colorizer: whose network is to see them.
        film: that they are of.
    """

    def __init__(self, colorizer: Colorizer, film: Film) -> None:
        self._film, self._size = film, colorizer.size
        self._coding = coding_of(film)
        upright = (film.width, film.height) if film.turns % 2 else (film.height, film.width)
        self._geometry, self._whole = colorizer.fitted(upright), colorizer.fitted_whole(upright)

    def __call__(self, picture: Picture) -> Frame:
        """Return a frame as the network wants it."""
        luma = self._small(picture.luma, self._geometry)
        whole = None
        if self._whole is not None:
            whole = self._prepared(self._small(picture.luma, self._whole), self._whole)
        prepared = self._prepared(luma, self._geometry, whole)
        time = float(picture.pts * self._film.time_base) - self._film.start
        return Frame(picture.number, time, prepared, self._ab(picture, luma))

    def _prepared(self, luma: Tensor, fitted: Geometry, whole: Prepared | None = None) -> Prepared:
        L = self._upright(lightness(luma, self._coding)[None])
        return Prepared(geometry.pad(L, fitted.padded), fitted, self._size, whole)

    def _ab(self, picture: Picture, luma: Tensor) -> Tensor | None:
        chroma = picture.chroma
        if chroma is None:
            return None
        planes = torch.stack([luma, *(self._small(plane, self._geometry) for plane in chroma)])
        off = (planes[1:] - self._coding.middle).abs().max()
        if float(off) <= _GRAY * self._coding.chroma_range:
            return None
        return self._upright(to_lab(planes, self._coding)[1:])

    def _small(self, plane: Codes, fitted: Geometry) -> Tensor:
        """Return a plane's codes at the network's size, ``(h, w)`` float32, lying as the film does."""
        plane, (height, width) = np.ascontiguousarray(plane), fitted.inner
        stored = (width, height) if self._film.turns % 2 else (height, width)
        return torch.from_numpy(_shrink.resize(plane, stored)) * float(np.iinfo(plane.dtype).max)

    def _upright(self, small: Tensor) -> Tensor:
        return torch.rot90(small, self._film.turns, (-2, -1)).contiguous() if self._film.turns else small


class Brush:
    """Makes a frame's chroma planes from its luma and the colours found for it. Not for use by several threads.

    Args:
        colorizer: whose strength and upsampler count.
        target: what the planes are to be like.
    """

    def __init__(self, colorizer: Colorizer, target: Target) -> None:
        self._strength, self._upsampler = colorizer.strength, UPSAMPLERS.load(colorizer.upsampler)
        self._turns = target.film.turns
        self._from, form = coding_of(target.film), target.planes
        self._coding = Coding(target.film.matrix, target.film.primaries, target.full, form.bits)
        self._chroma = Chroma(self._coding)
        self._size = form.chroma_size(target.film.width, target.film.height)
        self._kind = np.uint8 if form.bits == 8 else np.uint16

    def __call__(self, picture: Picture, colors: Colors, prepared: Prepared) -> Codes:
        """Return ``(2, h, w)`` codes of Cb and Cr, uint8 or uint16.

        Args:
            picture: the frame.
            colors: found for it.
            prepared: what the network saw of it.
        """
        height, width = self._size
        ab = self._stored(colors.ab.float() * self._strength)
        rows = self._upsampler.prepare(ab, self._stored(prepared.L_small), self._size)
        luma = self._luma(picture)
        out = np.empty((2, height, width), self._kind)
        step = max(1, _STRIP // width)
        for y in range(0, height, step):
            part = luma[y : y + step]
            L = lightness(part, self._coding) if rows.needs_lightness else None
            planes = self._chroma(part, rows(y, y + len(part), L))
            out[:, y : y + len(part)] = planes.numpy()
        return out

    def _luma(self, picture: Picture) -> Tensor:
        """Return luma codes in the target's coding at the size of its chroma planes, ``(h, w)`` int32."""
        height, width = self._size
        luma = picture.luma
        if luma.shape != self._size:
            luma = np.asarray(cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA))
        codes = torch.from_numpy(luma.astype(np.int32))
        if (self._from.full, self._from.bits) == (self._coding.full, self._coding.bits):
            return codes
        return (value(codes, self._from) * self._coding.luma_range + self._coding.black).round().int()

    def _stored(self, small: Tensor) -> Tensor:
        return torch.rot90(small, -self._turns, (-2, -1)).contiguous() if self._turns else small


def coding_of(film: Film) -> Coding:
    """Return how a film's samples stand for colours."""
    return Coding(film.matrix, film.primaries, film.full, film.layout.bits)
