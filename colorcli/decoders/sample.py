"""A draw from the distribution: another plausible picture for every seed.

Drawing every pixel on its own gives confetti. Here all pixels of a picture share their randomness: one Gumbel-noise
value per bin, added to the logits of every pixel (the Gumbel-max trick: E. J. Gumbel 1954; Papandreou and Yuille 2011,
"Perturb-and-MAP random fields"). Equal evidence gets equal colour: all of a meadow is the same green, and the car may
be red or blue but not both.

The noise of neighbouring bins is correlated, so that a draw chooses among the hills of a distribution (reds, blues)
rather than among the single bins of a hill, and the arg-max is softened to a sharp mean. Over many seeds, colours far
from each other are therefore drawn as often as the distribution says; within a hill its middle is preferred.

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
TEMPERATURE = 0.5
#: Temperature of the softened arg-max over the perturbed logits; towards 0 it is an exact draw.
SOFTNESS = 0.7
#: Distance, in Lab units, over which the noise of bins is correlated (sigma of the Gaussian that smooths it).
CORRELATION = 15.0


def decode(logits: Tensor, L_small: Tensor, options: DecodeOptions) -> Tensor:
    """Draw a picture: ``(B, 313, h, w)`` to ab ``(B, 2, h, w)``, float32, Lab units.

    Differentiable (in the logits, for a fixed seed). ``L_small`` is not used; ``options.seed`` picks the draw.
    Raises ValueError on wrong shapes.
    """
    sharpened = scores(logits, L_small, options) / temperature(options, TEMPERATURE)
    perturbed = sharpened + gumbel(options.seed).to(sharpened.device)[:, None, None]
    return bins.expectation(torch.softmax(perturbed / SOFTNESS, 1))


def gumbel(seed: int) -> Tensor:
    """Return the noise of a seed, float32 ``(313,)`` on the CPU: each value standard Gumbel, near bins correlated."""
    # Drawn on the CPU whatever the device, so that a seed names the same picture everywhere.
    white = torch.randn(bins.Q, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    points = bins.centers().double()
    kernel = torch.exp(-torch.cdist(points, points).square() / (2 * CORRELATION**2))
    normal = (kernel / kernel.norm(dim=1, keepdim=True)) @ white  # unit variance, smooth over the ab plane
    uniform: Tensor = torch.special.ndtr(normal)
    noise: Tensor = -(-uniform.log()).log()
    return noise.float()
