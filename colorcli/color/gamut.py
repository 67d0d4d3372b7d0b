"""Colours that sRGB cannot show are brought back by reducing chroma at fixed lightness and hue.

Clipping RGB instead would change L, which is the photo's own. For a colour (L, a, b) the question is for the largest
scale s in 0..1 with (L, s a, s b) inside sRGB. Along that line each linear channel is a smooth function of s (a cubic,
apart from CIE's linear toe), so Newton's method on the channel that is furthest out finds the boundary in a few steps.

The functions work on f, the scale of Lab before its affine map: fy = (L + 16) / 116, u = a / 500, v = b / 200, so
that fx = fy + u and fz = fy - v. They use the white point that sRGB's own primaries add up to, by which neutral means
R = G = B exactly; it differs from the rounded D65 of :mod:`colorcli.color.lab` by 7e-5 at most.
"""

from __future__ import annotations

import torch
from torch import Tensor

from colorcli.color.lab import DELTA, RGB_TO_XYZ

#: Slope of CIE's f inverse in its linear toe.
TOE = 3 * DELTA**2
_NEWTON_STEPS = 4
_BISECTION_STEPS = 16


def _from_white_relative_xyz() -> Tensor:
    matrix = torch.tensor(RGB_TO_XYZ, dtype=torch.float64)
    inverse = torch.linalg.inv(matrix / matrix.sum(1, keepdim=True))
    return inverse / inverse.sum(1, keepdim=True)


#: White-relative XYZ to linear RGB, float64 ``(3, 3)``; rows sum to 1. Do not write to it.
XYZ_TO_RGB = _from_white_relative_xyz()


def cube(f: Tensor, out: Tensor | None = None) -> Tensor:
    """Undo CIE's f: any shape, f to white-relative X, Y or Z; ``out`` is written to if given (not f itself).

    Below DELTA the cube is replaced by its tangent, so both branches are one expression without a choice per pixel.
    """
    above = f.clamp_min(DELTA)
    return torch.add(torch.pow(above, 3, out=out), f - above, alpha=TOE, out=out)


def root(Y: Tensor) -> Tensor:
    """Apply CIE's f: any shape, luminance 0..1 to fy = (L + 16) / 116."""
    return torch.where(Y > DELTA**3, Y.clamp_min(DELTA**3).pow(1 / 3), Y / TOE + 4.0 / 29.0)


def to_linear(fy: Tensor, u: Tensor, v: Tensor, Y: Tensor | None = None) -> Tensor:
    """Convert fy, u and v (and Y, if it is known already), all ``(n,)``, to linear RGB ``(3, n)``, not clipped."""
    X, Z = cube(fy + u), cube(fy - v)
    Y = cube(fy) if Y is None else Y
    return torch.stack([X * x + Y * y + Z * z for x, y, z in XYZ_TO_RGB.tolist()])


def chroma_scale(fy: Tensor, u: Tensor, v: Tensor, *, low: float = 1e-6, high: float = 1e-5) -> Tensor:
    """Return the largest scale of chroma that keeps each colour inside sRGB.

    Args:
        fy: (L + 16) / 116, ``(n,)`` float32 or wider; L is taken as 0..100.
        u: a / 500, same shape.
        v: b / 200, same shape.
        low: how far below 0 a linear channel may come out, a fraction of a code value of the output format.
        high: how far above 1.

    Returns:
        ``(n,)`` in 0..1. Colours inside keep 1.
    """
    scale = torch.ones_like(fy)
    rgb = to_linear(fy, u, v)
    pending = _outside(rgb, low, high)
    # Once per channel that may be the one that binds; nearly all are done after the first.
    for _ in range(3):
        if not len(pending):
            return scale
        part = scale[pending]
        args = fy[pending], u[pending] * part, v[pending] * part
        part = part * _newton(*args, rgb[:, pending])
        scale[pending] = part
        rgb = rgb.index_copy(1, pending, to_linear(fy[pending], u[pending] * part, v[pending] * part))
        pending = pending[_outside(rgb[:, pending], low, high)]
    if len(pending):
        scale[pending] = _bisect(fy[pending], u[pending], v[pending], low, high)
    return scale


def _outside(rgb: Tensor, low: float, high: float) -> Tensor:
    smallest, largest = rgb.amin(0), rgb.amax(0)
    return ((smallest < -low) | (largest > 1 + high)).nonzero().squeeze(1)


def _newton(fy: Tensor, u: Tensor, v: Tensor, rgb: Tensor) -> Tensor:
    """Return the scale that puts the channel furthest out onto its limit; ``rgb`` are the colours at scale 1."""
    Y = cube(fy)
    below, channel_below = rgb.min(0)
    above, channel_above = rgb.max(0)
    # Distances are compared relative to what the channel has to go from neutral: that predicts which limit is met
    # first on the way out, in the dark as in the light.
    is_below = below * (1 - Y) < (1 - above) * Y
    channel = torch.where(is_below, channel_below, channel_above)
    limit = (~is_below).to(fy)
    x, y, z = XYZ_TO_RGB.to(fy)[channel].unbind(1)
    rest = y * Y - limit
    end = torch.where(is_below, below, above - 1)
    scale = _secant(Y - limit, end)
    for _ in range(_NEWTON_STEPS):
        X, dX = _cube_and_slope(torch.addcmul(fy, u, scale))
        Z, dZ = _cube_and_slope(torch.addcmul(fy, v, scale, value=-1))
        value = rest + x * X + z * Z
        slope = x * dX * u - z * dZ * v
        scale = (scale - value / slope).nan_to_num(0.0).clamp_(0, 1)
    return scale


def _secant(start: Tensor, end: Tensor) -> Tensor:
    return (start / (start - end)).nan_to_num(0.0).clamp_(0, 1)


def _cube_and_slope(f: Tensor) -> tuple[Tensor, Tensor]:
    above = f.clamp_min(DELTA)
    square = above * above
    return torch.add(square * above, f - above, alpha=TOE), 3 * square


def _bisect(fy: Tensor, u: Tensor, v: Tensor, low: float, high: float) -> Tensor:
    inside, outside = torch.zeros_like(fy), torch.ones_like(fy)
    for _ in range(_BISECTION_STEPS):
        middle = (inside + outside) / 2
        rgb = to_linear(fy, u * middle, v * middle)
        fits = (rgb.amin(0) >= -low) & (rgb.amax(0) <= 1 + high)
        inside, outside = torch.where(fits, middle, inside), torch.where(fits, outside, middle)
    return inside


def reduce_chroma(lab: Tensor) -> Tensor:
    """Bring colours into sRGB at fixed lightness and hue.

    Args:
        lab: ``(..., 3, H, W)`` float32 or wider, L in 0..100.

    Returns:
        The same shape; ``lab_to_rgb`` of it lies in 0..1 but for 1e-4 (the two white points differ by that).
    """
    L, a, b = lab.unbind(-3)
    flat = [part.reshape(-1) for part in ((L.clamp(0, 100) + 16) / 116, a / 500, b / 200)]
    scale = chroma_scale(*flat).view_as(L)
    return torch.stack((L, a * scale, b * scale), -3)
