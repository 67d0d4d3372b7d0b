"""A small CNN for 32x32 pictures: 3x3 convolutions at full resolution, and the gray input again at the last layer.

Batch norm follows each convolution but the last. That one is shown the features and, passed by everything, the gray
picture itself, so the features are free to say what colour there is and need not carry the detail. Convolutions only:
any size will do, though what it knows is what things look like at 32x32.

    >>> net = build(width=4, depth=3)
    >>> net(torch.full((1, 1, 20, 32), 50.0)).shape
    torch.Size([1, 2, 20, 32])
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from colorcli.models._blocks import ConvNorm, fuse_all
from colorcli.models._detect import Shapes, channels, count
from colorcli.models._info import NetworkInfo
from colorcli.models._rgb import PredictsRGB

INFO = NetworkInfo(
    output="ab",
    also=("rgb",),
    gray="luma",
    stride=1,
    multiple_of=1,
    minimum=1,
    precisions=("fp32", "bf16"),
    paper="the CNN of the field's course projects on CIFAR-10 (Krizhevsky 2009)",
)


class CifarCNN(PredictsRGB):
    """L ``(B, 1, H, W)`` in 0..100, any size, to ab ``(B, 2, H, W)`` in Lab units.

    Args:
        width: channels of the hidden layers.
        depth: hidden layers; a pixel's colour depends on the square of ``2 depth + 3`` pixels a side around it.
    """

    def __init__(self, width: int = 64, depth: int = 6) -> None:
        super().__init__()
        self.body = nn.Sequential(*(ConvNorm(width if n else 1, width) for n in range(depth)))
        self.head = nn.Conv2d(width + 1, 3, 3, padding=1)

    def fuse(self) -> None:
        """Fold batch norms into convolutions; for inference only, after the weights are loaded."""
        fuse_all(self)

    def predict(self, gray: Tensor) -> Tensor:
        """Return RGB ``(B, 3, H, W)`` in 0..1 for gray values ``(B, 1, H, W)`` in 0..1."""
        gray = gray - 0.5
        return torch.sigmoid(self.head(torch.cat((self.body(gray), gray), 1)))


def build(width: int = 64, depth: int = 6) -> CifarCNN:
    """Return a network with random weights; the sizes are those of :class:`CifarCNN`."""
    return CifarCNN(width, depth)


def detect(shapes: Shapes) -> dict[str, Any] | None:
    """Return what :func:`build` takes for a network of these shapes, None for another architecture's."""
    if "body.0.0.weight" not in shapes or channels(shapes, "head.weight") != 3:
        return None
    return {"width": channels(shapes, "body.0.0.weight"), "depth": count(shapes, "body.")}
