"""The colours of a reference picture as a preference among the bins.

The histogram of the reference's ab multiplies the predicted distribution, as in the report on CNN and MRF
colorization (histogram transfer): a colour the reference has much of wins where the network is undecided, and hardly
anywhere else. Together with class rebalancing, which divides the training data's own frequencies out, this moves the
prior from the training data to the reference.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from colorcli.color import bins, lab, prior
from colorcli.errors import UsageError
from colorcli.media import photo

#: Side to which a reference is reduced: averages out grain and JPEG noise; a histogram needs no more.
_SIDE = 256
#: Share of a uniform distribution mixed in: colours the reference lacks become unlikely, not impossible.
FLOOR = 0.1


def read(path: Path) -> Tensor:
    """Return the log weights of the bins, float32 ``(Q,)`` with maximum 0, that the picture at ``path`` prefers.

    Raises:
        MediaError: the picture cannot be read.
        UsageError: it has no colour.
    """
    pixels = photo.read(path).pixels
    if pixels.ndim == 2:
        raise UsageError(f"palette {str(path)!r} is a gray picture", hint="give one that has the colours you want")
    return log_weights(pixels)


def log_weights(pixels: np.ndarray) -> Tensor:
    """Return log weights ``(Q,)`` from RGB pixels ``(H, W, 3)``, uint8 or uint16."""
    # Whole pixels are dropped before anything becomes float, so that a 100-megapixel reference stays cheap.
    step = max(min(pixels.shape[:2]) // (4 * _SIDE), 1)
    scale = float(np.iinfo(pixels.dtype).max)
    rgb = torch.from_numpy(pixels[::step, ::step].astype(np.float32) / scale).movedim(-1, 0)[None]
    factor = _SIDE / max(rgb.shape[-2:])
    if factor < 1:
        size = [max(round(side * factor), 1) for side in rgb.shape[-2:]]
        rgb = F.interpolate(rgb, size, mode="area")
    shares = prior.smooth(prior.histogram(lab.rgb_to_lab(rgb)[:, 1:]))
    mixed = (1 - FLOOR) * shares + FLOOR / bins.Q
    return (mixed / mixed.max()).log()
