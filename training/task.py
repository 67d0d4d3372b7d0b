"""What one step learns: a network, its losses, and how it is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorcli.color import bins, lab
from colorcli.errors import UsageError
from colorcli.metrics.auc import AuC
from colorcli.models._info import NetworkInfo
from colorcli.registry import LOSSES, NETWORKS
from colorcli.training.batches import Batch, augment, to_lab
from colorcli.training.data import Pictures
from colorcli.training.recipe import Loss, Recipe, Validation

#: What each kind of output is compared with.
TRUTHS = {"ab": "ab", "logits": "ab", "rgb": "rgb", "classes": "labels"}


@dataclass(frozen=True)
class Term:
    """One loss of a task.

    Attributes:
        name: of the loss; the second of that name is called ``"NAME 2"``, and so on.
        weight: its factor in the sum.
        of: name of the network's output it looks at; a key of :data:`TRUTHS`.
        needs: names of what its function takes as keywords besides output and truth.
        function: ``function(output, truth, **needs)``, a scalar.
    """

    name: str
    weight: float
    of: str
    needs: tuple[str, ...]
    function: Callable[..., Tensor]


def outputs_of(network: nn.Module, L: Tensor, info: NetworkInfo) -> dict[str, Tensor]:
    """Run a network for training: its output by name, and what else it gives then (``info.also``).

    A network with more to compare than what it is used for has ``forward_training(L)``, which returns all of it.
    """
    if not info.also:
        return {info.output: network(L)}
    outputs: dict[str, Tensor] = cast(Any, network).forward_training(L)
    return outputs


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
        except (TypeError, ValueError) as error:
            raise UsageError(f"network {recipe.network.name!r}: {error}") from error
        if self.info.output == "logits":
            self.network.get_buffer("prior").copy_(prior)
        self.terms: list[Term] = []
        for loss in recipe.losses:
            self.terms.append(self._term(loss, prior))

    def split(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Split uint8 RGB ``(B, 3, S, S)`` into the L ``(B, 1, S, S)`` its gray version has, and ab ``(B, 2, S, S)``.

        Float32 Lab units. How a picture is made gray is the network's to say (``INFO.gray``).
        """
        L, ab = to_lab(batch)
        return (lab.gray_to_L(lab.luma(batch / 255)) if self.info.gray == "luma" else L), ab

    def see(self, batch: Batch, step: int) -> tuple[Tensor, Tensor]:
        """Return what the network is shown of a batch, L with augmentation, and the ab it should find.

        Args:
            batch: pictures, or a part of a batch of pictures.
            step: the number of the training step; with the recipe's seed it decides on augmentation.

        Raises:
            UsageError: a loss needs labels and the pictures have none.
        """
        if batch.labels is None and any(term.of == "classes" for term in self.terms):
            raise UsageError(
                "the recipe learns classes, but the pictures have none", hint="give a folder with one folder per class"
            )
        L, ab = self.split(batch.rgb)
        options = self.recipe.augment
        L = augment(L, options, self.recipe.seed, step, start=batch.start, total=batch.of)
        return L.contiguous(memory_format=torch.channels_last), ab

    def loss(self, network: nn.Module, batch: Batch, step: int) -> dict[str, Tensor]:
        """Return the losses of a network on a batch by name, and their weighted sum as ``"loss"``; see :meth:`see`."""
        L, ab = self.see(batch, step)
        return self.compare(outputs_of(network, L, self.info), batch, ab)

    def compare(self, outputs: dict[str, Tensor], batch: Batch, ab: Tensor) -> dict[str, Tensor]:
        """Return the losses of a network's outputs (:func:`outputs_of`) by name, and their weighted sum as ``"loss"``.

        Without labels, losses of ``"classes"`` are left out.
        """
        truths = {"ab": ab, "labels": batch.labels}
        if any(term.of == "rgb" for term in self.terms):
            truths["rgb"] = batch.rgb / 255
        found = {}
        for term in self.terms:
            output, truth = outputs[term.of], truths[TRUTHS[term.of]]
            if truth is None:
                continue
            extras: dict[str, Tensor | None] = {}
            if term.of != "classes":
                truth = F.interpolate(truth, output.shape[-2:], mode="area")
                if "mask" in term.needs and batch.mask is not None:
                    # A pixel that the margin has a share in has a share of the margin's colour too.
                    extras["mask"] = F.interpolate(batch.mask.float(), output.shape[-2:], mode="area") > 0.999
            found[term.name] = term.function(output, truth, **extras)
        total = torch.stack([term.weight * found[term.name] for term in self.terms if term.name in found]).sum()
        return {"loss": total, **found}

    def _term(self, loss: Loss, prior: Tensor) -> Term:
        module = LOSSES.load(loss.name)
        takes: tuple[str, ...] = (module.OUTPUT,) if isinstance(module.OUTPUT, str) else module.OUTPUT
        gives = (*self.info.also, self.info.output)
        fitting = [kind for kind in gives if kind in takes and loss.of in (None, kind)]
        if not fitting:
            raise UsageError(
                f"loss {loss.name!r} is for {' or '.join(takes)}, but network {self.recipe.network.name!r} gives "
                f"{' and '.join(gives)}" + (f", and the recipe asks for {loss.of}" if loss.of else "")
            )
        try:
            function = module.build(prior, **loss.options)
        except (TypeError, ValueError) as error:
            raise UsageError(f"loss {loss.name!r}: {error}") from error
        # The same loss may be there twice, of two outputs or with two forms; in the log each has its own name.
        again = sum(term.name.partition(" ")[0] == loss.name for term in self.terms)
        name = f"{loss.name} {again + 1}" if again else loss.name
        return Term(name, loss.weight, fitting[0], getattr(module, "NEEDS", ()), function)


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


