"""Colour bleeding across strong edges of L: share of the truth's crispness that is lost there, 0 none, 1 all.

At pixels where L steps by 10 or more within 2 pixels and the truth's ab steps by 10 or more within 12, away from the
border: the colour step between the neighbours of the edge over that between 6 pixels before and behind it, both along
the truth's step and summed over all pixels of the set, is the crispness; the score is 1 - result's / truth's. Blur
lowers crispness, and so do colours moved off their edges; less chroma alone does not. NaN if the truth has no such
edge, or the result no colour steps that go the truth's way.
"""

from __future__ import annotations

from torch import Tensor

from colorcli.metrics import _crispness, _places
from colorcli.metrics._batch import Batch
from colorcli.metrics._metric import Metric


class Bleeding(Metric):
    """Crispness of colour lost at strong edges of L."""

    name = "bleeding"
    group = "failures"
    range = (0.0, 1.0)
    higher_is_better = False
    source = "definition: 1 - (near / far step of ab across edges of L) / the truth's"
    over = "set"

    def statistics(self, batch: Batch) -> Tensor:
        """Return near and far steps of result and truth, ``(B, 4)``."""
        margin = _crispness.margin(batch)

        def edge(axis: int) -> Tensor:
            return _places.across(batch.truth.L, 1, steps=margin)[axis][:, 0].abs() >= _places.STRONG_L

        return _crispness.statistics(batch, 1, edge)

    def score(self, total: Tensor) -> float:
        """Return the lost share."""
        return _crispness.lost(total)


METRIC = Bleeding
