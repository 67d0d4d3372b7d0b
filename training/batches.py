"""From pictures to batches: crops, mirror, and the lightness a network sees.

Every random choice is a function of (seed, step, place in the batch). There is no hidden state of a generator, so a
resumed run sees what the uninterrupted one would have seen, whatever the number of workers.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from colorcli.color import lab
from colorcli.errors import UsageError
from colorcli.registry import near_miss
from colorcli.training.ageing import age
from colorcli.training.data import Pictures
from colorcli.training.recipe import Augment, Data, Recipe

#: Batches that the thread of :func:`stream` makes ahead of time.
_AHEAD = 3
#: How pictures become squares.
FITS = ("crop", "pad")


@dataclass(frozen=True)
class Batch:
    """Pictures to learn from in one step, or a part of them.

    Attributes:
        rgb: uint8 ``(B, 3, S, S)``.
        labels: int64 ``(B,)``, the pictures' classes, -1 where unknown; None where the pictures have none.
        mask: ``(B, 1, S, S)``, 1 where there is picture and 0 in its margin; None is a batch without margins.
        start: place of the first picture within the step's whole batch.
        total: pictures in the whole batch; None if this is the whole.
    """

    rgb: Tensor
    labels: Tensor | None = None
    mask: Tensor | None = None
    start: int = 0
    total: int | None = None

    def __len__(self) -> int:
        return len(self.rgb)

    @property
    def of(self) -> int:
        """Pictures in the whole batch of the step."""
        return len(self) if self.total is None else self.total

    def to(self, device: torch.device) -> Batch:
        """Return it on ``device``."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True), self.start)

    def pin_memory(self) -> Batch:
        """Return it in page-locked memory; the loader calls this where there is an accelerator."""
        return self._each(Tensor.pin_memory, self.start)

    def part(self, start: int, stop: int) -> Batch:
        """Return pictures ``start`` to ``stop``."""
        return self._each(lambda tensor: tensor[start:stop], self.start + start)

    def parts(self, count: int) -> list[Batch]:
        """Return up to ``count`` parts of nearly equal size, none of them empty, in order."""
        cuts = np.linspace(0, len(self), min(count, len(self)) + 1).round().astype(int).tolist()
        return [self.part(start, stop) for start, stop in itertools.pairwise(cuts)]

    def _each(self, function: Callable[[Tensor], Tensor], start: int) -> Batch:
        labels = None if self.labels is None else function(self.labels)
        mask = None if self.mask is None else function(self.mask)
        return Batch(function(self.rgb), labels, mask, start, self.of)


def check(data: Data) -> None:
    """Raise a UsageError for a way to fit pictures that does not exist."""
    if data.fit not in FITS:
        raise UsageError(f"unknown data.fit {data.fit!r}", hint=near_miss(data.fit, FITS))


def crop_size(data: Data, step: int, steps: int) -> int:
    """Return the side of the crops at ``step`` of ``steps``."""
    return next(size for share, size in reversed(data.sizes) if step >= share * steps)


