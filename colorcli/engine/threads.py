"""How many of torch's own threads work on one thing.

A network or a strip that is split over all cores waits at every layer for the slowest of them; while other photos are
being decoded, merged and encoded on the same cores, it mostly waits (measured on 2 cores beside two writers: 20 ms of
network took 300). So photos, not pixels, are shared out: readers and writers run torch on one thread each, and the
network takes a quarter of the cores. A heavy network, which needs seconds where all the rest needs a tenth of one, has
them all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def only_one() -> None:
    """Keep torch to one thread in the calling thread; for threads that do this all their life."""
    torch.set_num_threads(1)


@contextmanager
def for_network(device: torch.device, *, heavy: bool = False) -> Iterator[None]:
    """Run a network on ``device``: on the CPU with a quarter of the cores, or with all if it is ``heavy``.

    The number is the same for one photo as for a folder of them, because it changes the last bits of the result.
    """
    if device.type != "cpu":
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(cores() if heavy else max(1, cores() // 4))
    try:
        yield
    finally:
        torch.set_num_threads(before)
