"""Where the metrics of the five failures look: away from the border, across edges."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from colorcli.metrics._batch import Batch

#: Pixels from an edge at which both sides have come to rest; least step of L, in Lab units, that is a strong edge.
REACH, STRONG_L = 6, 10.0


def border(height: int, width: int) -> int:
    """Return how many pixels count as border: a twentieth of the short side, at least one."""
    return max(1, round(min(height, width) / 20))


def inside(batch: Batch) -> Tensor:
    """Return which pixels do not belong to the border, bool ``(H, W)``."""
    height, width = batch.result.rgb.shape[-2:]
    k = border(height, width)
    mask = torch.zeros(height, width, dtype=torch.bool, device=batch.result.rgb.device)
    mask[k : height - k, k : width - k] = True
    return mask


def across(picture: Tensor, distance: int, *, steps: int) -> tuple[Tensor, Tensor]:
    """Return picture(x + distance) - picture(x - distance), along the rows and along the columns.

    Args:
        picture: ``(B, C, H, W)``.
        distance: in pixels, at most ``steps``.
        steps: pixels left out at the border, so that different distances give the same shapes.

    Returns:
        Two tensors ``(B, C, H - 2 steps, W - 2 steps)``.
    """
    height, width = picture.shape[-2:]

    def shifted(dy: int, dx: int) -> Tensor:
        return picture[..., steps + dy : height - steps + dy, steps + dx : width - steps + dx]

    return shifted(0, distance) - shifted(0, -distance), shifted(distance, 0) - shifted(-distance, 0)


def flat(L: Tensor) -> Tensor:
    """Return which pixels have no strong edge of L within ``REACH``: ``(B, 1, H, W)`` to bool, same shape."""
    side = 3
    padded = F.pad(L, (1, 1, 1, 1), mode="replicate")
    span = F.max_pool2d(padded, side, 1) + F.max_pool2d(-padded, side, 1)
    return F.max_pool2d((span >= STRONG_L).float(), 2 * REACH + 1, 1, REACH) == 0