@dataclass(frozen=True)
class Answer:
    """What a network says of a validation picture.

    Attributes:
        rgb: uint8 ``(1, 3, S, S)``, the picture, S being ``Validation.crop``.
        truth: its ab ``(1, 2, S, S)``, Lab units, on the CPU.
        ab: the network's: the plain mean of its distribution, or its ab, enlarged to the same size.
        loss: the training loss at the size the network saw.
    """

    rgb: Tensor
    truth: Tensor
    ab: Tensor
    loss: float


@torch.inference_mode()
def answers(
    task: Task,
    network: nn.Module,
    pictures: Pictures,
    options: Validation,
    device: torch.device,
    indices: Iterable[int],
) -> Iterator[Answer]:
    """Show a network some of the pictures, one at a time, in float32 and without augmentation."""
    for index in indices:
        crop = centre_crop(pictures[index], options.crop)
        seen = cv2.resize(crop, (options.size, options.size), interpolation=cv2.INTER_AREA)
        batch = torch.from_numpy(seen).movedim(-1, 0)[None].to(device)
        L, ab = task.split(batch)
        rgb = torch.from_numpy(crop).movedim(-1, 0)[None]
        _, truth = to_lab(rgb)
        outputs = outputs_of(network, L, task.info)
        output = outputs[task.info.output].float()
        loss = float(task.compare(outputs, Batch(batch), ab)["loss"])
        answer = bins.expectation(output.softmax(1)) if task.info.output == "logits" else output
        full = F.interpolate(answer, truth.shape[-2:], mode="bicubic", align_corners=False).cpu()
        yield Answer(rgb, truth, full, loss)


def validate(task: Task, network: nn.Module, pictures: Pictures, options: Validation, device: torch.device) -> Scores:
    """Measure a network on the first ``options.pictures`` pictures; see :func:`answers`."""
    ours, gray = AuC(), AuC()
    losses, chroma, true_chroma = [], 0.0, 0.0
    first = range(min(options.pictures, len(pictures)))
    for answer in answers(task, network, pictures, options, device, first):
        ours.update_ab(answer.ab, answer.truth)
        gray.update_ab(torch.zeros_like(answer.truth), answer.truth)
        losses.append(answer.loss)
        chroma += float(answer.ab.norm(dim=1).mean())
        true_chroma += float(answer.truth.norm(dim=1).mean())
    return Scores(float(np.mean(losses)), ours.compute(), gray.compute(), chroma / max(true_chroma, 1e-6))
