"""What metrics of clips have in common: frames come in order, in chunks; what counts is a row of numbers per clip.

A clip is one shot. ``begin()`` starts one, ``update()`` takes its next frames, as many at once as the caller likes:
chunks of a clip give the same score as the whole, and memory does not grow with the length. Everything else is as for
pictures (:mod:`colorcli.metrics._metric`), with clips in their place: the score of several is the mean of theirs,
however long each is, and processes that measured different clips merge.

Gray clips score best on all of these metrics, as nothing steadies colours like having none: read them beside ``cf``
or ``chroma``, and beside the score of the true clip, which moves, too.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from typing import Self

import torch
from torch import Tensor

from colorcli.metrics._batch import Batch
from colorcli.metrics._metric import Metric, quotient


class VideoMetric(Metric):
    """A metric that is the mean of one number per clip; clips on which it is NaN are left out.

    ``pictures`` counts clips that have ended; a batch is a run of frames of the clip that is open.
    """

    needs = "video"
    group = "video"
    range = (0.0, float("inf"))
    higher_is_better = False
    over = "pictures"

    @abstractmethod
    def start(self) -> None:
        """Forget the clip before: set all that is carried from chunk to chunk, with new objects."""

    @abstractmethod
    def see(self, batch: Batch) -> None:
        """Take the next frames, ``(T, 3, H, W)``, T at least 1."""

    @abstractmethod
    def value(self) -> float:
        """Return the score of the clip so far; NaN if it is too short."""

    def reset(self) -> None:
        """Forget all clips."""
        super().reset()
        self._size: tuple[int, ...] | None = None
        self.start()

    def begin(self) -> None:
        """Begin a clip; the one before, if any, has ended."""
        if self._size is not None:
            self.add(self._row()[None])
            self._size = None
            self.start()

    def update(self, batch: Batch) -> None:
        """Add the next frames of the clip.

        Raises:
            ValueError: they are of another size than those before.
        """
        size = tuple(batch.result.rgb.shape[-2:])
        if not len(batch.result.rgb):
            return
        if self._size not in (None, size):
            raise ValueError(f"frames of one clip must be of one size, got {self._size} and {size}")
        self._size = size
        self.see(batch)

    def statistics(self, batch: Batch) -> Tensor:
        """Return the row of a clip that is given whole, ``(1, 2)``: its score and 1, or two zeros where it is NaN."""
        alone = copy.copy(self)
        alone.reset()
        alone.update(batch)
        return alone._row()[None]

    def score(self, total: Tensor) -> float:
        """Return the mean."""
        return quotient(total[0], total[1])

    def sum(self) -> Tensor:
        """Return the sum of all rows, that of the clip which is open included; ValueError if there is none."""
        if self._size is None:
            return super().sum()
        return self._row() if self.total is None else self.total + self._row()

    def merge(self, other: Self) -> None:
        """Add the clips that ``other`` has seen; one that is open there counts as ended."""
        ended = copy.copy(other)
        ended.begin()
        super().merge(ended)

    def _row(self) -> Tensor:
        value = torch.tensor(self.value(), dtype=torch.float64)
        return torch.zeros(2, dtype=torch.float64) if value.isnan() else torch.stack((value, torch.ones_like(value)))
