"""The learning rate over a run: linear warm-up, then a cosine to zero, steps down, or none of both."""

from __future__ import annotations

import math

from colorcli.errors import UsageError
from colorcli.registry import near_miss
from colorcli.training.recipe import Optimizer

SCHEDULES = ("cosine", "step", "constant")


def check(options: Optimizer) -> None:
    """Raise a UsageError for a schedule that does not exist."""
    if options.schedule not in SCHEDULES:
        raise UsageError(f"unknown schedule {options.schedule!r}", hint=near_miss(options.schedule, SCHEDULES))


def learning_rate(options: Optimizer, step: int) -> float:
    """Return the learning rate at ``step``: linear warm-up, then what ``options.schedule`` says."""
    if step < options.warmup:
        return options.lr * (step + 1) / options.warmup
    if options.schedule == "constant":
        return options.lr
    if options.schedule == "step":
        return options.lr * options.factor ** sum(step >= share * options.steps for share in options.drops)
    done = (step - options.warmup) / max(1, options.steps - options.warmup)
    return options.lr * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
