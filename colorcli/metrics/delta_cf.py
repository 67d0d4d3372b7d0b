"""Difference of colourfulness (``cf``) to the truth's: mean over pictures of |delta|.

A picture too dull and one too vivid do not cancel. Papers also print |delta of means|: ``delta-cf-means``.
"""

from __future__ import annotations

from torch import Tensor

from colorcli.metrics import _colourfulness
from colorcli.metrics._batch import Batch
from colorcli.metrics._metric import Mean


class DeltaCF(Mean):
    """|Difference of colourfulness|, mean over pictures."""

    name = "delta-cf"
    range = (0.0, float("inf"))
    higher_is_better = False
    source = "Hasler and Suesstrunk 2003, doi 10.1117/12.477378; mean of |delta|"

    def values(self, batch: Batch) -> Tensor:
        """Return the difference of each picture."""
        return (_colourfulness.of(batch) - _colourfulness.of(batch, truth=True)).abs()


METRIC = DeltaCF
