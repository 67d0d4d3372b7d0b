"""What FID and KID have in common: two sets of pictures, compared by the features of a network.

The backbone decides the number, so it stands beside the score. Results and truths are two sets here: which result
belongs to which truth does not enter, and a set needs many pictures (thousands for FID, which is biased for fewer
pictures than features; KID is not). There is no score of one picture and no bootstrap.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from pathlib import Path
from typing import Any, Self

from torch import Tensor, nn

from colorcli.errors import UsageError
from colorcli.metrics import _features
from colorcli.metrics._batch import Batch
from colorcli.metrics._metric import Metric


class Given(nn.Module):
    """Stands where torchmetrics wants a network: what it gets are features already."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.num_features = count

    def forward(self, features: Tensor) -> Tensor:
        """Return what it got."""
        return features


class Distribution(Metric):
    """A distance between the features of all results and those of all truths, by torchmetrics.

    Args:
        weights: a network's file, see :mod:`colorcli.metrics._features`; by default FID's own Inception.
        size: side of the network's input, for other networks than that.

    Raises:
        UsageError: a library of the extra ``metrics`` is missing, or the file.
        WeightsError: the weights are missing, or of no network that is known.
    """

    higher_is_better = False
    group = "network"
    place = "main"
    over = "set"
    by_rows = False

    def __init__(self, weights: Path | None = None, size: int = 224) -> None:
        if size < 32:
            raise UsageError(f"a network's size must be at least 32, got {size}")
        _features.require("torchmetrics")
        self.features = _features.load(weights, size)
        super().__init__()

    @abstractmethod
    def distance(self, count: int) -> Any:
        """Return torchmetrics' metric for ``count`` features of a picture."""

    def reset(self) -> None:
        """Forget all pictures."""
        super().reset()
        self._distance: Any = None

    def update(self, batch: Batch) -> None:
        """Add pictures to both sets."""
        rows = {False: self.features.scores(batch.result), True: self.features.scores(batch.truth)}
        if self._distance is None:
            self._distance = self.distance(rows[True].shape[1])
        for real, features in rows.items():
            self._distance.update(features.clone(), real=real)
        self.pictures += len(rows[True])

    def compute(self) -> float:
        """Return the distance; NaN for fewer than two pictures.

        Raises:
            ValueError: no picture was added.
        """
        if self._distance is None:
            raise ValueError(f"{self.name} needs at least one picture")
        self._distance._computed = None  # torchmetrics would give back what it found before a merge
        return self.found() if self.pictures > 1 else float("nan")

    def found(self) -> float:
        """Return what torchmetrics computes for two pictures or more."""
        return float(self._distance.compute())

    def merge(self, other: Self) -> None:
        """Add what ``other`` has seen; TypeError if it is another metric."""
        if type(other) is not type(self):
            raise TypeError(f"{self.name} cannot be merged with {other.name}")
        if other._distance is None:
            return
        if self._distance is None:
            self._distance = copy.deepcopy(other._distance)
        else:
            self._distance.merge_state(other._distance)
        self.pictures += other.pictures

    def words(self) -> str:
        """Return the network, its weights and preprocessing."""
        return f"features of {self.features.words()}"

    def statistics(self, batch: Batch) -> Tensor:
        """Raise TypeError: pictures have no rows here."""
        raise TypeError(f"{self.name} compares sets, and has no rows of single pictures")

    def score(self, total: Tensor) -> float:
        """Raise TypeError: pictures have no rows here."""
        raise TypeError(f"{self.name} compares sets, and has no rows of single pictures")
