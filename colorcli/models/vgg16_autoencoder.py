"""An autoencoder whose encoder is VGG16, trained for classification and frozen; only the decoder learns colour.

The encoder sees the gray picture as three equal channels and sums it up in 512 maps at 1/32 of its size. The decoder
climbs back by convolutions and twofold enlargements: 256, 128, x2, 64, x2, 32, x2, 16, x2, then ab. That is the plain
form, whose colours are as coarse as its bottom. With ``skips`` the decoder is also shown what enters VGG16's pools.

Published forms end with one more enlargement by repeating pixels. It is left out here: the tool's own upsampler does
that step better, and squared error against the mean of the four true pixels differs from the squared error against
each of them by a constant, so the training is the same.

    >>> net = build(vgg=4, width=2)
    >>> net(torch.full((1, 1, 64, 96), 50.0)).shape
    torch.Size([1, 2, 32, 48])
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorcli.color import lab
from colorcli.models._detect import Shapes, channels
from colorcli.models._frozen import HasFrozenParts
from colorcli.models._info import NetworkInfo
from colorcli.models.backbones.vgg import VGG16Features, normalize

INFO = NetworkInfo(
    output="ab",
    stride=2,
    multiple_of=32,
    minimum=32,
    precisions=("fp32", "bf16"),
    paper="Simonyan and Zisserman 2014 (VGG16); a decoder as in the field's course projects",
)

#: Lab units of a full output of the last layer's tanh.
SCALE = 128.0
#: Channels of the decoder's steps in units of ``width``, from 1/32 to 1/2 of the resolution.
STEPS = (8, 4, 2, 1)


class VGG16Autoencoder(HasFrozenParts):
    """L ``(B, 1, H, W)`` in 0..100, H and W multiples of 32, to ab ``(B, 2, H/2, W/2)`` in Lab units.

    The published weights go into ``encoder``: their ``features.*`` are ``encoder.features.*`` here.

    Args:
        vgg: channels of VGG16's first stage, 64 in the published network.
        width: channels of the decoder's last step; the ones before have 2, 4, 8 and 16 times that.
        skips: add projections of what enters VGG16's pools to the decoder's steps.
    """

    def __init__(self, vgg: int = 64, width: int = 16, skips: bool = False) -> None:
        super().__init__()
        self.encoder = VGG16Features(vgg)
        self.encoder.requires_grad_(False)
        channels = [width * step for step in STEPS]
        self.bottom = nn.Conv2d(self.encoder.channels[-1], 2 * channels[0], 3, padding=1)
        self.steps = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1)
            for before, after in zip([2 * channels[0], *channels[:-1]], channels, strict=True)
        )
        # What enters pools 5 to 2 has 1/16 to 1/2 of the resolution, which the four enlarged steps have too.
        self.skips = (
            nn.ModuleList(
                nn.Conv2d(seen, after, 1) for seen, after in zip(self.encoder.channels[:0:-1], channels, strict=True)
            )
            if skips
            else None
        )
        self.head = nn.Conv2d(channels[-1], 2, 3, padding=1)
        for module in (self.bottom, *self.steps):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.normal_(self.head.weight, std=0.01)

    def forward(self, L: Tensor) -> Tensor:
        """Return ab ``(B, 2, H/2, W/2)`` in Lab units for L ``(B, 1, H, W)`` in 0..100."""
        # The classifier was trained on sRGB values, so it is shown the gray values that L stands for.
        *maps, x = self.encoder.stages(normalize(lab.L_to_gray(L).expand(-1, 3, -1, -1)))
        x = F.relu(self.bottom(x))
        for number, step in enumerate(self.steps):
            # ReLU and repetition of pixels can change places; after the sum, the skip connection has its say.
            x = F.interpolate(step(x), scale_factor=2.0, mode="nearest")
            if self.skips is not None:
                x = x + self.skips[number](maps[4 - number])
            x = F.relu(x)
        return SCALE * torch.tanh(self.head(x))


def build(vgg: int = 64, width: int = 16, skips: bool = False) -> VGG16Autoencoder:
    """Return a network with random weights, its encoder's too; the sizes are those of :class:`VGG16Autoencoder`."""
    return VGG16Autoencoder(vgg, width, skips)


def detect(shapes: Shapes) -> dict[str, Any] | None:
    """Return what :func:`build` takes for a network of these shapes, None for another architecture's."""
    if not {"encoder.features.0.weight", "bottom.weight", "steps.3.weight"} <= shapes.keys():
        return None
    return {
        "vgg": channels(shapes, "encoder.features.0.weight"),
        "width": channels(shapes, "steps.3.weight"),
        "skips": "skips.0.weight" in shapes,
    }
