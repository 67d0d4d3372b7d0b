"""Peak signal-to-noise ratio of a and b, in dB: 10 log10(255² / MSE) per picture, mean over pictures.

255 is the width of the range -128..127 that 8-bit Lab gives a and b; the MSE is that of ``ab-mse``, per picture.
"""

from __future__ import annotations

import math

from torch import Tensor

from colorcli.metrics._batch import Batch
from colorcli.metrics._metric import Mean


class AbPSNR(Mean):
    """PSNR of ab, mean over pictures."""

    name = "psnr-ab"
    range = (0.0, float("inf"))
    higher_is_better = True
    unit = "dB"
    source = "definition: 10 log10(peak² / MSE), ab, peak 255"

    def values(self, batch: Batch) -> Tensor:
        """Return the PSNR of each picture."""
        error = (batch.ab_error.double() ** 2 / 2).mean((1, 2))
        return 20 * math.log10(255) - 10 * error.log10()


METRIC = AbPSNR
