"""Colour leaking over the truth's own colour edges: share of the truth's crispness that is lost, 0 none, 1 all.

At pixels where the truth's ab steps by 10 or more within 2 pixels, whatever L does, away from the border: the colour
step between 3 pixels before and behind the edge over that between 6 before and behind, both along the truth's step and
summed over all pixels of the set; the score is 1 - result's / truth's. It forgives a blur of a pixel or two, which the
eye does not see, where ``bleeding`` does not. Less chroma alone does not move it. NaN as there.
"""

from __future__ import annotations

from torch import Tensor

from colorcli.metrics import _crispness, _places
from colorcli.metrics._batch import Batch, length
from colorcli.metrics._metric import Metric


class Leaking(Metric):
    """Crispness of colour lost at the truth's colour edges."""

    name = "leaking"
    group = "failures"
    range = (0.0, 1.0)
    higher_is_better = False
    source = "definition: 1 - (near / far step of ab across edges of ab) / the truth's"
    over = "set"

    def statistics(self, batch: Batch) -> Tensor:
        """Return near and far steps of result and truth, ``(B, 4)``."""
        margin = _crispness.margin(batch)

        def edge(axis: int) -> Tensor:
            return length(_places.across(batch.truth.ab, 1, steps=margin)[axis]) >= _crispness.STEP

        return _crispness.statistics(batch, 3, edge)

    def score(self, total: Tensor) -> float:
        """Return the lost share."""
        return _crispness.lost(total)


METRIC = Leaking
