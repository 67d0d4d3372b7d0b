"""The geometric median of the distribution: the ab with the least expected distance to the truth.

The mean answers to the squared error; the error that is reported in this field (AuC: how many pixels are within t of
the truth, averaged over t) is linear in the distance, and what minimises the expected distance is the geometric
median. It ignores how far away the unlikely colours lie, so it is also less gray than the mean.

Weiszfeld's iteration (E. Weiszfeld 1937): the mean of the bins weighted by p / distance, again and again.
"""

from __future__ import annotations

import torch
from torch import Tensor

from colorcli.color import bins
from colorcli.decoders._distribution import probabilities
from colorcli.decoders._options import DecodeOptions

#: Temperature when none is asked for: the distribution as the network gives it.
TEMPERATURE = 1.0
#: Distances are sqrt(d^2 + SOFTENING^2), in Lab units: a bin stands for a square of side 10, not for its centre, so
#: nothing is gained by landing on centres; and the iteration neither divides by 0 nor sticks to one.
SOFTENING = 4.0
#: Iterations: after these 99 % of the pixels of a picture are within 1 Lab unit of the median, most far nearer.
ITERATIONS = 6


def decode(logits: Tensor, L_small: Tensor, options: DecodeOptions) -> Tensor:
    """Return the geometric median: ``(B, 313, h, w)`` to ab ``(B, 2, h, w)``, float32, Lab units.

    Differentiable. ``L_small`` is not used. Raises ValueError on wrong shapes.
    """
    p = probabilities(logits, L_small, options, default_temperature=TEMPERATURE)
    return geometric_median(p.flatten(2)).reshape(p.shape[0], 2, *p.shape[2:])


def geometric_median(p: Tensor, *, iterations: int = ITERATIONS) -> Tensor:
    """Return the geometric medians of distributions over the bins: ``(B, 313, N)``, sum 1, to ab ``(B, 2, N)``."""
    centers = bins.centers().to(p)  # (Q, 2)
    ones = torch.ones_like(centers[:, :1])
    # |x - c|^2 + s^2 = [-2 c_a, -2 c_b, 1] . [x_a, x_b, |x|^2] + |c|^2 + s^2: one thin product instead of (Q, 2, N).
    to_distance = torch.cat((-2 * centers, ones), 1)
    offset = centers.square().sum(1, keepdim=True) + SOFTENING**2  # (Q, 1)
    to_sums = torch.cat((centers, ones), 1).T  # weighted sums of a, b and 1

    x = to_sums[:2] @ p  # start at the mean
    for _ in range(iterations):
        squared = to_distance @ torch.cat((x, x.square().sum(1, keepdim=True)), 1) + offset
        # The expanded square loses up to 1e-2 to cancellation; it is at least s^2 in exact arithmetic.
        weights = p * squared.clamp_min(SOFTENING**2).rsqrt()
        sums = to_sums @ weights
        x = sums[:, :2] / sums[:, 2:]
    return x
