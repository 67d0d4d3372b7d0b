"""Frames that somebody has coloured by hand, found in a folder by the number or the time in their names.

``frame_000123.png`` is frame 123, counted from 0; ``00-01-23.500.png``, with ``-``, ``_``, ``:`` or ``.`` between the
parts, is the frame at that time. Any picture the photo reader takes will do, of any size that has the film's shape.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from colorcli.color.lab import rgb_to_lab
from colorcli.errors import UsageError
from colorcli.media import photo
from colorcli.media._messages import from_os_error, printable
from colorcli.media.formats import SUFFIXES

__all__ = ["KeyFrame", "colors", "find", "name_of"]

_TIMECODE = re.compile(r"(\d{1,3})[-_:.](\d{2})[-_:.](\d{2})(?:[._,](\d{1,3}))?$")
_NUMBER = re.compile(r"(\d+)$")
#: Most that the sides' ratio may be off from the film's.
_SHAPE = 0.02


@dataclass(frozen=True)
class KeyFrame:
    """A picture for a frame.

    Attributes:
        path: of the picture.
        number: of the frame, from 0; None where the name has a time.
        time: of the frame, seconds from the film's beginning; None where the name has a number.
    """

    path: Path
    number: int | None = None
    time: float | None = None


def name_of(number: int) -> str:
    """Return the name under which a frame is exported."""
    return f"frame_{number:06}.png"


def find(folder: Path) -> list[KeyFrame]:
    """Return the key frames in a folder, in the order of their names.

    Raises:
        MediaError: the folder cannot be read.
        UsageError: it has no pictures, a name says no frame, or two say the same.
    """
    try:
        paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    except OSError as error:
        raise from_os_error(error, folder) from error
    if not paths:
        raise UsageError(f"no pictures in {printable(folder)}", hint="--export-keyframes writes frames to be coloured")
    found = [_key(path) for path in paths]
    seen: dict[tuple[int | None, float | None], Path] = {}
    for key in found:
        other = seen.setdefault((key.number, key.time), key.path)
        if other != key.path:
            raise UsageError(f"{printable(key.path)} and {printable(other)} are for the same frame")
    return found


def _key(path: Path) -> KeyFrame:
    if match := _TIMECODE.search(path.stem):
        hours, minutes, seconds, fraction = match.groups()
        whole = 3600 * int(hours) + 60 * int(minutes) + int(seconds)
        return KeyFrame(path, time=whole + float(f"0.{fraction or 0}"))
    if match := _NUMBER.search(path.stem):
        return KeyFrame(path, number=int(match[1]))
    raise UsageError(
        f"the name of {printable(path)} says no frame",
        hint=f"end it in a frame's number, as {name_of(120)}, or its time, as 00-00-05.000{path.suffix}",
    )


def colors(path: Path, shape: tuple[int, int], size: tuple[int, int]) -> Tensor | None:
    """Return a key frame's colours, ``(2, h, w)`` float32 Lab units; None if it is gray.

    Args:
        path: of the picture.
        shape: (height, width) of what the network sees of the film, for comparison.
        size: (h, w) wanted.

    Raises:
        MediaError: it cannot be read.
        UsageError: it has another shape.
    """
    pixels = photo.read(path).pixels
    if pixels.ndim == 2:
        return None
    ratio = pixels.shape[1] / pixels.shape[0] / (shape[1] / shape[0])
    # What the network sees is rounded to a few pixels.
    if abs(ratio - 1) > _SHAPE + 4 / min(shape):
        raise UsageError(
            f"key frame {printable(path)} is {pixels.shape[1]} x {pixels.shape[0]}: not the film's shape",
            hint="--export-keyframes writes frames of the right shape",
        )
    small = cv2.resize(pixels, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    rgb = torch.from_numpy(small.astype(np.float32) / np.iinfo(pixels.dtype).max).permute(2, 0, 1)
    return rgb_to_lab(rgb)[1:]
