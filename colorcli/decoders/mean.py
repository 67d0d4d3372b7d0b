"""The mean colour of the distribution: the least squared error, and the dullest picture."""

from __future__ import annotations

from torch import Tensor

from colorcli.color import bins
from colorcli.decoders._distribution import probabilities
from colorcli.decoders._options import DecodeOptions

#: Temperature when none is asked for: the distribution as the network gives it.
TEMPERATURE = 1.0


def decode(logits: Tensor, L_small: Tensor, options: DecodeOptions) -> Tensor:
    """Return the expectation over the bins: ``(B, 313, h, w)`` to ab ``(B, 2, h, w)``, float32, Lab units.

    Differentiable. ``L_small`` is not used. Raises ValueError on wrong shapes.
    """
    return bins.expectation(probabilities(logits, L_small, options, default_temperature=TEMPERATURE))
