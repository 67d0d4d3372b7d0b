"""What is done to pictures before they are compared, and the words that say so beside every score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from colorcli.engine import _shrink
from colorcli.errors import MediaError, UsageError
from colorcli.media.encode import to_eight_bits

Pixels = npt.NDArray[Any]
#: How pictures are brought to the size at which they are compared.
RESIZES = {
    "none": "none: the truth's own size, results brought to it",
    "crop256": "crop256: the centre square, then 256 x 256",
    "stretch256": "stretch256: 256 x 256, the aspect ratio given up",
}
INTERPOLATION = "area average where a side shrinks, bicubic where it grows; no rounding to 8 bits after it"
LAB = "CIE L*a*b*, D65, 2 degree observer, from sRGB (IEC 61966-2-1), float32"
PRIOR = "smoothed (sigma 5 Lab units), weights 1 / (prior / 2 + uniform / 2)"
#: Aspect ratios that differ by less are the same, rounded to whole pixels or cut by a codec.
_ASPECT = 0.01
_SIDE = 256


@dataclass(frozen=True)
class Protocol:
    """How pictures are made comparable.

    Attributes:
        resize: a key of :data:`RESIZES`.

    Raises:
        UsageError: another word.
    """

    resize: Literal["none", "crop256", "stretch256"] = "none"

    def __post_init__(self) -> None:
        if self.resize not in RESIZES:
            raise UsageError(f"unknown resize {self.resize!r}", hint=f"known: {', '.join(RESIZES)}")

    def fit(self, pixels: Pixels, to: tuple[int, int] | None = None) -> Pixels:
        """Bring a picture to the size at which it is compared.

        Args:
            pixels: ``(H, W)`` gray or ``(H, W, 3)`` RGB, uint8 or uint16.
            to: (height, width) of the picture's partner, already fitted; None for a picture that has none, or leads.

        Returns:
            RGB ``(h, w, 3)``: of the same dtype if nothing had to be scaled, else float32 in 0..1.
        """
        if self.resize == "crop256":
            height, width = pixels.shape[:2]
            side = min(height, width)
            top, left = (height - side) // 2, (width - side) // 2
            pixels = pixels[top : top + side, left : left + side]
        size = (to or pixels.shape[:2]) if self.resize == "none" else (_SIDE, _SIDE)
        if pixels.shape[:2] != size:
            pixels = _shrink.resize(np.ascontiguousarray(pixels), size)
        return np.repeat(pixels[..., None], 3, 2) if pixels.ndim == 2 else pixels

    def check(self, result: tuple[int, int], truth: tuple[int, int], names: tuple[str, str]) -> None:
        """Refuse to compare pictures that show different parts of a scene.

        Args:
            result: (height, width) as read.
            truth: (height, width) as read.
            names: of result and truth.

        Raises:
            MediaError: their aspect ratios differ, and the protocol does not explain why.
        """
        (height, width), (true_height, true_width) = result, truth
        if self.resize != "none" and height == width:  # made at that protocol's size
            return
        if min(_off(result, truth), _off(result[::-1], truth[::-1])) <= 1:
            return
        sizes = f"{width} x {height} and {true_width} x {true_height}"
        raise MediaError(
            f"{names[0]}: its aspect ratio is not that of {names[1]} ({sizes})",
            hint="a crop? compare it with photos cropped alike; squares go with --resize crop256 or stretch256",
        )

    def words(self) -> dict[str, str]:
        """Return what is to stand beside a score."""
        return {"resize": RESIZES[self.resize], "interpolation": INTERPOLATION, "lab": LAB}


def _off(result: tuple[int, int], truth: tuple[int, int]) -> float:
    """Return how far a result's width is from what its height asks for; up to 1 rounding and codecs explain."""
    (height, width), (true_height, true_width) = result, truth
    scale = height / true_height
    off = abs(true_width * scale - width) / max(1.0, scale)  # in the smaller picture's pixels
    return off / max(1.0, _ASPECT * min(width, true_width))


def tensor(pixels: Pixels) -> Tensor:
    """Return pixels ``(H, W, 3)`` of any depth as metrics take them: ``(1, 3, H, W)``, uint8, or float32 in 0..1."""
    if pixels.dtype == np.uint16:
        pixels = pixels.astype(np.float32) / 65535
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None]


def bytes_of(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """Return pixels of any depth in 8 bits, same shape: what a model is shown, and what is looked at."""
    if pixels.dtype == np.uint16:
        return to_eight_bits(pixels)
    if pixels.dtype == np.uint8:
        return pixels
    return np.asarray((pixels * 255).round().clip(0, 255), np.uint8)
