"""The 313 ab bins of Zhang et al. 2016 ("Colorful Image Colorization", arXiv 1603.08511).

The ab plane is cut into squares of side 10; the 313 whose centres sRGB can nearly show are kept. The table is
generated from the range of b that each row of a keeps; its order (by a, then b) is that of the published
``pts_in_hull.npy``, so published 313-way heads fit.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

#: Number of bins.
Q = 313
#: Side of a bin in Lab units.
GRID = 10
#: First and last b of the bins of each row a = -90, -80, ..., 100.
_B_RANGES = (
    (50, 90), (20, 90), (0, 90), (-20, 90), (-30, 100), (-40, 100), (-50, 100), (-50, 100), (-60, 100), (-70, 100),
    (-80, 90), (-80, 90), (-90, 90), (-100, 90), (-100, 80), (-110, 80), (-110, 80), (-110, 70), (-110, 70), (-90, 0),
)  # fmt: skip


@cache
@torch.inference_mode(False)  # kept for good: if inference asks first, training must still be able to use it
def centers() -> Tensor:
    """Return the bin centres, ``(313, 2)`` float32 on the CPU, columns a and b in Lab units. Do not write to it."""
    rows = [
        (float(a), float(b))
        for a, (low, high) in zip(range(-90, 101, GRID), _B_RANGES, strict=True)
        for b in range(low, high + 1, GRID)
    ]
    return torch.tensor(rows)


def nearest(ab: Tensor) -> Tensor:
    """Return the index of the nearest bin of each pixel: ab ``(B, 2, H, W)`` to int64 ``(B, H, W)``."""
    indices, _ = soft_encode(ab, neighbours=1)
    return indices[:, 0]


# Pixels are looked up at a resolution of one Lab unit: exact nearest-centre searches over 313 bins would cost more
# than a training step of the network. The error is at most half a unit in a distribution of sigma 5.
_LOW, _HIGH = -128, 128


@cache
@torch.inference_mode(False)
def _encoding_table(neighbours: int, sigma: float) -> tuple[Tensor, Tensor]:
    axis = torch.arange(_LOW, _HIGH + 1, dtype=torch.float32)
    points = torch.cartesian_prod(axis, axis)
    distance, index = torch.cdist(points, centers()).topk(neighbours, largest=False)
    # Subtracting the smallest distance first keeps far-out colours, whose every weight would underflow, finite.
    exponent = -(distance**2 - distance[:, :1] ** 2) / (2 * sigma**2)
    return index, torch.softmax(exponent, 1)


def soft_encode(ab: Tensor, *, neighbours: int = 5, sigma: float = 5.0) -> tuple[Tensor, Tensor]:
    """Spread each pixel over its nearest bins with Gaussian weights (the paper's soft encoding: K = 5, sigma = 5).

    Args:
        ab: ``(B, 2, H, W)``, Lab units; values beyond +-128 count as +-128.
        neighbours: K, how many bins share a pixel.
        sigma: width of the Gaussian in Lab units.

    Returns:
        Bin indices, int64 ``(B, K, H, W)``, nearest first, and their weights, float32 ``(B, K, H, W)``, summing
        to 1 over K.
    """
    if ab.ndim != 4 or ab.shape[1] != 2:
        raise ValueError(f"ab must be (B, 2, H, W), got {tuple(ab.shape)}")
    index, weight = (table.to(ab.device) for table in _encoding_table(neighbours, sigma))
    a, b = ab.round().clamp(_LOW, _HIGH).long().unbind(1)
    cell = (a - _LOW) * (_HIGH - _LOW + 1) + (b - _LOW)
    return index[cell].movedim(-1, 1), weight[cell].movedim(-1, 1)


def expectation(probabilities: Tensor) -> Tensor:
    """Return the mean colour of distributions over the bins: ``(B, 313, H, W)`` to ab ``(B, 2, H, W)``."""
    weight = centers().to(probabilities).T[:, :, None, None]  # (2, 313, 1, 1)
    return torch.nn.functional.conv2d(probabilities, weight)
