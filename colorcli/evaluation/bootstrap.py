"""The bootstrap (Efron 1979), one picture at a time: intervals without keeping a row for each picture.

A replicate draws n pictures of n with replacement; how often each one is drawn is multinomial, and a multinomial is a
chain of binomials. So each replicate needs to remember only how many draws it has left and the sum of rows it drew.

Intervals are percentiles. For distances that cannot be negative and are near 0, such as ``ab-histogram`` of the row
Random, the interval lies above the score: a replicate differs from the truth by chance, too.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from colorcli.metrics._metric import Metric

#: Share of replicates inside the interval.
CONFIDENCE = 0.95


class Draws:
    """How often each replicate draws the next picture.

    Args:
        replicates: N.
        pictures: n, how many will come.
        seed: of the draws.
    """

    def __init__(self, replicates: int, pictures: int, *, seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)
        self._left = np.full(replicates, pictures, np.int64)
        self._pictures = pictures

    def next(self) -> npt.NDArray[np.float64]:
        """Return the counts for the next picture, ``(N,)``."""
        if not self._pictures:
            raise ValueError("more pictures came than were announced")
        drawn = self._random.binomial(self._left, 1 / self._pictures)
        self._left -= drawn
        self._pictures -= 1
        return np.asarray(drawn, np.float64)


class Replicates:
    """Sums of one metric's rows, one for each replicate."""

    def __init__(self) -> None:
        self._sums: npt.NDArray[np.float64] | None = None

    def add(self, row: npt.NDArray[np.float64], counts: npt.NDArray[np.float64]) -> None:
        """Add a picture's row ``(S,)`` as often as each replicate drew it, ``(N,)``."""
        if self._sums is None:
            self._sums = np.zeros((len(counts), len(row)))
        drawn = counts.nonzero()[0]
        self._sums[drawn] += counts[drawn, None] * row

    def interval(self, metric: Metric) -> tuple[float, float]:
        """Return the percentiles between which 95 % of the replicates' scores lie; NaN without a defined score."""
        if self._sums is None:
            return math.nan, math.nan
        scores = np.array([_score(metric, torch.from_numpy(total)) for total in self._sums])
        scores = scores[~np.isnan(scores)]
        if not len(scores):
            return math.nan, math.nan
        tail = (1 - CONFIDENCE) / 2
        # Not interpolated: between a number and infinity (the PSNR of the truth) there is nothing.
        low, high = np.quantile(scores, (tail, 1 - tail), method="nearest")
        return float(low), float(high)


def _score(metric: Metric, total: Tensor) -> float:
    return metric.score(total)
