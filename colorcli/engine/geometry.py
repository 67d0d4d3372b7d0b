"""From a photo's size to the network's: how far it is shrunk, and how it is padded.

The photo is scaled to the area of a square of the wanted side, its aspect ratio kept. Each side is rounded to a
multiple of the network's stride, so that the output covers the picture exactly; then the picture is mirrored at its
right and bottom edges up to what the network accepts, and the output is cropped again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from colorcli.models._info import NetworkInfo

#: Beyond this aspect ratio the working picture is squeezed along its long side: a strip of 1 x 5000 pixels would
#: otherwise ask for a network input tens of thousands of pixels long and a few high, most of it padding.
MAX_ASPECT = 8.0


@dataclass(frozen=True)
class Geometry:
    """Sizes as (height, width).

    Attributes:
        full: of the photo.
        inner: of the working picture, multiples of the network's stride.
        padded: of the network's input; at least ``inner``.
    """

    full: tuple[int, int]
    inner: tuple[int, int]
    padded: tuple[int, int]


def fit(full: tuple[int, int], size: int, info: NetworkInfo) -> Geometry:
    """Return the geometry of a photo of ``full`` (height, width) pixels at working size ``size``.

    Raises:
        ValueError: a side is below 1.
    """
    height, width = full
    if height < 1 or width < 1 or size < 1:
        raise ValueError(f"sizes must be at least 1, got {full} and {size}")
    aspect = min(max(width / height, 1 / MAX_ASPECT), MAX_ASPECT)
    ideal = size / math.sqrt(aspect), size * math.sqrt(aspect)
    inner = tuple(max(round(side / info.stride), 1) * info.stride for side in ideal)
    padded = tuple(
        max(math.ceil(side / info.multiple_of), math.ceil(info.minimum / info.multiple_of)) * info.multiple_of
        for side in inner
    )
    return Geometry(full, (inner[0], inner[1]), (padded[0], padded[1]))


def square(full: tuple[int, int], size: int, info: NetworkInfo) -> Geometry:
    """Return the geometry of a photo squashed to a square, of a side the network accepts that is nearest to ``size``.

    Raises:
        ValueError: a side is below 1.
    """
    if min(*full, size) < 1:
        raise ValueError(f"sizes must be at least 1, got {full} and {size}")
    least = math.ceil(info.minimum / info.multiple_of)
    side = max(round(size / info.multiple_of), least) * info.multiple_of
    return Geometry(full, (side, side), (side, side))


def pad(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """Mirror ``(..., h, w)`` at its bottom and right edges to ``(..., H, W)``, as often as it takes."""
    rows, columns = (_mirrored(have, want) for have, want in zip(picture.shape[-2:], size, strict=True))
    return picture[..., rows, :][..., columns]


def _mirrored(have: int, want: int) -> Tensor:
    """Return indices 0, 1, ..., have-1, have-1, ..., 1, 0, 0, 1, ... of length ``want``."""
    index = torch.arange(want) % (2 * have)
    return torch.minimum(index, 2 * have - 1 - index)
