"""Distance of the ab histograms of results and truths: 0 if all colours occur as often, 1 if none is shared.

Half the sum of absolute differences (total variation) over the 313 bins, over all pixels of the set, after both were
smoothed with a Gaussian of 5 Lab units, so that a shift inside a bin's reach costs little. It asks which colours there
are, not where: an answer of one dull brown scores badly here though its AuC is good.
"""

from __future__ import annotations

import torch
from torch import Tensor

from colorcli.color import bins, prior
from colorcli.metrics._batch import Batch
from colorcli.metrics._metric import Metric
from colorcli.metrics.auc import count


class AbHistogram(Metric):
    """Total variation between the ab histograms of results and truths."""

    name = "ab-histogram"
    range = (0.0, 1.0)
    higher_is_better = False
    source = "definition: total variation of smoothed histograms over the bins of Zhang et al. 2016"
    over = "set"

    def statistics(self, batch: Batch) -> Tensor:
        """Return counts of the results' bins, then of the truths', ``(B, 626)``."""
        return torch.cat([count(pictures.bins, bins.Q) for pictures in (batch.result, batch.truth)], 1)

    def score(self, total: Tensor) -> float:
        """Return the distance."""
        ours, truth = (prior.smooth(counts / counts.sum()) for counts in total.reshape(2, bins.Q))
        return float((ours - truth).abs().sum() / 2)


METRIC = AbHistogram
