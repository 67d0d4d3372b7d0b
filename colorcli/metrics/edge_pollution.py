"""Edge pollution: how much larger the error of ab is at the border than inside, in Lab units. 0 is best.

Mean error of ab within k pixels of the border, k a twentieth of the short side, less the mean error inside: the signed
difference of each picture, its mean over pictures, and that not below 0. Networks that pad with zeros, and old prints
with frames, go wrong at the border; errors that are everywhere cancel.
"""

from __future__ import annotations

import torch
from torch import Tensor

from colorcli.metrics import _places
from colorcli.metrics._batch import Batch
from colorcli.metrics._metric import Mean


class EdgePollution(Mean):
    """Mean ab error at the border beyond that inside."""

    name = "edge-pollution"
    group = "failures"
    range = (0.0, float("inf"))
    higher_is_better = False
    unit = "Lab"
    source = "definition: max(0, ab error within H/20 of the border - ab error inside)"

    def values(self, batch: Batch) -> Tensor:
        """Return the signed difference of each picture; NaN for one that is all border."""
        inside = _places.inside(batch)
        if not inside.any():
            return torch.full((len(batch.result.rgb),), torch.nan)
        return batch.ab_error[:, ~inside].mean(1) - batch.ab_error[:, inside].mean(1)

    def score(self, total: Tensor) -> float:
        """Return the mean difference, not below 0."""
        mean = super().score(total)
        return mean if mean != mean else max(0.0, mean)


METRIC = EdgePollution
