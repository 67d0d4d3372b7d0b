"""Colourfulness, Hasler and Suesstrunk's with absolute values, as peers compute it: mean over pictures.

Of the result alone. 0 is gray, 33 "moderately", 59 "quite", 109 "extremely" colourful; best is the truth's.
"""

from __future__ import annotations

from torch import Tensor

from colorcli.metrics import _colourfulness
from colorcli.metrics._batch import Batch
from colorcli.metrics._metric import Mean


class CFAbs(Mean):
    """Colourfulness, mean over pictures."""

    name = "cf-abs"
    range = (0.0, float("inf"))
    higher_is_better = None
    source = "Hasler and Suesstrunk 2003 with |rg| and |yb|, as in DDColor's code"
    needs = "single"

    def values(self, batch: Batch) -> Tensor:
        """Return the colourfulness of each picture."""
        return _colourfulness.of(batch, absolute=True)


METRIC = CFAbs
