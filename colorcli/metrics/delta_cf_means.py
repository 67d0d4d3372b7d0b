"""Difference of colourfulness (``cf``) to the truth's: |mean over results - mean over truths|.

Too dull and too vivid pictures cancel, so it is never above ``delta-cf``, which tells them apart.
"""

from __future__ import annotations

import torch
from torch import Tensor

from colorcli.metrics import _colourfulness
from colorcli.metrics._batch import Batch
from colorcli.metrics._metric import Metric


class DeltaCFMeans(Metric):
    """|Difference of the mean colourfulness of results and truths|."""

    name = "delta-cf-means"
    range = (0.0, float("inf"))
    higher_is_better = False
    source = "Hasler and Suesstrunk 2003, doi 10.1117/12.477378; |delta of means|"
    over = "set"

    def statistics(self, batch: Batch) -> Tensor:
        """Return signed difference and 1 per picture."""
        delta = _colourfulness.of(batch) - _colourfulness.of(batch, truth=True)
        return torch.stack((delta.double(), torch.ones_like(delta).double()), 1)

    def score(self, total: Tensor) -> float:
        """Return the size of the mean difference."""
        return float((total[0] / total[1]).abs())


METRIC = DeltaCFMeans
