"""CIEDE2000: the colour difference that follows the eye best (CIE 142, in the notation of Sharma et al. 2005)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from colorcli.metrics._batch import Batch


def _arc(degrees: float) -> float:
    return math.radians(degrees)


def difference(first: Tensor, second: Tensor) -> Tensor:
    """Return the difference of two Lab pictures ``(B, 3, H, W)``, any float dtype: ``(B, H, W)``, at least 0.

    kL = kC = kH = 1. The hue of a colour without chroma is taken as 0 and, as the paper asks, left out of the mean.
    """
    L1, a1, b1 = first.unbind(1)
    L2, a2, b2 = second.unbind(1)
    mean7 = ((torch.hypot(a1, b1) + torch.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * (mean7 / (mean7 + 25.0**7)).sqrt()
    a1, a2 = a1 * stretch, a2 * stretch
    C1, C2 = torch.hypot(a1, b1), torch.hypot(a2, b2)
    h1, h2 = (torch.atan2(b, a) % (2 * math.pi) for a, b in ((a1, b1), (a2, b2)))
    gray = C1 * C2 == 0

    turn = h2 - h1
    far = turn.abs() > math.pi  # the short way leads over 0
    short = torch.where(far, turn - 2 * math.pi * turn.sign(), turn).masked_fill(gray, 0)
    h_sum = h1 + h2
    over = torch.where(h_sum < 2 * math.pi, h_sum + 2 * math.pi, h_sum - 2 * math.pi)
    h = torch.where(gray, h_sum, torch.where(far, over, h_sum) / 2)

    dL, dC, dH = L2 - L1, C2 - C1, 2 * (C1 * C2).sqrt() * (short / 2).sin()
    C, L50 = (C1 + C2) / 2, ((L1 + L2) / 2 - 50) ** 2
    T = (
        1
        - 0.17 * (h - _arc(30)).cos()
        + 0.24 * (2 * h).cos()
        + 0.32 * (3 * h + _arc(6)).cos()
        - 0.20 * (4 * h - _arc(63)).cos()
    )
    C7 = C**7
    rotation = -2 * (C7 / (C7 + 25.0**7)).sqrt() * (2 * _arc(30) * (-(((h - _arc(275)) / _arc(25)) ** 2)).exp()).sin()
    dL = dL / (1 + 0.015 * L50 / (20 + L50).sqrt())
    dC = dC / (1 + 0.045 * C)
    dH = dH / (1 + 0.015 * C * T)
    return (dL**2 + dC**2 + dH**2 + rotation * dC * dH).clamp_min(0).sqrt()


def of(batch: Batch) -> Tensor:
    """Return the difference of result and truth per pixel, ``(B, H, W)``, computed once per batch."""
    return batch.once("ciede2000", lambda: difference(batch.result.lab, batch.truth.lab))
