"""The structural similarity index and its contrast term, for ``ssim`` and ``ms-ssim``."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

#: Side and standard deviation of the Gaussian window; constants that keep the quotients finite.
WINDOW, SIGMA, K1, K2 = 11, 1.5, 0.01, 0.03


def _taps(like: Tensor) -> Tensor:
    offsets = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    taps = torch.exp(-(offsets**2) / (2 * SIGMA**2))
    return (taps / taps.sum()).to(like)


def similarity(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Return SSIM and its contrast-structure term, means over the windows that lie inside the pictures.

    Args:
        first: ``(B, C, H, W)`` in 0..1, both sides at least 11 pixels.
        second: the same.

    Returns:
        Two tensors ``(B, C)``.
    """
    channels = first.shape[1]
    moments = torch.cat((first, second, first**2, second**2, first * second), 1)
    # Grouped over channels: with planes as a batch of one channel, PyTorch's CPU convolution takes ten times as long.
    taps = _taps(first).reshape(1, 1, -1, 1).expand(5 * channels, -1, -1, -1)
    means = F.conv2d(F.conv2d(moments, taps, groups=5 * channels), taps.transpose(2, 3), groups=5 * channels)
    m1, m2, s1, s2, s12 = means.split_with_sizes([channels] * 5, 1)
    c1, c2 = K1**2, K2**2
    contrast = (2 * (s12 - m1 * m2) + c2) / (s1 - m1**2 + s2 - m2**2 + c2)
    light = (2 * m1 * m2 + c1) / (m1**2 + m2**2 + c1)
    return (light * contrast).mean((2, 3)), contrast.mean((2, 3))
