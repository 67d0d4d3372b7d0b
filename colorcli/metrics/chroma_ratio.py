"""Mean chroma as a share of the truth's: 1 is as colourful, below 1 duller, 0 gray.

Of means over all pixels, so that a dull picture and a vivid one cancel; ``deficiency`` keeps them apart. NaN where the
truth is gray throughout.
"""

from __future__ import annotations

import torch
from torch import Tensor

from colorcli.metrics._batch import Batch
from colorcli.metrics._metric import Metric, quotient


class ChromaRatio(Metric):
    """Mean chroma of the results over that of the truths."""

    name = "chroma-ratio"
    range = (0.0, float("inf"))
    higher_is_better = None
    source = "definition: sum over pixels of ||ab|| / sum of ||truth||"
    over = "set"

    def statistics(self, batch: Batch) -> Tensor:
        """Return the sums of both chromas per picture."""
        return torch.stack([x.chroma.double().sum((1, 2)) for x in (batch.result, batch.truth)], 1)

    def score(self, total: Tensor) -> float:
        """Return their quotient."""
        return quotient(total[0], total[1])


METRIC = ChromaRatio
