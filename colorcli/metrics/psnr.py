"""Peak signal-to-noise ratio of RGB, in dB: 10 log10(1 / MSE) per picture, mean over pictures.

The MSE runs over pixels and all three channels, of values in 0..1. Two equal pictures score infinity. Lightness counts,
so a colorizer that keeps the photo's own starts high; dull answers beat vivid ones. See ``psnr-ab`` for colour alone.
"""

from __future__ import annotations

from torch import Tensor

from colorcli.metrics._batch import Batch
from colorcli.metrics._metric import Mean


class PSNR(Mean):
    """PSNR of RGB, mean over pictures."""

    name = "psnr"
    range = (0.0, float("inf"))
    higher_is_better = True
    unit = "dB"
    source = "definition: 10 log10(peak² / MSE), RGB, peak 1"

    def values(self, batch: Batch) -> Tensor:
        """Return the PSNR of each picture."""
        error = (batch.result.rgb - batch.truth.rgb).double().square().mean((1, 2, 3))
        return -10 * error.log10()


METRIC = PSNR
