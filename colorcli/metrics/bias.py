"""Colour bias: how much of the truth's rare colours is lost, 0 nothing, 1 all.

Colours are counted in 24 sectors of hue, weighted by their chroma and shared between the two nearest sectors, as shares
of all chroma in the set; so neither a duller answer (``deficiency``) nor neutral pixels enter. The rare sectors are the
least frequent ones of the truth which together hold at most a quarter of its chroma. Coverage is the share of their
chroma that the result has too: sum of min(result, truth) over sum of truth; the score is 1 - coverage. A result without
any chroma covers nothing. Colours blurred at the edges of rare patches count as lost, too. NaN where the truth is gray
or spread so that no sector is rare.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from colorcli.metrics._batch import Batch, Pictures
from colorcli.metrics._metric import Metric
from colorcli.metrics.auc import count

SECTORS = 24
#: The rare sectors hold at most this share of the truth's chroma.
RARE = 0.25
#: Chroma below which a hue is noise, in Lab units.
NEUTRAL = 2.0


def hues(pictures: Pictures) -> Tensor:
    """Return the chroma in each sector of hue per picture, float64 ``(B, 24)``."""
    a, b = pictures.ab.unbind(1)
    place = (torch.atan2(b, a) / (2 * math.pi) * SECTORS) % SECTORS
    low = place.floor()
    part = (place - low).double()
    chroma = (pictures.chroma * (pictures.chroma >= NEUTRAL)).double()
    first = low.long() % SECTORS
    return count(first, SECTORS, chroma * (1 - part)) + count((first + 1) % SECTORS, SECTORS, chroma * part)


class Bias(Metric):
    """Share of the truth's rare hues that is lost, over the set."""

    name = "bias"
    group = "failures"
    range = (0.0, 1.0)
    higher_is_better = False
    source = "definition: 1 - coverage of the truth's rare hues"
    over = "set"

    def statistics(self, batch: Batch) -> Tensor:
        """Return the hues of results and truths, ``(B, 48)``."""
        return torch.cat((hues(batch.result), hues(batch.truth)), 1)

    def score(self, total: Tensor) -> float:
        """Return the lost share."""
        ours, truth = total.reshape(2, SECTORS)
        if truth.sum() == 0:
            return float("nan")
        ours, truth = ours / ours.sum().clamp_min(1e-9), truth / truth.sum()
        order = truth.argsort()
        rare = order[truth[order].cumsum(0) <= RARE]
        there = truth[rare].sum()
        if there < 1e-6:
            return float("nan")
        return float((1 - torch.minimum(ours[rare], truth[rare]).sum() / there).clamp(0, 1))


METRIC = Bias
