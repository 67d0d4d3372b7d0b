"""Kernel inception distance (Binkowski et al. 2018): the squared maximum mean discrepancy of features, cubic kernel.

Unbiased, so it is fair for small sets too, and may come out a little below 0 for sets that are alike. Mean over 100
random subsets of 1,000 pictures; up to 1,000 pictures, of all. Keeps the features of all pictures (8 KB each).
"""

from __future__ import annotations

import warnings
from typing import Any

import torch

from colorcli.metrics._distribution import Distribution, Given

SUBSETS = 100
LARGEST = 1000


class KID(Distribution):
    """Squared maximum mean discrepancy between the features of results and truths."""

    name = "kid"
    range = (float("-inf"), float("inf"))
    source = "Binkowski et al. 2018, through torchmetrics"

    def distance(self, count: int) -> Any:
        """Return torchmetrics' KID."""
        from torchmetrics.image.kid import KernelInceptionDistance

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it keeps all features, which is said above
            return KernelInceptionDistance(feature=Given(count), subsets=SUBSETS)

    def found(self) -> float:
        """Return the mean over the subsets, the same again for the same pictures."""
        self._distance.subset_size = min(LARGEST, self.pictures)
        self._distance.subsets = 1 if self.pictures <= LARGEST else SUBSETS
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            mean, _ = self._distance.compute()
        return float(mean)

    def words(self) -> str:
        """Return the network and the subsets."""
        return f"{super().words()}; {SUBSETS} subsets of {LARGEST} pictures, or one of all if there are no more"


METRIC = KID
