"""What losses on whole pictures share: their unit, and the steps from pixel to pixel."""

from __future__ import annotations

from torch import Tensor

#: Lab units of one normalised unit of ab: sRGB reaches from about -108 to 98.
AB = 110.0


def normalized(picture: Tensor, scale: float | None = None) -> Tensor:
    """Return ab ``(B, 2, h, w)`` or RGB ``(B, 3, h, w)`` in float32, in units in which its range is about one.

    Args:
        picture: ab in Lab units, or RGB in 0..1.
        scale: what to divide by; None takes 110 for ab and 1 for RGB.

    Raises:
        ValueError: it has neither 2 nor 3 channels.
    """
    channels = picture.shape[1]
    if channels not in (2, 3):
        raise ValueError(f"expected ab or RGB (B, 2 or 3, h, w), got {tuple(picture.shape)}")
    return picture.float() / (scale or (AB if channels == 2 else 1.0))


def variation(picture: Tensor) -> Tensor:
    """Return the anisotropic total variation of ``(B, C, h, w)`` per pixel and channel, a scalar.

    That is the mean absolute difference of vertical neighbours plus that of horizontal ones. A picture one pixel high
    or wide has no neighbours that way, which adds nothing.
    """
    total = 0 * picture.sum()  # so that there is a gradient, of zeros, even without neighbours
    for axis in (-2, -1):
        if picture.shape[axis] > 1:
            total = total + picture.diff(dim=axis).abs().mean()
    return total
