"""Colourfulness, Hasler and Suesstrunk (2003): mean over pictures.

Of the result alone. 0 is gray, 33 "moderately", 59 "quite", 109 "extremely" colourful; best is the truth's.
"""

from __future__ import annotations

from torch import Tensor

from colorcli.metrics import _colourfulness
from colorcli.metrics._batch import Batch
from colorcli.metrics._metric import Mean


class CF(Mean):
    """Colourfulness, mean over pictures."""

    name = "cf"
    range = (0.0, float("inf"))
    higher_is_better = None
    source = "Hasler and Suesstrunk 2003, doi 10.1117/12.477378"
    needs = "single"

    def values(self, batch: Batch) -> Tensor:
        """Return the colourfulness of each picture."""
        return _colourfulness.of(batch)


METRIC = CF
