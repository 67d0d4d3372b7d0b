"""Difference of colourfulness (``cf-abs``) to the truth's: mean over pictures of |delta|.

A picture too dull and one too vivid do not cancel. Papers also print |delta of means|: ``delta-cf-abs-means``.
"""

from __future__ import annotations

from torch import Tensor

from colorcli.metrics import _colourfulness
from colorcli.metrics._batch import Batch
from colorcli.metrics._metric import Mean


class DeltaCFAbs(Mean):
    """|Difference of colourfulness|, mean over pictures."""

    name = "delta-cf-abs"
    range = (0.0, float("inf"))
    higher_is_better = False
    source = "Hasler and Suesstrunk 2003 with |rg| and |yb|, as in DDColor's code; mean of |delta|"

    def values(self, batch: Batch) -> Tensor:
        """Return the difference of each picture."""
        return (_colourfulness.of(batch, absolute=True) - _colourfulness.of(batch, truth=True, absolute=True)).abs()


METRIC = DeltaCFAbs
