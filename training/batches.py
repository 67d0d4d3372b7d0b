"""From pictures to batches: crops, mirror, and the lightness a network sees.

Every random choice is a function of (seed, step, place in the batch). There is no hidden state of a generator, so a
resumed run sees what the uninterrupted one would have seen, whatever the number of workers.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from colorcli.color import lab
from colorcli.training.data import Pictures
from colorcli.training.recipe import Augment, Data, Recipe


def crop_size(data: Data, step: int, steps: int) -> int:
    """Return the side of the crops at ``step`` of ``steps``."""
    return next(size for share, size in reversed(data.sizes) if step >= share * steps)


class Crops(Dataset[Tensor]):
    """Batches by step number: item ``t`` is the batch of step ``t``, uint8 RGB ``(B, 3, S, S)``."""

    def __init__(self, pictures: Pictures, recipe: Recipe) -> None:
        self.pictures = pictures
        self.recipe = recipe

    def __len__(self) -> int:
        return self.recipe.optimizer.steps

    def __getitem__(self, step: int) -> Tensor:
        cv2.setNumThreads(1)  # a crop is too small to share; the cores have the network to run
        data, steps = self.recipe.data, self.recipe.optimizer.steps
        size = crop_size(data, step, steps)
        places = step * data.batch + np.arange(data.batch)
        epochs, positions = np.divmod(places, len(self.pictures))
        order = {epoch: self._order(epoch) for epoch in set(epochs.tolist())}
        rows = []
        for epoch, position, place in zip(epochs.tolist(), positions.tolist(), places.tolist(), strict=True):
            rng = np.random.default_rng((self.recipe.seed, 1, place))
            rows.append(_crop(self.pictures[order[epoch][position]], size, data, self.recipe.augment.flip, rng))
        return torch.from_numpy(np.stack(rows)).movedim(-1, 1)

    def _order(self, epoch: int) -> np.ndarray:
        if getattr(self, "_cached", (-1, None))[0] != epoch:
            rng = np.random.default_rng((self.recipe.seed, 0, epoch))
            self._cached = (epoch, rng.permutation(len(self.pictures)))
        return self._cached[1]


def _crop(pixels: np.ndarray, size: int, data: Data, flip: float, rng: np.random.Generator) -> np.ndarray:
    """Cut a random part of a picture ``(H, W, 3)`` and scale it to ``(size, size, 3)``."""
    height, width = pixels.shape[:2]
    for _ in range(10):
        area = rng.uniform(*data.area) * height * width
        aspect = np.exp(rng.uniform(*np.log(data.aspect)))
        w, h = round(np.sqrt(area * aspect)), round(np.sqrt(area / aspect))
        if w <= width and h <= height:
            break
    else:
        w = h = min(height, width)
    y, x = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
    part = pixels[y : y + h, x : x + w]
    shrinking = w > size or h > size
    part = cv2.resize(part, (size, size), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)
    return np.ascontiguousarray(part[:, ::-1]) if rng.random() < flip else part


def to_lab(batch: Tensor) -> tuple[Tensor, Tensor]:
    """Split uint8 RGB ``(B, 3, S, S)`` into L ``(B, 1, S, S)`` and ab ``(B, 2, S, S)``, float32 Lab units."""
    # The sRGB curve of 256 levels is a table: a gather instead of a power for every sample.
    table = lab.srgb_to_linear(torch.arange(256, dtype=torch.float32) / 255).to(batch.device)
    picture = lab.linear_rgb_to_lab(table[batch.int()])
    return picture[:, :1], picture[:, 1:]


def augment(L: Tensor, options: Augment, seed: int, step: int) -> Tensor:
    """Return L ``(B, 1, S, S)`` in 0..100 as an old lens, film or scanner might have given it.

    Changed per picture, each by its own chance: tone curve, softness, grain. The draw depends on (seed, step) only.
    """
    rng = np.random.default_rng((seed, 2, step))
    batch = len(L)

    def draw(chance: float, low: float, high: float, neutral: float) -> Tensor:
        values = np.where(rng.random(batch) < chance, rng.uniform(low, high, batch), neutral)
        return torch.from_numpy(values.astype(np.float32)).to(L.device)[:, None, None, None]

    tone = rng.random(batch) < options.tone
    logs = rng.uniform(-np.log(options.gamma), np.log(options.gamma), batch)
    gamma = torch.from_numpy(np.where(tone, np.exp(logs), 1.0).astype(np.float32)).to(L.device)[:, None, None, None]
    black = draw(options.tone, 0.0, options.contrast / 2, 0.0)
    white = draw(options.tone, 1 - options.contrast / 2, 1.0, 1.0)
    soft = draw(options.blur, 0.5, 1.0, 0.0)
    grain = draw(options.noise, 0.0, options.grain, 0.0)

    x = (L / 100).clamp(0, 1) ** gamma
    x = 100 * (black + (white - black) * x)
    if bool((soft > 0).any()):
        taps = torch.tensor([1.0, 2.0, 1.0], device=L.device) / 4
        kernel = (taps[:, None] * taps)[None, None]
        x = torch.lerp(x, F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), kernel), soft)
    if bool((grain > 0).any()):
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        x = x + grain * torch.randn(L.shape, generator=generator).to(L.device)
    return x.clamp(0, 100)


def stream(pictures: Pictures, recipe: Recipe, *, start: int, workers: int) -> Iterator[Tensor]:
    """Yield the batches of the steps from ``start`` to the end of the run.

    With ``workers`` 0 they are made in this thread, which is best where the network runs on the same cores.
    """
    steps = range(start, recipe.optimizer.steps)
    loader = DataLoader(
        Crops(pictures, recipe),
        batch_size=None,
        sampler=list(steps),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        pin_memory=torch.cuda.is_available(),
    )
    yield from loader
