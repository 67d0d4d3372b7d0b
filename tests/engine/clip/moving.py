"""Small films whose shots and motion are known, and a colorizer whose predictions flicker as they are told to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from types import SimpleNamespace

import cv2
import numpy as np
import torch
from skimage import data
from torch import Tensor

from colorcli.engine.clip.frames import Frame
from colorcli.engine.geometry import Geometry
from colorcli.engine.prepared import Prepared

HEIGHT, WIDTH = 72, 128
STRIDE = 4
RATE = 24.0


@cache
def photograph(name: str) -> np.ndarray:
    """A picture of scikit-image as lightness ``(112, 188)``, 0..100: room to pan in."""
    picture = getattr(data, name)()
    gray = picture if picture.ndim == 2 else cv2.cvtColor(picture[..., :3], cv2.COLOR_RGB2GRAY)
    small = cv2.resize(gray, (WIDTH + 60, HEIGHT + 40), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / 2.55


def pan(name: str, frames: int, *, speed: float = 1.0, noise: float = 1.0, seed: int = 0) -> Tensor:
    """A camera that pans over a photograph: lightness ``(T, 1, 72, 128)``, 0..100, grain and all."""
    random = np.random.default_rng(seed)
    shots = []
    for t in range(frames):
        way = speed * (t - frames / 2)
        move = np.array([[1, 0, -30 - way], [0, 1, -20 - 0.5 * way]], np.float32)
        L = cv2.warpAffine(photograph(name), move, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
        shots.append(np.clip(L + random.normal(0, noise, L.shape), 0, 100).astype(np.float32))
    return torch.from_numpy(np.stack(shots))[:, None]


def dissolve(first: Tensor, second: Tensor, frames: int) -> Tensor:
    """Two shots of which the last and first ``frames`` frames lie over each other."""
    share = (torch.arange(1, frames + 1) / (frames + 1))[:, None, None, None]
    middle = (1 - share) * first[-frames:] + share * second[:frames]
    return torch.cat((first[:-frames], middle, second[frames:]))


def frames(L: Tensor, *, start: int = 0, ab: Tensor | None = None) -> Iterator[Frame]:
    """Frames of lightness ``(T, 1, H, W)``, numbered from ``start``; with own colours ``(T, 2, H, W)`` if given."""
    size = (L.shape[2], L.shape[3])
    for number, picture in enumerate(L[start:], start):
        own = None if ab is None else ab[number]
        yield Frame(number, number / RATE, Prepared(picture, Geometry(size, size, size), number), own)


class Painter:
    """Stands for a colorizer: predicts what it is told, ``(T, 2, h, w)``; ``Prepared.size`` is the frame's number.

    Attributes:
        seen: numbers of the frames it was asked for, in order.
    """

    def __init__(self, predictions: Tensor | Callable[[int], Tensor]) -> None:
        self.info = SimpleNamespace(stride=STRIDE)
        self.device = torch.device("cpu")
        self._predictions = predictions
        self.seen: list[int] = []

    def predict(self, batch: Sequence[Prepared]) -> list[Tensor]:
        self.seen += [one.size for one in batch]
        get = self._predictions if callable(self._predictions) else self._predictions.__getitem__
        return [get(one.size) for one in batch]


def colors_of(L: Tensor) -> Tensor:
    """Colours that go with lightness as a network's would, ``(T, 2, h, w)``: light is warm, dark is cold."""
    small = torch.nn.functional.avg_pool2d(L, STRIDE)
    small = torch.nn.functional.avg_pool2d(small, 5, 1, 2, count_include_pad=False)
    return torch.cat(((small - 50) * 0.6 + 10, (small - 40) * 0.8), 1)


def flickering(L: Tensor, *, amount: float = 6.0, seed: int = 0) -> Tensor:
    """The same with colours that change from frame to frame, all over and from place to place."""
    generator = torch.Generator().manual_seed(seed)
    clean = colors_of(L)
    whole = torch.randn(len(L), 2, 1, 1, generator=generator)
    places = torch.randn(len(L), 2, *clean.shape[2:], generator=generator)
    return clean + amount * (0.6 * whole + 0.4 * places)


def numbers(found: Iterable[Frame]) -> list[int]:
    return [frame.number for frame in found]
