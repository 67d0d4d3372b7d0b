"""CIEDE2000 colour difference that 95 per cent of all pixels stay below: the worst places, which a mean hides.

Pixels are counted in cells of 0.05, so the answer is exact to that.
"""

from __future__ import annotations

from torch import Tensor

from colorcli.metrics import _ciede2000
from colorcli.metrics._batch import Batch
from colorcli.metrics._metric import Metric
from colorcli.metrics.auc import count

#: Width of a cell, and their number: up to 150, beyond all differences inside sRGB.
CELL, CELLS = 0.05, 3000
SHARE = 0.95


class CIEDE2000P95(Metric):
    """CIEDE2000, 95th percentile of all pixels."""

    name = "ciede2000-p95"
    range = (0.0, CELL * CELLS)
    higher_is_better = False
    unit = "ΔE00"
    source = "CIE 142; Sharma et al. 2005, doi 10.1002/col.20070"
    over = "pixels"

    def statistics(self, batch: Batch) -> Tensor:
        """Return the number of pixels in each cell, ``(B, 3001)``; the first holds those without any difference."""
        return count((_ciede2000.of(batch) / CELL).ceil().clamp(0, CELLS).long(), CELLS + 1)

    def score(self, total: Tensor) -> float:
        """Return the percentile, by linear interpolation inside its cell."""
        reached = total.cumsum(0)
        wanted = SHARE * reached[-1]
        index = int((reached < wanted).sum())
        if index == 0:
            return 0.0
        below = reached[index - 1]
        return float(CELL * (index - 1 + (wanted - below) / (reached[index] - below)))


METRIC = CIEDE2000P95
