"""The most probable bin of each pixel: as vivid as the distribution gets, in steps of a bin, and spotty."""

from __future__ import annotations

from torch import Tensor

from colorcli.color import bins
from colorcli.decoders._distribution import scores
from colorcli.decoders._options import DecodeOptions


def decode(logits: Tensor, L_small: Tensor, options: DecodeOptions) -> Tensor:
    """Return the centre of the arg-max bin: ``(B, 313, h, w)`` to ab ``(B, 2, h, w)``, float32, Lab units.

    Of equally probable bins the first counts. Not differentiable; neither ``L_small`` nor the temperature matters.
    Raises ValueError on wrong shapes.
    """
    best = scores(logits, L_small, options).argmax(1)  # (B, h, w)
    return bins.centers().to(logits.device)[best].movedim(-1, 1)
