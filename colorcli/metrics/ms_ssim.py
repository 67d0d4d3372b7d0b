"""Multi-scale structural similarity of RGB (Wang, Simoncelli and Bovik 2003), mean over pictures.

Five scales, each half of the one before (2 x 2 means, an odd last row or column dropped), with the paper's weights. The
terms are means over channels and windows, negative ones counted as 0, as in torchmetrics (which lets windows of the
last scale reach beyond the border; none does here). Windows as in ``ssim``. The smallest scale must hold a window, so
pictures of less than 176 pixels are left out.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from colorcli.metrics import _ssim
from colorcli.metrics._batch import Batch
from colorcli.metrics._metric import Mean

#: Weight of each scale, finest first.
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


class MSSSIM(Mean):
    """MS-SSIM of RGB, mean over pictures."""

    name = "ms-ssim"
    range = (0.0, 1.0)
    higher_is_better = True
    source = "Wang et al. 2003, doi 10.1109/ACSSC.2003.1292216"

    def values(self, batch: Batch) -> Tensor:
        """Return the MS-SSIM of each picture."""
        first, second = batch.result.rgb, batch.truth.rgb
        if min(first.shape[-2:]) < _ssim.WINDOW << (len(WEIGHTS) - 1):
            return torch.full((len(first),), torch.nan)
        pair = first, second
        finest = batch.once("ssim", lambda: torch.stack(_ssim.similarity(*pair)))  # the same work as that of ssim
        product = torch.ones(len(first), device=first.device)
        for scale, weight in enumerate(WEIGHTS):
            if scale == 0:
                whole, contrast = finest
            else:
                first, second = F.avg_pool2d(first, 2), F.avg_pool2d(second, 2)
                whole, contrast = _ssim.similarity(first, second)
            term = (whole if scale == len(WEIGHTS) - 1 else contrast).mean(1)
            product = product * term.clamp_min(0) ** weight
        return product


METRIC = MSSSIM
