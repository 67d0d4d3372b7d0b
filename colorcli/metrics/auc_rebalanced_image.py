"""Class-rebalanced AuC per picture: the weighted curve of each picture by itself, then their mean.

As ``auc-rebalanced`` with each picture counting alike, whatever its size and however rare its colours. The weights
follow the prior that is given, one for all pictures; without one, each picture's own colours, smoothed as for training.
"""

from __future__ import annotations

import torch
from torch import Tensor

from colorcli.color import bins, prior
from colorcli.metrics import auc
from colorcli.metrics.auc_rebalanced import AuCRebalanced


class AuCRebalancedImage(AuCRebalanced):
    """Area under the cumulative curve of ab error, rare true colours weighted up, mean over pictures.

    Args:
        frequency: prior ``(313,)`` that sums to 1, smoothed; None takes each picture's own.
        mix: lambda of the paper.
    """

    name = "auc-rebalanced-image"
    source = "Zhang et al. 2016, arXiv 1603.08511, sections 2.2 and 3.1, averaged over pictures"
    over = "pictures"

    def _count(self, error: Tensor, index: Tensor) -> Tensor:
        if self.weights is not None:
            weights = self.weights.to(index.device)[index]
        else:
            own = (prior.smooth(counts / counts.sum()) for counts in auc.count(index, bins.Q))
            rows = (prior.rebalancing(frequency, mix=self.mix) for frequency in own)
            weights = torch.stack([row[bin] for row, bin in zip(rows, index, strict=True)])
        counts = auc.count(auc.cells(error), auc.CELLS, weights.double())
        return counts / counts.sum(1, keepdim=True)

    def _weighted(self, total: Tensor) -> Tensor:
        return total


METRIC = AuCRebalancedImage
