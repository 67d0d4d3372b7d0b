"""What one step learns: a network, its losses, and how it is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorcli.color import bins
from colorcli.color.prior import histogram, smooth
from colorcli.errors import UsageError
from colorcli.metrics.auc import AuC
from colorcli.registry import LOSSES, NETWORKS
from colorcli.training.batches import augment, to_lab
from colorcli.training.data import Pictures
from colorcli.training.recipe import Recipe, Validation


class Task:
    """A network and the weighted sum of losses it is trained on.

    Args:
        recipe: what to train.
        prior: ``(Q,)`` smoothed frequency of the bins in the training data.

    Raises:
        UsageError: unknown network or loss, sizes or options they do not take, a loss for another kind of output.
    """

    def __init__(self, recipe: Recipe, prior: Tensor) -> None:
        module = NETWORKS.load(recipe.network.name)
        self.recipe = recipe
        self.info = module.INFO
        try:
            self.network: nn.Module = module.build(**recipe.network.sizes)
        except TypeError as error:
            raise UsageError(f"network {recipe.network.name!r}: {error}") from error
        if self.info.output == "logits":
            self.network.get_buffer("prior").copy_(prior)
        self.losses: list[tuple[str, float, Callable[[Tensor, Tensor], Tensor]]] = []
        for loss in recipe.losses:
            module = LOSSES.load(loss.name)
            takes: str = module.OUTPUT
            if takes != self.info.output:
                raise UsageError(
                    f"loss {loss.name!r} is for {takes}, but network {recipe.network.name!r} gives {self.info.output}"
                )
            try:
                self.losses.append((loss.name, loss.weight, module.build(prior, **loss.options)))
            except TypeError as error:
                raise UsageError(f"loss {loss.name!r}: {error}") from error

    def loss(self, network: nn.Module, batch: Tensor, step: int, autocast: torch.dtype | None) -> dict[str, Tensor]:
        """Return the losses of a uint8 RGB batch ``(B, 3, S, S)`` by name, and their weighted sum as ``"loss"``."""
        L, ab = to_lab(batch)
        L = augment(L, self.recipe.augment, self.recipe.seed, step).contiguous(memory_format=torch.channels_last)
        with torch.autocast(batch.device.type, autocast, enabled=autocast is not None):
            output = network(L)
        truth = F.interpolate(ab, output.shape[-2:], mode="area")
        terms = {name: function(output, truth) for name, _, function in self.losses}
        total = torch.stack([weight * terms[name] for name, weight, _ in self.losses]).sum()
        return {"loss": total, **terms}


def measure_prior(pictures: Pictures, *, most: int = 20_000, seed: int = 0) -> Tensor:
    """Return how often each ab bin occurs at 1/4 of the resolution, smoothed: ``(Q,)``, summing to 1.

    At most ``most`` pictures, drawn with ``seed``, each with the same say.
    """
    order = np.random.default_rng((seed, 3)).permutation(len(pictures))[:most]
    total = torch.zeros(bins.Q)
    for index in order:
        pixels = pictures[index]
        small = cv2.resize(pixels, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        _, ab = to_lab(torch.from_numpy(small).movedim(-1, 0)[None])
        total += histogram(ab)
    return smooth(total / total.sum())


@dataclass(frozen=True)
class Scores:
    """Result of :func:`validate`; ab error of the plain mean of the distribution, or of the network's ab.

    Attributes:
        loss: the training loss on the validation pictures, without augmentation.
        auc: AuC of ab error, per cent.
        gray: AuC of an all-gray answer on the same pictures.
        chroma: mean chroma of the answer over that of the truth.
    """

    loss: float
    auc: float
    gray: float
    chroma: float


def centre_crop(pixels: np.ndarray, size: int) -> np.ndarray:
    """Return the largest centre square of ``(H, W, 3)``, scaled to ``(size, size, 3)``."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    y, x = (height - side) // 2, (width - side) // 2
    part = pixels[y : y + side, x : x + side]
    return np.asarray(cv2.resize(part, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_CUBIC))


@torch.inference_mode()
def validate(task: Task, network: nn.Module, pictures: Pictures, options: Validation, device: torch.device) -> Scores:
    """Measure a network on the first ``options.pictures`` pictures, one at a time, in float32."""
    ours, gray = AuC(), AuC()
    losses, chroma, true_chroma = [], 0.0, 0.0
    for index in range(min(options.pictures, len(pictures))):
        crop = centre_crop(pictures[index], options.crop)
        seen = cv2.resize(crop, (options.size, options.size), interpolation=cv2.INTER_AREA)
        L, ab = to_lab(torch.from_numpy(seen).movedim(-1, 0)[None].to(device))
        _, truth = to_lab(torch.from_numpy(crop).movedim(-1, 0)[None].to(device))
        output = network(L).float()
        small = F.interpolate(ab, output.shape[-2:], mode="area")
        losses.append(sum(weight * float(function(output, small)) for _, weight, function in task.losses))
        answer = bins.expectation(output.softmax(1)) if task.info.output == "logits" else output
        full = F.interpolate(answer, truth.shape[-2:], mode="bicubic", align_corners=False).cpu()
        truth = truth.cpu()
        ours.update(full, truth)
        gray.update(torch.zeros_like(truth), truth)
        chroma += float(full.norm(dim=1).mean())
        true_chroma += float(truth.norm(dim=1).mean())
    return Scores(float(np.mean(losses)), ours.compute(), gray.compute(), chroma / max(true_chroma, 1e-6))
