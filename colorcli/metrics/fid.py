"""Frechet inception distance (Heusel et al. 2017): two Gaussians fitted to the features of results and of truths.

Figures with other backbones, other weights or other resizing are other figures: see :mod:`colorcli.metrics._features`.
"""

from __future__ import annotations

from typing import Any

from colorcli.metrics._distribution import Distribution, Given


class FID(Distribution):
    """Frechet distance between the features of results and truths."""

    name = "fid"
    range = (0.0, float("inf"))
    source = "Heusel et al. 2017, through torchmetrics"

    def distance(self, count: int) -> Any:
        """Return torchmetrics' FID; memory goes by the features, not by the pictures."""
        from torchmetrics.image.fid import FrechetInceptionDistance

        return FrechetInceptionDistance(feature=Given(count))


METRIC = FID
