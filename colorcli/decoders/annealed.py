"""The annealed mean (Zhang et al. 2016, section 2.3): sharpen the distribution, then take its mean.

Between the mean (temperature 1: consistent but dull) and the mode (temperature to 0: vivid but spotty).
"""

from __future__ import annotations

from torch import Tensor

from colorcli.color import bins
from colorcli.decoders._distribution import probabilities
from colorcli.decoders._options import DecodeOptions

#: Temperature when none is asked for: the paper's.
TEMPERATURE = 0.38


def decode(logits: Tensor, L_small: Tensor, options: DecodeOptions) -> Tensor:
    """Return the mean of ``softmax(logits / T)``: ``(B, 313, h, w)`` to ab ``(B, 2, h, w)``, float32, Lab units.

    Differentiable. ``L_small`` is not used. Raises ValueError on wrong shapes.
    """
    return bins.expectation(probabilities(logits, L_small, options, default_temperature=TEMPERATURE))
