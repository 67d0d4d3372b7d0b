"""A draw from the distribution: another plausible picture for every seed.

Drawing every pixel on its own gives confetti. Here all pixels of a picture share their randomness: one Gumbel-noise
value per bin, added to the logits of every pixel (the Gumbel-max trick: E. J. Gumbel 1954; Papandreou and Yuille 2011,
"Perturb-and-MAP random fields"). Over many seeds each pixel takes each of its bins as often as the distribution says,
while within a picture equal evidence gets equal colour: all of a meadow is the same green, and the car may be red or
blue but not both. The arg-max is softened to a sharp mean, so that a smooth change of the distribution is a smooth
change of colour instead of steps of a bin.

The same seed gives every picture the same noise, whatever its place in a batch and whatever its size.
"""

from __future__ import annotations

import torch
from torch import Tensor

from colorcli.color import bins
from colorcli.decoders._distribution import scores, temperature
from colorcli.decoders._options import DecodeOptions

#: Temperature of the distribution drawn from when none is asked for. At 1 the draws are fair, and too many pictures
#: get a colour that is possible but odd.
TEMPERATURE = 0.6
#: Temperature of the softened arg-max over the perturbed logits; towards 0 it is an exact draw.
SOFTNESS = 0.5


def decode(logits: Tensor, L_small: Tensor, options: DecodeOptions) -> Tensor:
    """Draw a picture: ``(B, 313, h, w)`` to ab ``(B, 2, h, w)``, float32, Lab units.

    Differentiable (in the logits, for a fixed seed). ``L_small`` is not used; ``options.seed`` picks the draw.
    Raises ValueError on wrong shapes.
    """
    sharpened = scores(logits, L_small, options) / temperature(options, TEMPERATURE)
    perturbed = sharpened + gumbel(options.seed).to(sharpened.device)[:, None, None]
    return bins.expectation(torch.softmax(perturbed / SOFTNESS, 1))


def gumbel(seed: int) -> Tensor:
    """Return the standard Gumbel noise of a seed, one value per bin: float32 ``(313,)`` on the CPU."""
    # Drawn on the CPU whatever the device, so that a seed names the same picture everywhere.
    exponential = torch.empty(bins.Q, dtype=torch.float64)
    exponential.exponential_(generator=torch.Generator().manual_seed(seed))
    return -exponential.log().float()
