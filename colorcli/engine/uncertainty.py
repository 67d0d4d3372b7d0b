"""How sure a result is: a number per photo, 0 (sure) to 1, by which a person finds the doubtful ones."""

from __future__ import annotations

import math

import torch
from torch import Tensor

#: Spread of averaged runs, in Lab units, at which the uncertainty is 1 - 1/e.
SPREAD = 10.0


def of_distribution(logits: Tensor) -> float:
    """Return the mean entropy of the distributions of a picture's pixels, as a share of the highest there can be.

    It is the network's own doubt: neither temperature, rebalancing nor a palette takes part.

    Args:
        logits: ``(1, Q, h, w)``, finite.
    """
    p = torch.softmax(logits.float(), 1)
    return float(torch.special.entr(p).sum(1).mean()) / math.log(logits.shape[1])


def of_runs(ab: Tensor, weights: Tensor) -> float:
    """Return 1 - exp(-s / SPREAD), where s is how far runs that were averaged lie apart.

    s is the mean over the picture of the root of the weighted mean squared distance from the average, in Lab units.

    Args:
        ab: ``(R, 2, h, w)``, Lab units.
        weights: ``(R,)``, sum 1.
    """
    share = weights.to(ab)[:, None, None, None]
    mean = (ab * share).sum(0)
    variance = ((ab - mean).square() * share).sum((0, 1))
    return 1 - math.exp(-float(variance.sqrt().mean()) / SPREAD)
