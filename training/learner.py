"""What changes while a run goes on, and the one step that changes it: forward, backward, update, average."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from colorcli.errors import DeviceError, UsageError
from colorcli.models._info import NetworkInfo
from colorcli.training import optimizers
from colorcli.training.adversarial import Adversary, colors, seen
from colorcli.training.batches import Batch
from colorcli.training.distributed import Group, accumulating
from colorcli.training.ema import EMA
from colorcli.training.recipe import Recipe
from colorcli.training.schedule import learning_rate
from colorcli.training.task import Task, outputs_of


@dataclass(frozen=True)
class Lesson:
    """What a step had to say.

    Attributes:
        losses: means over this process's pictures, by name, scalars on the device; ``"loss"`` is the recipe's sum.
        norm: of the gradient, before it was clipped.
        rate: learning rate.
    """

    losses: dict[str, Tensor]
    norm: Tensor
    rate: float


class Learner:
    """Network, average, optimizer, scaler and, where the recipe has one, the adversary.

    Args:
        task: network and losses.
        recipe: how to learn.
        device: where.
        precision: dtype of the network's matrix products.
        group: the processes of the run.
        compiled: whether the network goes through ``torch.compile``.
    """

    def __init__(
        self,
        task: Task,
        recipe: Recipe,
        device: torch.device,
        precision: torch.dtype = torch.float32,
        group: Group | None = None,
        *,
        compiled: bool = False,
    ) -> None:
        self.task, self.recipe, self.device = task, recipe, device
        self.group = group or Group()
        task.network = self.group.synchronized(task.network, device)
        moved: Any = task.network.to(device)
        self.network: nn.Module = moved.to(memory_format=torch.channels_last).train()
        self.ema = EMA(self.network, recipe.optimizer.ema)
        self.optimizer = optimizers.build(self.network, recipe.optimizer)
        self.autocast = None if precision == torch.float32 else precision
        self.scaler = torch.amp.GradScaler(device.type, enabled=precision == torch.float16)
        forward: nn.Module = _Outputs(self.network, task.info)
        forward = self.group.wrap(forward, device, partly=bool(task.info.also))
        self.forward: Any = torch.compile(forward) if compiled else forward
        self.adversary: Adversary | None = None
        if recipe.adversarial is not None:
            self.adversary = Adversary(recipe.adversarial, recipe.optimizer.steps, device, self.group)
        #: First step whose loss or gradient was no number, on the device; -1 is none. Reading it waits for the device.
        self.failed = torch.full((), -1, dtype=torch.int64, device=device)

    def learn(self, batch: Batch, step: int) -> Lesson:
        """Take one step from this process's share of the batch of ``step``.

        Raises:
            DeviceError: memory ran out, or the network cannot be compiled here.
            UsageError: there are too few pictures for batch norm; labels are missing; crops are too small.
        """
        try:
            return self._learn(batch, step)
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise DeviceError(
                f"{self.device}: out of memory at step {step}",
                hint=f"compute a batch in more parts: --accumulate {2 * self.recipe.optimizer.accumulate}",
            ) from error
        except ValueError as error:
            if "more than 1 value per channel" in str(error):
                raise UsageError(
                    "batch norm cannot learn from a single picture, and a part of this batch has no more",
                    hint="take a larger data.batch, fewer parts (--accumulate) or fewer processes",
                ) from error
            raise
        except RuntimeError as error:
            if type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
                raise DeviceError(
                    f"torch.compile does not work here: {str(error).strip().splitlines()[0]}",
                    hint="leave out --compile",
                ) from error
            raise

    def _learn(self, batch: Batch, step: int) -> Lesson:
        options, adversary = self.recipe.optimizer, self.adversary
        rate = learning_rate(options, step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        judging = adversary is not None and adversary.awake(step)
        if adversary is not None and judging:
            adversary.optimizer.zero_grad(set_to_none=True)

        losses: dict[str, Tensor] = {}
        parts = batch.parts(options.accumulate)
        for index, part in enumerate(parts):
            self._seed(step, index)
            more = index + 1 < len(parts)
            with accumulating(self.forward, more):
                L, ab = self.task.see(part, step)
                with self._autocast():
                    outputs = self.forward(L)
                found = self.task.compare(outputs, part, ab)
                total = found["loss"]
                if adversary is not None and judging:
                    fake = seen(L, colors(outputs))
                    if adversary.heard(step):
                        found["adversarial"] = adversary.opinion(fake)
                        total = total + adversary.options.weight * found["adversarial"]
                # DDP takes the mean over processes; a picture counts the same whoever has it.
                weight = len(part) * self.group.processes / part.of
                self.scaler.scale(total * weight).backward()  # type: ignore[no-untyped-call]
            if adversary is not None and judging:
                with accumulating(adversary.judge, more):
                    real = seen(L, nn.functional.interpolate(ab, fake.shape[-2:], mode="area"))
                    found["discriminator"] = adversary.lesson(real, fake)
                    self.scaler.scale(found["discriminator"] * weight).backward()  # type: ignore[no-untyped-call]
            for name, value in found.items():
                losses[name] = losses.get(name, 0) + value.detach() * (len(part) / len(batch))

        self.scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), options.clip or float("inf"))
        self.scaler.step(self.optimizer)
        if adversary is not None and judging:
            self.scaler.step(adversary.optimizer)
        self.scaler.update()
        self.ema.update(self.network)

        # Under a scaler a gradient may overflow now and then: that step is left out and the scale lowered.
        sound = losses["loss"].isfinite() & (norm.isfinite() | self.scaler.is_enabled())
        self.failed = torch.where(sound | (self.failed >= 0), self.failed, step)
        return Lesson(losses, norm, rate)

    def _seed(self, step: int, part: int) -> None:
        """Make dropout a function of (seed, step, process, part), so that a resumed run drops what it would have."""
        words = np.random.SeedSequence((self.recipe.seed, 4, step, self.group.rank, part)).generate_state(1, np.uint64)
        torch.manual_seed(int(words[0]) >> 1)

    def _autocast(self) -> AbstractContextManager[None]:
        return torch.autocast(self.device.type, self.autocast, enabled=self.autocast is not None)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        state = {"network": self.network.state_dict(), "ema": self.ema.average.state_dict(),
                 "updates": self.ema.updates, "optimizer": self.optimizer.state_dict(),
                 "optimizer_name": self.recipe.optimizer.name, "scaler": self.scaler.state_dict()}  # fmt: skip
        return state | ({"adversary": self.adversary.state()} if self.adversary is not None else {})

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint. A recipe that has come to have an adversary begins it anew.

        Raises:
            UsageError: the checkpoint is of another network or optimizer.
        """
        name = state.get("optimizer_name", "adamw")
        if name != self.recipe.optimizer.name:
            raise UsageError(
                f"the checkpoint is of the optimizer {name!r}, the recipe says {self.recipe.optimizer.name!r}",
                hint="begin a new run from these weights with --init",
            )
        try:
            self.network.load_state_dict(state["network"])
            self.ema.average.load_state_dict(state["ema"])
            optimizers.restore(self.optimizer, state["optimizer"])
            if self.adversary is not None and "adversary" in state:
                self.adversary.restore(state["adversary"])
        except (RuntimeError, ValueError) as error:
            raise UsageError(
                f"the checkpoint is of another network: {error}",
                hint="resume with the recipe in the run's recipe.toml",
            ) from error
        self.scaler.load_state_dict(state.get("scaler", {}))
        self.ema.updates = state["updates"]


class _Outputs(nn.Module):
    """A network as training calls it, in a form that DistributedDataParallel and torch.compile can wrap."""

    def __init__(self, network: nn.Module, info: NetworkInfo) -> None:
        super().__init__()
        self.network, self.info = network, info

    def forward(self, L: Tensor) -> dict[str, Tensor]:
        return outputs_of(self.network, L, self.info)
