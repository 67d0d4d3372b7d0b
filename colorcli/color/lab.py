"""sRGB, linear light and CIE L*a*b* (D65, 2 degree observer), on torch tensors.

This is the only place where colour spaces are converted; it agrees with scikit-image to 1e-3. Pictures are
``(..., 3, H, W)`` or, with ``(..., 3)`` colours, use :func:`torch.movedim` first. Everything is computed in the
dtype given; give float32 or wider.

The inverse does not clip: a colour outside sRGB comes back outside 0..1, so that the caller can bring it into gamut
(:mod:`colorcli.color.gamut`) rather than lose lightness by clipping.

Sources: IEC 61966-2-1 (the sRGB curve and primaries), CIE 15 (L*a*b*).
"""

from __future__ import annotations

import torch
from torch import Tensor

#: Linear sRGB to CIE XYZ (rows X, Y, Z), D65. The digits scikit-image uses, so that both agree closely.
RGB_TO_XYZ = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
#: The reference white (X, Y, Z), D65.
WHITE = (0.95047, 1.0, 1.08883)
#: CIE: below this value of f the cube root is replaced by its tangent.
DELTA = 6.0 / 29.0


def srgb_to_linear(rgb: Tensor) -> Tensor:
    """Undo the sRGB transfer curve. Any shape, 0..1 to 0..1."""
    return torch.where(rgb > 0.04045, ((rgb.clamp_min(0.0) + 0.055) / 1.055) ** 2.4, rgb / 12.92)


def linear_to_srgb(linear: Tensor) -> Tensor:
    """Apply the sRGB transfer curve. Any shape; values below 0 stay below 0, values above 1 stay above."""
    return torch.where(linear > 0.0031308, 1.055 * linear.clamp_min(1e-9) ** (1 / 2.4) - 0.055, 12.92 * linear)


def _f(t: Tensor) -> Tensor:
    return torch.where(t > DELTA**3, t.clamp_min(1e-9) ** (1 / 3), t / (3 * DELTA**2) + 4.0 / 29.0)


def _f_inverse(f: Tensor) -> Tensor:
    return torch.where(f > DELTA, f**3, 3 * DELTA**2 * (f - 4.0 / 29.0))


def _apply(matrix: Tensor, picture: Tensor) -> Tensor:
    return torch.einsum("ij,...jhw->...ihw", matrix, picture)


def linear_rgb_to_lab(linear: Tensor) -> Tensor:
    """Convert linear-light RGB ``(..., 3, H, W)`` in 0..1 to Lab ``(..., 3, H, W)``, L in 0..100."""
    scale = torch.tensor(WHITE, dtype=torch.float64)
    matrix = (torch.tensor(RGB_TO_XYZ, dtype=torch.float64) / scale[:, None]).to(linear)
    fx, fy, fz = _f(_apply(matrix, linear)).unbind(-3)
    return torch.stack((116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)), -3)


def lab_to_linear_rgb(lab: Tensor) -> Tensor:
    """Convert Lab ``(..., 3, H, W)`` to linear-light RGB ``(..., 3, H, W)``, not clipped."""
    L, a, b = lab.unbind(-3)
    fy = (L + 16) / 116
    f = torch.stack((fy + a / 500, fy, fy - b / 200), -3)
    scale = torch.tensor(WHITE, dtype=torch.float64)
    inverse = torch.linalg.inv(torch.tensor(RGB_TO_XYZ, dtype=torch.float64)) * scale[None, :]
    return _apply(inverse.to(lab), _f_inverse(f))


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """Convert sRGB ``(..., 3, H, W)`` in 0..1 to Lab ``(..., 3, H, W)``: L 0..100, a and b about -110..110."""
    return linear_rgb_to_lab(srgb_to_linear(rgb))


def lab_to_rgb(lab: Tensor) -> Tensor:
    """Convert Lab ``(..., 3, H, W)`` to sRGB ``(..., 3, H, W)``; in-gamut colours land in 0..1, others outside."""
    return linear_to_srgb(lab_to_linear_rgb(lab))


def gray_to_L(gray: Tensor) -> Tensor:
    """Return L (0..100) of neutral sRGB values ``gray`` (0..1), any shape: L of (v, v, v) needs no matrix."""
    return 116 * _f(srgb_to_linear(gray)) - 16


def luma(rgb: Tensor) -> Tensor:
    """Return 0.299 R + 0.587 G + 0.114 B of sRGB ``(..., 3, H, W)``: the gray ``(..., 1, H, W)`` of ITU-R BT.601.

    Cameras, film scanners and most programs make a picture gray in this way. Its lightness is not quite that of the
    colours, as the sum is one of encoded values, not of light.
    """
    red, green, blue = rgb.unbind(-3)
    return (0.299 * red + 0.587 * green + 0.114 * blue).unsqueeze(-3)


def L_to_gray(L: Tensor) -> Tensor:
    """Return the neutral sRGB value (0..1) of lightness ``L`` (0..100), any shape: the inverse of :func:`gray_to_L`."""
    return linear_to_srgb(_f_inverse((L + 16) / 116))
