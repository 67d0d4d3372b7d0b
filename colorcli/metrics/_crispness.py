"""How much of a colour step is made close to the edge: what bleeding and leaking compare with the truth.

At each edge pixel let D be the step of ab between ``REACH`` pixels before and behind it, and d that between a short
distance before and behind, taken along the truth's D. The crispness is the sum of d over that of D: near 1 for sharp
colours, less for blurred ones, near 0 for colours that are moved off the edge. Halving all chroma changes neither.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from colorcli.metrics import _places
from colorcli.metrics._batch import Batch
from colorcli.metrics._batch import length as lengths

#: Least colour step of the truth, in Lab units, at which there is something to bleed.
STEP = 10.0
#: Share of the truth's far steps below which the result has no colour that could bleed.
LEAST = 0.02


def margin(batch: Batch) -> int:
    """Return how many pixels at the border :func:`statistics` leaves out."""
    return _places.border(*batch.result.rgb.shape[-2:]) + _places.REACH


def statistics(batch: Batch, distance: int, edge: Callable[[int], Tensor]) -> Tensor:
    """Return near and far steps of the result, then of the truth, summed per picture: float64 ``(B, 4)``.

    Args:
        batch: results and truths.
        distance: the short distance, in pixels.
        edge: which pixels count, bool ``(B, h, w)``, for the rows (0) and the columns (1).
    """
    left_out = margin(batch)
    pictures = batch.result.ab, batch.truth.ab
    sums = torch.zeros(len(batch.result.rgb), 4, dtype=torch.float64)
    if min(batch.result.rgb.shape[-2:]) <= 2 * left_out:
        return sums
    steps = [_places.across(ab, far, steps=left_out) for ab in pictures for far in (distance, _places.REACH)]
    for axis in range(2):
        true = steps[3][axis]
        length = lengths(true)[:, None]
        direction = true / length.clamp_min(1e-6)
        counts = (length[:, 0] >= STEP) & edge(axis)
        for column, step in enumerate(steps):
            along = (step[axis] * direction).sum(1)
            sums[:, column] += (along * counts).double().sum((1, 2)).cpu()
    return sums


def lost(total: Tensor) -> float:
    """Return the share of the truth's crispness that the result lacks, 0..1; NaN without edges or far steps."""
    near, far, true_near, true_far = (float(step) for step in total)
    if true_near <= 0 or far < LEAST * true_far:
        return float("nan")
    return min(1.0, max(0.0, 1 - (near / far) / (true_near / true_far)))
