"""Several processes that train one network, as ``torchrun`` starts them; the one place that knows of them.

    torchrun --nproc-per-node=2 -m colorcli train --data places/ -o runs/places

Each process learns from its share of every batch; gradients are averaged (DistributedDataParallel), so all hold the
same weights. The first process alone measures, writes and speaks. Batch norm: on GPUs its statistics are those of the
whole batch (SyncBatchNorm); on CPUs, where torch has no such thing, each process takes those of its own share, and the
first one's running statistics are kept.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from colorcli.errors import ColorcliError, UsageError

_T = TypeVar("_T")
#: The first process may decode pictures or measure for that long while the others wait.
_PATIENCE = datetime.timedelta(hours=12)


@dataclass(frozen=True)
class Group:
    """The processes of a run, seen from one of them; by default there is one.

    Attributes:
        rank: number of this process.
        processes: how many there are.
        local: number of this process on its machine.
    """

    rank: int = 0
    processes: int = 1
    local: int = 0

    @property
    def first(self) -> bool:
        """Whether this is the process that measures, writes and speaks."""
        return self.rank == 0

    def share(self, make: Callable[[], _T]) -> _T:
        """Return what ``make`` gives in the first process, in all of them."""
        if self.processes == 1:
            return make()
        box = [make() if self.first else None]
        with _others():
            dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
        return box[0]  # type: ignore[return-value]

    def in_turn(self, make: Callable[[], _T]) -> _T:
        """Run ``make`` in one process of each machine, then in the others, which find what the first has cached."""
        if self.processes == 1:
            return make()
        made = make() if self.local == 0 else None
        with _others():
            dist.all_reduce(torch.zeros(1))  # nccl's barrier would wait on the GPU
        return make() if made is None else made

    def most(self, value: int) -> int:
        """Return the largest ``value`` of all processes."""
        if self.processes == 1:
            return value
        box = torch.tensor([value])
        with _others():
            dist.all_reduce(box, dist.ReduceOp.MAX)
        return int(box.item())

    def total(self, values: Tensor) -> Tensor:
        """Return the sum of ``values`` over the processes."""
        if self.processes > 1:
            with _others():
                dist.all_reduce(values)
        return values

    def wrap(self, module: nn.Module, device: torch.device, *, partly: bool = False) -> nn.Module:
        """Return the module with gradients averaged over the processes.

        Args:
            module: on ``device``.
            device: of this process.
            partly: some of its weights may get no gradient in a step.
        """
        if self.processes == 1:
            return module
        ids = [device] if device.type == "cuda" else None
        return DistributedDataParallel(module, device_ids=ids, find_unused_parameters=partly)

    def synchronized(self, network: nn.Module, device: torch.device) -> nn.Module:
        """Return the network with batch norms that see the whole batch, where the device has such."""
        if self.processes == 1 or device.type != "cuda":
            return network
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        return converted


def accumulating(module: nn.Module, more: bool) -> AbstractContextManager[None]:
    """Return a context in which gradients of a wrapped module stay in this process, as long as ``more`` are to come."""
    wrapped = getattr(module, "_orig_mod", module)  # what torch.compile keeps of what it compiled
    if more and isinstance(wrapped, DistributedDataParallel):
        context: AbstractContextManager[None] = wrapped.no_sync()
        return context
    return nullcontext()


def launched() -> Group:
    """Return the place that ``torchrun`` gave this process; a group of one without it."""
    try:
        rank, processes = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        return Group(rank, processes, int(os.environ.get("LOCAL_RANK", "0")))
    except ValueError as error:
        raise UsageError(
            f"RANK, WORLD_SIZE and LOCAL_RANK must be numbers: {error}", hint="start several processes with torchrun"
        ) from error


@contextmanager
def joined(device: torch.device) -> Iterator[tuple[Group, torch.device]]:
    """Meet the other processes of the run, and yield the group and the device of this process.

    Raises:
        UsageError: there are more processes than GPUs on this machine.
    """
    group = launched()
    if group.processes == 1:
        yield group, device
        return
    if device.type == "cuda":
        if group.local >= torch.cuda.device_count():
            raise UsageError(
                f"process {group.local} of this machine has no GPU: there are {torch.cuda.device_count()}",
                hint="give torchrun as many processes as there are GPUs, or train on --device cpu",
            )
        device = torch.device("cuda", group.local)
        torch.cuda.set_device(device)
    # Flags and other small things go through gloo, so that no GPU has to wait for them.
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
    yield group, device
    # After an error the others may be waiting in the middle of something: they are left to torchrun, which ends them.
    dist.destroy_process_group()


@contextmanager
def _others() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise ColorcliError("another process of the run has stopped", hint="see what it said") from error
