"""The boundary of sRGB in Lab as a table: how much chroma there is at a lightness and hue, looked up.

:func:`colorcli.color.gamut.chroma_scale` searches for the same and is exact; the table is six times faster and good
enough for 8-bit pictures: chroma comes out at most 0.3 short for 99 % of colours, and lightness within 0.2 even where
the remaining excess is clipped.

Hue is measured by v / (|u| + |v|) in each quadrant of the plane of u = a / 500 and v = b / 200. Along that coordinate
the reciprocal of the chroma of any straight edge is linear, and the sections of sRGB are polygons but for slightly
bent edges; so interpolating reciprocals is close along edges and on the safe side at corners.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from colorcli.color import gamut

# Steps of fy from L = 0 to L = 100, and of hue in a quadrant.
_LEVELS, _HUES = 256, 128
_BLACK = 16 / 116
_QUADRANT = _HUES + 1
_LEVEL = 4 * _QUADRANT


@cache
def _table() -> Tensor:
    """Return 1 / (|u| + |v|) on the boundary, by level, quadrant (u < 0, plus 2 if v < 0) and hue, flat float32."""
    fy = torch.linspace(_BLACK, 1, _LEVELS)
    hue = torch.linspace(0, 1, _QUADRANT)
    sign = torch.tensor([[1, 1], [-1, 1], [1, -1], [-1, -1]])
    u, v = sign[:, :1] * (1 - hue), sign[:, 1:] * hue  # (4, hues)
    level, u, v = (
        part.expand(_LEVELS, -1, -1).reshape(-1) for part in (fy[:, None, None].expand(-1, 4, _QUADRANT), u, v)
    )
    # |u| + |v| = 1 is outside at every lightness and hue. Black and white have no chroma: a finite reciprocal.
    # In parts, because small tensors start no threads.
    parts = zip(*(torch.split(part, 32000) for part in (level, u, v)), strict=True)
    inverse = torch.cat([gamut.chroma_scale(*part, probes=8) for part in parts]).clamp_min_(1e-6).reciprocal_()
    # The level after the last is read too, with a weight of zero.
    return torch.cat((inverse, inverse[-_LEVEL - 1 :]))


def chroma_scale(fy: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Return about the largest scale of chroma that keeps each colour inside sRGB.

    Args:
        fy: (L + 16) / 116, ``(n,)`` float32 on the CPU, of an L in 0..100.
        u: a / 500, same shape.
        v: b / 200, same shape.

    Returns:
        ``(n,)`` in 0..1.
    """
    hue = v.abs()
    size = u.abs().add_(hue).add_(1e-12)
    hue.div_(size).mul_(_HUES)
    level = (fy - _BLACK).mul_((_LEVELS - 1) / (1 - _BLACK))
    # The place in the table is put together in float32, which holds its quarter million entries exactly.
    # (By way of int32, because trunc and floor come from a library that starts threads at any size.)
    index = hue.to(torch.int32)
    place = index.to(torch.float32)
    hue.sub_(place)
    whole = index.copy_(level).to(torch.float32)
    level.sub_(whole)
    place.add_(whole, alpha=_LEVEL)
    place.add_(torch.lt(u, 0, out=whole), alpha=_QUADRANT)
    place.add_(torch.lt(v, 0, out=whole), alpha=2 * _QUADRANT)
    index.copy_(place)
    table = _table()
    lower, upper = (
        torch.lerp(table[skip:].index_select(0, index), table[skip + 1 :].index_select(0, index), hue).reciprocal_()
        for skip in (0, _LEVEL)
    )
    return lower.lerp_(upper, level).div_(size).clamp_(max=1)
