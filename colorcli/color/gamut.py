"""Colours that sRGB cannot show are brought back by reducing chroma at fixed lightness and hue.

Clipping RGB instead would change L, which is the photo's own. For a colour (L, a, b) the question is for the largest
scale s in 0..1 with (L, s a, s b) inside sRGB. Seen from its gray axis sRGB is star-shaped in Lab, so there is one
crossing, and it is found by a bracketed secant search on how far the worst of the three channels lies outside.

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
_KNEE = 0.0031308  # of the sRGB curve
# Each probe lies where the secant says, moved this far towards the middle of the bracket. Both ends then keep
# closing in, where a plain secant would leave one behind.
_TO_THE_MIDDLE = 0.15


def _from_white_relative_xyz() -> Tensor:
    matrix = torch.tensor(RGB_TO_XYZ, dtype=torch.float64)
    inverse: Tensor = torch.linalg.inv(matrix / matrix.sum(1, keepdim=True))
    return inverse / inverse.sum(1, keepdim=True)


#: White-relative XYZ to linear RGB, float64 ``(3, 3)``; rows sum to 1. Do not write to it.
XYZ_TO_RGB = _from_white_relative_xyz()
_ROWS = XYZ_TO_RGB.tolist()


def root(Y: Tensor) -> Tensor:
    """Apply CIE's f: any shape, luminance 0..1 to fy = (L + 16) / 116."""
    return torch.where(Y > DELTA**3, Y.clamp_min(DELTA**3).pow(1 / 3), Y / TOE + 4.0 / 29.0)


def cube(f: Tensor, out: Tensor | None = None) -> Tensor:
    """Undo CIE's f: any shape, f to white-relative X, Y or Z; ``out`` is written to if given (not f itself).

    Below DELTA the cube is replaced by its tangent, so both branches are one expression without a choice per pixel.
    """
    above = f.clamp_min(DELTA)
    cubed = torch.pow(above, 3, out=out)
    return cubed.add_(torch.sub(f, above, out=above), alpha=TOE)


def encode(linear: Tensor) -> Tensor:
    """Apply the sRGB curve to linear light in 0..1, any shape; as ``lab.linear_to_srgb``, in a third of the time."""
    above = linear.clamp_min(_KNEE)
    curve = above.pow(1 / 2.4).mul_(1.055).sub_(0.055)
    return curve.add_(torch.sub(linear, above, out=above), alpha=12.92)


def to_linear(fy: Tensor, u: Tensor, v: Tensor, Y: Tensor | None = None) -> Tensor:
    """Convert fy, u and v (and Y, if it is known already), all ``(n,)``, to linear RGB ``(3, n)``, not clipped."""
    X, Z = cube(fy + u), cube(fy - v)
    Y = cube(fy) if Y is None else Y
    rgb = X.new_empty(3, *X.shape)
    for channel, (x, y, z) in zip(rgb, _ROWS, strict=True):
        torch.mul(Y, y, out=channel).add_(X, alpha=x).add_(Z, alpha=z)
    return rgb


def chroma_scale(fy: Tensor, u: Tensor, v: Tensor, *, slack: float = 1e-6, probes: int = 8) -> Tensor:
    """Return the largest scale of chroma that keeps each colour inside sRGB.

    Args:
        fy: (L + 16) / 116, ``(n,)`` float32 or wider, of an L in 0..100.
        u: a / 500, same shape.
        v: b / 200, same shape.
        slack: how far outside 0..1 a linear channel may come out.
        probes: places at which each colour is tried. With 4, linear channels are within 3e-5 of the limit; with 6,
            1e-6. Chroma, but for the oddest colours, comes within 0.01 of the largest possible.

    Returns:
        ``(n,)`` in 0..1. Colours inside keep 1.
    """
    Y = cube(fy)
    base = [Y * y - 0.5 for _, y, _ in _ROWS]

    def excess(scale: Tensor | None) -> Tensor:
        """Return how far the worst channel is outside, negative inside."""
        X = cube(fy + u if scale is None else torch.addcmul(fy, u, scale))
        Z = cube(fy - v if scale is None else torch.addcmul(fy, v, scale, value=-1))
        worst = None
        for start, (x, _, z) in zip(base, _ROWS, strict=True):
            distance = torch.add(start, X, alpha=x).add_(Z, alpha=z).abs_()
            worst = distance if worst is None else torch.maximum(worst, distance, out=worst)
        assert worst is not None
        return worst.sub_(0.5 + slack)

    inner, outer = torch.zeros_like(fy), torch.ones_like(fy)
    inner_excess, outer_excess = (Y - 0.5).abs_().sub_(0.5 + slack), excess(None)
    fits = outer_excess <= 0
    for _ in range(probes):
        share = _crossing(inner_excess, outer_excess).mul_(1 - 2 * _TO_THE_MIDDLE).add_(_TO_THE_MIDDLE)
        probe = torch.lerp(inner, outer, share)
        found = excess(probe)
        # Interpolation by 0 or 1 instead of torch.where, which is ten times slower.
        inside = torch.le(found, 0, out=share)
        outside = 1 - inside
        inner.lerp_(probe, inside)
        inner_excess.lerp_(found, inside)
        outer.lerp_(probe, outside)
        outer_excess.lerp_(found, outside)
    scale = torch.lerp(inner, outer, _crossing(inner_excess, outer_excess))
    return scale.masked_fill_(fits, 1)


def _crossing(inner: Tensor, outer: Tensor) -> Tensor:
    """Return where, from 0 to 1, the line from ``inner`` (at most 0) to ``outer`` crosses 0."""
    # The tiny constant only matters at black and white, where both ends may be 0.
    return inner / (inner - outer).sub_(1e-12)


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
