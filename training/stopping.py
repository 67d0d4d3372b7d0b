"""Which measurement was the best, and when it is no longer worth going on."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from colorcli.errors import UsageError
from colorcli.registry import near_miss
from colorcli.training.recipe import Validation
from colorcli.training.task import Scores

#: Scores of which less is better; of all others more is.
LOWER = ("loss", "mse", "rmse", "lpips")


def metrics() -> list[str]:
    """Return the names a recipe's ``validation.metric`` can have."""
    return [entry.name for entry in dataclasses.fields(Scores)]


def check(options: Validation) -> None:
    """Raise a UsageError for a metric that is not measured."""
    if options.metric not in metrics():
        raise UsageError(f"unknown metric {options.metric!r}", hint=near_miss(options.metric, metrics()))


class Best:
    """The best score so far.

    Args:
        options: metric and patience.
    """

    def __init__(self, options: Validation) -> None:
        check(options)
        self.metric, self.patience = options.metric, options.patience
        self.forget()

    def forget(self) -> None:
        """Begin anew, as when other pictures are measured from now on."""
        self.value = math.inf if self.metric in LOWER else -math.inf
        self.since = 0

    def update(self, scores: Scores) -> bool:
        """Take a measurement into account; return whether it is the best."""
        value = float(getattr(scores, self.metric))
        better = value < self.value if self.metric in LOWER else value > self.value
        self.value, self.since = (value, 0) if better else (self.value, self.since + 1)
        return better

    @property
    def hopeless(self) -> bool:
        """Whether ``patience`` measurements passed without a new best."""
        return 0 < self.patience <= self.since

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"best": self.value, "since": self.since, "metric": self.metric}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint, unless it was of another metric."""
        if state.get("metric", "auc") == self.metric:
            self.value, self.since = float(state["best"]), int(state.get("since", 0))
