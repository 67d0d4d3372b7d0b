"""Colour deficiency: how much chroma is missing, 0 none, 1 gray.

1 - (mean chroma of the result / that of the truth) per picture, not below 0, mean over pictures: too vivid a picture
does not make up for a dull one. Pictures whose truth is nearly gray (mean chroma below 2) are left out.
"""

from __future__ import annotations

import torch
from torch import Tensor

from colorcli.metrics._batch import Batch
from colorcli.metrics._metric import Mean

#: Mean chroma of the truth, in Lab units, below which there is nothing to miss.
LEAST = 2.0


class Deficiency(Mean):
    """Share of the truth's chroma that is missing, mean over pictures."""

    name = "deficiency"
    group = "failures"
    range = (0.0, 1.0)
    higher_is_better = False
    source = "definition: max(0, 1 - chroma / true chroma)"

    def values(self, batch: Batch) -> Tensor:
        """Return the missing share of each picture."""
        ours, truth = (pictures.chroma.mean((1, 2)) for pictures in (batch.result, batch.truth))
        missing = (1 - ours / truth.clamp_min(LEAST)).clamp_min(0)
        return torch.where(truth >= LEAST, missing, torch.nan)


METRIC = Deficiency
