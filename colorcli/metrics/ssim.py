"""Structural similarity of RGB (Wang et al. 2004), mean over channels, windows and pictures.

Gaussian window of 11 pixels, sigma 1.5, values 0..1, windows that lie inside the picture only: what scikit-image gives
with ``gaussian_weights=True, use_sample_covariance=False``. Pictures of less than 11 pixels are left out.
"""

from __future__ import annotations

import torch
from torch import Tensor

from colorcli.metrics import _ssim
from colorcli.metrics._batch import Batch
from colorcli.metrics._metric import Mean


class SSIM(Mean):
    """SSIM of RGB, mean over pictures."""

    name = "ssim"
    range = (-1.0, 1.0)
    higher_is_better = True
    source = "Wang et al. 2004, doi 10.1109/TIP.2003.819861"

    def values(self, batch: Batch) -> Tensor:
        """Return the SSIM of each picture."""
        first, second = batch.result.rgb, batch.truth.rgb
        if min(first.shape[-2:]) < _ssim.WINDOW:
            return torch.full((len(first),), torch.nan)
        return batch.once("ssim", lambda: torch.stack(_ssim.similarity(first, second)))[0].mean(1)


METRIC = SSIM
