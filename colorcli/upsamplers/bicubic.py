"""Bicubic interpolation of ab; the lightness has no say.

Equals ``torch.nn.functional.interpolate(mode="bicubic", align_corners=False)``.
"""

from __future__ import annotations

from torch import Tensor

from colorcli.upsamplers._rows import Rows
from colorcli.upsamplers._separable import Interpolated, Separable, cubic


def prepare(ab_small: Tensor, L_small: Tensor, size: tuple[int, int]) -> Rows:
    """Prepare rows of ab for a picture of ``size`` (H, W); see :class:`colorcli.upsamplers._rows.Rows`."""
    return Interpolated(Separable(ab_small, size, cubic))
