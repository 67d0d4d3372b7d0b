"""The trainer against the bare step: pictures per second of ``default`` as it trains, and of forward, loss, backward
and AdamW alone on a batch that lies ready in memory.

Both take turns, one step each, so that whatever else the machine does slows both; told are medians and the quickest.
The trainer's batches are made between its steps here, which costs more than the thread that makes them in a real run.
Measured per crop size of the recipe, and over the whole run by how many steps each size has.

python tests/bench/bench_training.py [--data ../shared/data/train-0000.tar] [--steps 30]
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from colorcli.engine.device import select
from colorcli.training import batches, recipe
from colorcli.training.data import load
from colorcli.training.learner import Learner
from colorcli.training.precision import training_dtype
from colorcli.training.sources import find
from colorcli.training.task import Task, outputs_of

PRIOR = torch.full((313,), 1 / 313)


def bare(made: recipe.Recipe, crops: batches.Crops, device: torch.device, autocast: torch.dtype) -> Callable[[], None]:
    """Return a step on one batch in memory: no crops, no augmentation, no average, no checks."""
    task = Task(made, PRIOR)
    network: nn.Module = task.network.to(device).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)
    batch = crops[0].to(device)
    L, ab = task.see(batch, 0)

    def step() -> None:
        with torch.autocast(device.type, autocast, enabled=autocast != torch.float32):
            outputs = outputs_of(network, L, task.info)
        optimizer.zero_grad(set_to_none=True)
        task.compare(outputs, batch, ab)["loss"].backward()
        optimizer.step()

    return step


def whole(made: recipe.Recipe, crops: batches.Crops, device: torch.device, dtype: torch.dtype) -> Callable[[], None]:
    """Return a step of the trainer: a new batch, and all that learning from it does."""
    learner = Learner(Task(made, PRIOR), made, device, dtype)
    numbers = itertools.count()

    def step() -> None:
        number = next(numbers)
        learner.learn(crops[number].to(device), number)

    return step


def timed(step: Callable[[], None], device: torch.device) -> float:
    """Return the seconds of a step."""
    start = time.perf_counter()
    step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def main() -> None:
    """Run and print a line per crop size, and one for all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/train-0000.tar"))
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--sizes", type=int, nargs="*", help="only these crop sizes")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    device = select(options.device)
    dtype = training_dtype("auto", device)
    made = recipe.load(options.recipe)
    pictures = load(find([options.data])[0], side=made.data.side, gray=made.data.gray)
    ends = [*(share for share, _ in made.data.sizes[1:]), 1.0]
    shares, medians, quickest = [], [], []
    for (begin, size), end in zip(made.data.sizes, ends, strict=True):
        if options.sizes and size not in options.sizes:
            continue
        one = dataclasses.replace(made, data=dataclasses.replace(made.data, sizes=((0.0, size),)))
        crops = batches.Crops(pictures, one)
        steps = bare(one, crops, device, dtype), whole(one, crops, device, dtype)
        times = np.array([[timed(step, device) for step in steps] for _ in range(options.steps + 2)])[2:]
        shares.append(end - begin)
        medians.append(np.median(times, 0))
        quickest.append(times.min(0))
        a, b = one.data.batch / medians[-1]
        sys.stdout.write(
            f"{size} x {size}: bare {a:.1f}/s, trainer {b:.1f}/s: {b / a:.1%}; of the quickest steps "
            f"{quickest[-1][0] / quickest[-1][1]:.1%}\n"
        )
        sys.stdout.flush()
    middle, best = (np.average(rows, 0, weights=shares) for rows in (medians, quickest))
    sys.stdout.write(
        f"{options.recipe} on {device} ({dtype}, {torch.get_num_threads()} threads): trainer "
        f"{middle[0] / middle[1]:.1%} of the bare step; of the quickest steps {best[0] / best[1]:.1%}\n"
    )


if __name__ == "__main__":
    main()
