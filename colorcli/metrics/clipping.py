"""Saturation clipping: share of pixels whose colour is cut off at the limits of sRGB, 0 none, 1 all.

A pixel counts if one of its channels is at its limit (within half a step of 8 bits of 0 or 1) and its chroma is at
least 10 Lab units: black, white and grays are no colour. Of the result alone. Photographs clip, too, so the truth's own
share is the one to have; far more is a colorizer that oversaturates, or clips RGB and so changes lightness.
"""

from __future__ import annotations

from torch import Tensor

from colorcli.metrics._batch import Batch
from colorcli.metrics._metric import PixelMean

#: Least chroma of a colour, Lab units.
COLOUR = 10.0
#: Half a step of 8 bits: how close to its limit a channel is cut off.
CLOSE = 0.5 / 255


class Clipping(PixelMean):
    """Share of coloured pixels with a channel at its limit."""

    name = "clipping"
    range = (0.0, 1.0)
    higher_is_better = None
    source = "definition: share of pixels with a channel at 0 or 255 and chroma >= 10"
    needs = "single"

    def values(self, batch: Batch) -> Tensor:
        """Return 1 for each pixel that is clipped, 0 for others."""
        rgb = batch.result.rgb
        limit = ((rgb <= CLOSE) | (rgb >= 1 - CLOSE)).any(1)
        return (limit & (batch.result.chroma >= COLOUR)).float()


METRIC = Clipping
