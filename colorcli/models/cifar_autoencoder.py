"""A convolutional autoencoder for 32x32 pictures: down to 4x4 by strides, back up by transposed convolutions.

Everything, detail too, has to come through the bottom; there are no skip connections. Convolutions only: any size
that is a multiple of 8 will do, though what it knows is what things look like at 32x32.

    >>> net = build(width=4)
    >>> net(torch.full((1, 1, 24, 32), 50.0)).shape
    torch.Size([1, 2, 24, 32])
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from colorcli.models._blocks import ConvNorm, fuse_all
from colorcli.models._detect import Shapes, channels
from colorcli.models._info import NetworkInfo
from colorcli.models._rgb import PredictsRGB

INFO = NetworkInfo(
    output="ab",
    also=("rgb",),
    gray="luma",
    stride=1,
    multiple_of=8,
    minimum=8,
    precisions=("fp32", "bf16"),
    paper="the convolutional autoencoder of the field's course projects on CIFAR-10 (Krizhevsky 2009)",
)


class CifarAutoencoder(PredictsRGB):
    """L ``(B, 1, H, W)`` in 0..100, H and W multiples of 8, to ab ``(B, 2, H, W)`` in Lab units.

    Args:
        width: channels at half the resolution; a quarter has twice, an eighth four times as many.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            ConvNorm(1, width, 3, 2), ConvNorm(width, 2 * width, 3, 2), ConvNorm(2 * width, 4 * width, 3, 2)
        )
        # Kernels of 4 for strides of 2: each pixel is made by equally many weights, or a chequered pattern shows.
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(4 * width, 2 * width, 4, 2, 1),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(width, 3, 4, 2, 1),
        )

    def fuse(self) -> None:
        """Fold batch norms into convolutions; for inference only, after the weights are loaded."""
        fuse_all(self)

    def predict(self, gray: Tensor) -> Tensor:
        """Return RGB ``(B, 3, H, W)`` in 0..1 for gray values ``(B, 1, H, W)`` in 0..1."""
        return torch.sigmoid(self.decoder(self.encoder(gray - 0.5)))


def build(width: int = 64) -> CifarAutoencoder:
    """Return a network with random weights; ``width`` is that of :class:`CifarAutoencoder`."""
    return CifarAutoencoder(width)


def detect(shapes: Shapes) -> dict[str, Any] | None:
    """Return what :func:`build` takes for a network of these shapes, None for another architecture's."""
    if not {"encoder.0.0.weight", "encoder.2.0.weight", "decoder.4.weight"} <= shapes.keys():
        return None
    return {"width": channels(shapes, "encoder.0.0.weight")}