class Crops(Dataset[Batch]):
    """Batches by step number: item ``t`` is the batch of step ``t``.

    Args:
        pictures: what to cut them from.
        recipe: how.
        share: (rank, processes): of the whole batch only the part that this process learns from.
    """

    def __init__(self, pictures: Pictures, recipe: Recipe, share: tuple[int, int] = (0, 1)) -> None:
        self.pictures = pictures
        self.recipe = recipe
        rank, processes = share
        self.rows = range(recipe.data.batch * rank // processes, recipe.data.batch * (rank + 1) // processes)

    def __len__(self) -> int:
        return self.recipe.optimizer.steps

    def __getitem__(self, step: int) -> Batch:
        cv2.setNumThreads(1)  # a crop is too small to share; the cores have the network to run
        data, steps = self.recipe.data, self.recipe.optimizer.steps
        size = crop_size(data, step, steps)
        places = step * data.batch + np.asarray(self.rows)
        epochs, positions = np.divmod(places, len(self.pictures))
        order = {epoch: self._order(epoch) for epoch in set(epochs.tolist())}
        chosen = [int(order[epoch][position]) for epoch, position in zip(epochs.tolist(), positions, strict=True)]
        flip, rows, masks = self.recipe.augment.flip, [], []
        for index, place in zip(chosen, places.tolist(), strict=True):
            rng = np.random.default_rng((self.recipe.seed, 1, place))
            if data.fit == "pad":
                row, mask = _pad(self.pictures[index], size, flip, rng)
                masks.append(mask)
            else:
                row = _crop(self.pictures[index], size, data, flip, rng)
            rows.append(row)
        known = self.pictures.labels
        return Batch(
            torch.from_numpy(np.stack(rows)).movedim(-1, 1),
            None if known is None else torch.from_numpy(known[chosen]),
            torch.from_numpy(np.stack(masks))[:, None] if masks else None,
            start=self.rows.start,
            total=data.batch,
        )

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


def _pad(pixels: np.ndarray, size: int, flip: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Fit a whole picture ``(H, W, 3)`` into ``(size, size, 3)``, white around it; float32 mask 1 where it is."""
    height, width = pixels.shape[:2]
    scale = size / max(height, width)
    h, w = max(1, round(height * scale)), max(1, round(width * scale))
    part = cv2.resize(pixels, (w, h), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    y, x = (size - h) // 2, (size - w) // 2
    row, mask = np.full((size, size, 3), 255, np.uint8), np.zeros((size, size), np.float32)
    row[y : y + h, x : x + w] = part[:, ::-1] if rng.random() < flip else part
    mask[y : y + h, x : x + w] = 1
    return row, mask


def to_lab(batch: Tensor) -> tuple[Tensor, Tensor]:
    """Split uint8 RGB ``(B, 3, S, S)`` into L ``(B, 1, S, S)`` and ab ``(B, 2, S, S)``, float32 Lab units."""
    # The sRGB curve of 256 levels is a table: a gather instead of a power for every sample.
    table = lab.srgb_to_linear(torch.arange(256, dtype=torch.float32) / 255).to(batch.device)
    picture = lab.linear_rgb_to_lab(table[batch.int()])
    return picture[:, :1], picture[:, 1:]


def augment(L: Tensor, options: Augment, seed: int, step: int, *, start: int = 0, total: int | None = None) -> Tensor:
    """Return L ``(B, 1, S, S)`` in 0..100 as an old lens, film or scanner might have given it.

    Changed per picture, each by its own chance: tone curve, softness, grain, and what age does. The draw depends on
    (seed, step) and on the place in the step's batch only: ``start`` of ``total``, for a part of it.
    """
    rng = np.random.default_rng((seed, 2, step))
    batch = len(L) if total is None else total
    here = slice(start, start + len(L))

    def column(values: np.ndarray) -> Tensor:
        return torch.from_numpy(values[here].astype(np.float32)).to(L.device)[:, None, None, None]

    def draw(chance: float, low: float, high: float, neutral: float) -> Tensor:
        return column(np.where(rng.random(batch) < chance, rng.uniform(low, high, batch), neutral))

    tone = rng.random(batch) < options.tone
    logs = rng.uniform(-np.log(options.gamma), np.log(options.gamma), batch)
    gamma = column(np.where(tone, np.exp(logs), 1.0))
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
        x = x + grain * torch.randn((batch, *L.shape[1:]), generator=generator)[here].to(L.device)
    x = x.clamp(0, 100)
    if options.age:
        old = np.random.default_rng((seed, 5, step))
        x = age(x, old, chance=options.age, wear=options.wear, start=start, total=batch)
    return x


def stream(
    pictures: Pictures, recipe: Recipe, *, start: int, workers: int, share: tuple[int, int] = (0, 1)
) -> Iterator[Batch]:
    """Yield the batches of the steps from ``start`` to the end of the run.

    With ``workers`` 0 a thread of this process makes them ahead of time, which is best where the network runs on the
    same cores: cutting a batch takes a hundredth of learning from it, but a disk may keep it waiting.
    """
    crops = Crops(pictures, recipe, share)
    steps = range(start, recipe.optimizer.steps)
    if workers:
        yield from DataLoader(
            crops,
            batch_size=None,
            sampler=list(steps),
            num_workers=workers,
            prefetch_factor=4,
            pin_memory=torch.cuda.is_available(),
        )
        return
    with ThreadPoolExecutor(1, "batches") as pool:
        waiting = deque(pool.submit(crops.__getitem__, step) for step in steps[:_AHEAD])
        try:
            for step in steps:
                batch = waiting.popleft().result()
                if step + _AHEAD in steps:
                    waiting.append(pool.submit(crops.__getitem__, step + _AHEAD))
                yield batch
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
