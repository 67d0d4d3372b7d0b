"""Likeness of structure: SSIM (Wang et al. 2004), or the difference of gradients.

Both ask that edges of colour lie where the truth has them, which a squared error per pixel hardly does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from colorcli.training.losses._pictures import normalized, variation

OUTPUT = ("ab", "rgb")
#: SSIM's window, its standard deviation, and the constants that keep its quotients finite.
WINDOW, SIGMA, K1, K2 = 11, 1.5, 0.01, 0.03


def build(
    prior: Tensor, *, form: Literal["ssim", "gradient"] = "ssim", scale: float | None = None
) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the loss.

    Args:
        prior: of the bins in the training data; not used.
        form: ``"ssim"``: 1 - SSIM, per channel, in a Gaussian window of 11 pixels (or what a smaller picture holds).
            ``"gradient"``: mean absolute difference of the steps from pixel to pixel, down and across.
        scale: that of the loss ``mse``.

    Returns:
        ``loss(picture, truth)``, both ``(B, C, h, w)``; 0 where they are equal.

    Raises:
        ValueError: no such form.
    """
    if form not in ("ssim", "gradient"):
        raise ValueError(f"form must be 'ssim' or 'gradient', got {form!r}")

    def loss(picture: Tensor, truth: Tensor) -> Tensor:
        picture, truth = normalized(picture, scale), normalized(truth, scale)
        if form == "gradient":
            return variation(picture - truth)
        # ab reaches from -1 to 1 in its units, RGB from 0 to 1.
        return 1 - ssim(picture, truth, span=2.0 if picture.shape[1] == 2 else 1.0)

    return loss


def ssim(first: Tensor, second: Tensor, *, span: float) -> Tensor:
    """Return the mean SSIM of two pictures ``(B, C, h, w)``, over channels and windows that lie inside them.

    Args:
        first: one picture.
        second: the other.
        span: from the lowest to the highest value there can be.
    """
    channels = first.shape[1]
    side = min(WINDOW, *first.shape[-2:])
    side -= 1 - side % 2  # odd, so that it has a centre
    offsets = torch.arange(side, device=first.device, dtype=torch.float32) - side // 2
    taps = torch.exp(-(offsets**2) / (2 * SIGMA**2))
    taps = taps / taps.sum()

    def mean(x: Tensor) -> Tensor:
        count = x.shape[1]
        x = F.conv2d(x, taps.reshape(1, 1, -1, 1).expand(count, -1, -1, -1), groups=count)
        return F.conv2d(x, taps.reshape(1, 1, 1, -1).expand(count, -1, -1, -1), groups=count)

    with torch.autocast(first.device.type, enabled=False):  # differences of squares: half precision would lose them
        first, second = first.float(), second.float()
        moments = mean(torch.cat((first, second, first**2, second**2, first * second), 1))
    m1, m2, s1, s2, s12 = (moments[:, n * channels : (n + 1) * channels] for n in range(5))
    c1, c2 = (K1 * span) ** 2, (K2 * span) ** 2
    alike = (2 * m1 * m2 + c1) / (m1**2 + m2**2 + c1)
    return (alike * (2 * (s12 - m1 * m2) + c2) / (s1 - m1**2 + s2 - m2**2 + c2)).mean()
