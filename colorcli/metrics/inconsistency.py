"""Inconsistent colour: how much ab varies inside evenly light places, beyond the truth, in Lab units. 0 is best.

Places are windows of an eighth of the short side (at least 8 pixels), every half of that. Pixels within 6 of a strong
edge of L (10 within 3 pixels) are left out, where ``bleeding`` looks, and so is the border (``edge-pollution``). A
window counts if half its pixels are left and their L has a standard deviation of at most 4. The variance of ab (sum
over a and b) of the result less that of the truth, not below 0, is averaged over the windows of the set; the score is
its root. Blotches larger than a window, and those the truth has as well, are not seen. NaN if there is no such place.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from colorcli.metrics import _places
from colorcli.metrics._batch import Batch
from colorcli.metrics._metric import Metric, quotient

#: Greatest standard deviation of L, in Lab units, of an even place.
EVEN = 4.0


class Inconsistency(Metric):
    """Excess variation of ab inside even places."""

    name = "inconsistency"
    group = "failures"
    range = (0.0, float("inf"))
    higher_is_better = False
    unit = "Lab"
    source = "definition: root of the mean of max(0, var ab - true var ab) in L-homogeneous windows"
    over = "set"

    def statistics(self, batch: Batch) -> Tensor:
        """Return the sum of the excess variance, and the number of windows, ``(B, 2)``."""
        L, height, width = batch.truth.L, *batch.result.rgb.shape[-2:]
        side = max(8, min(height, width) // 8)
        if side > min(height, width):
            return torch.zeros(len(L), 2, dtype=torch.float64)
        keep = (_places.flat(L) & _places.inside(batch)).double()
        planes = torch.cat((L, batch.result.ab, batch.truth.ab), 1).double()
        moments = F.avg_pool2d(torch.cat((keep, planes * keep, planes**2 * keep), 1), side, side // 2)
        share = moments[:, :1]
        mean, square = (moments[:, 1:] / share.clamp_min(1e-9)).split_with_sizes([5, 5], 1)
        variance = square - mean**2
        even = (share[:, 0] >= 0.5) & (variance[:, 0] <= EVEN**2)
        excess = (variance[:, 1:3].sum(1) - variance[:, 3:].sum(1)).clamp_min(0) * even
        return torch.stack((excess.sum((1, 2)), even.double().sum((1, 2))), 1)

    def score(self, total: Tensor) -> float:
        """Return the root of the mean excess."""
        return float(quotient(total[0], total[1]) ** 0.5)


METRIC = Inconsistency
