"""Colourfulness of Hasler and Suesstrunk (2003), as published and as peers compute it.

With rg = R - G and yb = (R + G) / 2 - B of 0..255 values, it is the standard deviation of (rg, yb) plus 0.3 times the
length of their mean. Many colorizers' code (DDColor's too) takes |rg| and |yb| before both: a picture of two opposite
colours then has no deviation at all.
"""

from __future__ import annotations

import torch
from torch import Tensor

from colorcli.metrics._batch import Batch, Pictures


def colourfulness(pictures: Pictures, *, absolute: bool = False) -> Tensor:
    """Return the colourfulness of each picture, ``(B,)``; ``absolute`` for the peers' variant."""
    red, green, blue = (255 * pictures.rgb).unbind(1)
    opponents = torch.stack((red - green, (red + green) / 2 - blue), 1).flatten(2)  # (B, 2, H W)
    if absolute:
        opponents = opponents.abs()
    mean = opponents.mean(2, keepdim=True)
    variance = (opponents - mean).square().mean(2)  # var() takes three times as long
    length: Tensor = mean.squeeze(2).norm(dim=1)
    return variance.sum(1).sqrt() + 0.3 * length


def of(batch: Batch, *, truth: bool = False, absolute: bool = False) -> Tensor:
    """Return :func:`colourfulness` of the results, or of the truths, computed once per batch."""
    pictures = batch.truth if truth else batch.result
    return pictures.once(f"colourfulness {absolute}", lambda: colourfulness(pictures, absolute=absolute))
