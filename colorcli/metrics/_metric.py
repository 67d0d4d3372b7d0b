"""What all metrics have in common.

A metric turns each picture into a row of numbers that may be added (:meth:`Metric.statistics`), and the sum of such
rows into a score (:meth:`Metric.score`). Everything else follows: the batch size cannot matter, processes are merged
by adding, memory does not grow with the pictures, a single picture is scored from its own row, and a bootstrap
resamples rows.

A module of this package offers one metric as ``METRIC``, under its file name with hyphens. How `colorcli metric` finds,
makes and runs it stands in :mod:`colorcli.evaluation.runner`.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor

from colorcli.metrics._batch import Batch


class Metric(ABC):
    """Update with batches, merge, compute; NaN is the score of pictures on which the metric is not defined.

    Class attributes:
        name: as in the registry.
        range: least and greatest score.
        higher_is_better: None where neither is: colourfulness should be the truth's.
        unit: of the score, or empty.
        source: paper or definition.
        needs: ``"pair"`` (truth beside the result), ``"single"`` or ``"video"``.
        over: what the score averages: all ``"pixels"`` in one pot, the scores of ``"pictures"``, or neither, but
            compares sums over the ``"set"``.
        group: what it is asked for with: ``"standard"`` metrics are measured unless others are named, ``"failures"``,
            ``"network"`` (needs a network or an extra) and ``"video"`` ones when the group or the metric is named.
        place: ``"worker"``, where pictures are read, or ``"main"``: in the main process, which alone holds a network.
        by_rows: False for a metric whose statistics of single pictures are too large to be kept or resampled: it is
            updated in the main process, merges and computes, but has no score for one picture and no interval.
    """

    name: ClassVar[str]
    range: ClassVar[tuple[float, float]]
    higher_is_better: ClassVar[bool | None]
    unit: ClassVar[str] = ""
    source: ClassVar[str]
    needs: ClassVar[Literal["pair", "single", "video"]] = "pair"
    over: ClassVar[Literal["pixels", "pictures", "set"]] = "pictures"
    group: ClassVar[Literal["standard", "failures", "network", "video"]] = "standard"
    place: ClassVar[Literal["worker", "main"]] = "worker"
    by_rows: ClassVar[bool] = True

    def __init__(self) -> None:
        self.reset()

    @abstractmethod
    def statistics(self, batch: Batch) -> Tensor:
        """Return one row per picture, float64 ``(B, S)``; rows of different pictures may be added."""

    @abstractmethod
    def score(self, total: Tensor) -> float:
        """Return the score of a row or of a sum of rows, ``(S,)``; NaN where it is not defined."""

    def words(self) -> str:
        """Return what is to be said beside the score: networks, their weights, preprocessing; empty for nothing."""
        return ""

    def reset(self) -> None:
        """Forget all pictures."""
        self.pictures = 0
        self.total: Tensor | None = None

    def fresh(self) -> Self:
        """Return an empty metric of the same kind and options, which shares what is costly, such as a network.

        What ``reset`` sets is each metric's own, so it must set new objects, not empty old ones.
        """
        other = copy.copy(self)
        other.reset()
        return other

    def update(self, batch: Batch) -> None:
        """Add pictures."""
        self.add(self.statistics(batch))

    def add(self, rows: Tensor) -> None:
        """Add rows of :meth:`statistics`, ``(B, S)``."""
        if len(rows):
            total = rows.sum(0).double().cpu()
            self.total = total if self.total is None else self.total + total
            self.pictures += len(rows)

    def compute(self) -> float:
        """Return the score of all pictures.

        Raises:
            ValueError: no picture was added.
        """
        return self.score(self.sum())

    def sum(self) -> Tensor:
        """Return the sum of all rows, ``(S,)``; raises ValueError if no picture was added."""
        if self.total is None:
            raise ValueError(f"{self.name} needs at least one picture")
        return self.total

    def merge(self, other: Self) -> None:
        """Add what ``other``, of the same kind and options, has seen, perhaps in another process.

        Raises:
            TypeError: it is another metric.
        """
        if type(other) is not type(self):
            raise TypeError(f"{self.name} cannot be merged with {other.name}")
        if other.total is not None:
            self.total = other.total.clone() if self.total is None else self.total + other.total
            self.pictures += other.pictures


class Mean(Metric):
    """A metric that is the mean of one number per picture; pictures on which it is NaN are left out."""

    @abstractmethod
    def values(self, batch: Batch) -> Tensor:
        """Return one number per picture, ``(B,)``."""

    def statistics(self, batch: Batch) -> Tensor:
        """Return value and 1 per picture, or two zeros where the value is NaN."""
        values = self.values(batch).double()
        known = ~values.isnan()
        return torch.stack((values.nan_to_num(0.0, posinf=torch.inf, neginf=-torch.inf), known.double()), 1)

    def score(self, total: Tensor) -> float:
        """Return the mean."""
        return quotient(total[0], total[1])


class PixelMean(Metric):
    """A metric that is the mean of one number per pixel, over all pixels in one pot."""

    over = "pixels"

    @abstractmethod
    def values(self, batch: Batch) -> Tensor:
        """Return one number per pixel, ``(B, H, W)``."""

    def statistics(self, batch: Batch) -> Tensor:
        """Return sum and number of pixels."""
        values = self.values(batch).double().flatten(1)
        return torch.stack((values.sum(1), torch.full_like(values[:, 0], values.shape[1])), 1)

    def score(self, total: Tensor) -> float:
        """Return the mean."""
        return quotient(total[0], total[1])


def quotient(above: Tensor, below: Tensor) -> float:
    """Return a quotient of two scalars, NaN if the divisor is 0."""
    return float(above / below) if below != 0 else float("nan")
