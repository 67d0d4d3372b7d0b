"""VGG16's thirteen convolutions (Simonyan and Zisserman 2014), with torchvision's and timm's key names.

>>> VGG16Features()(torch.zeros(1, 3, 64, 96)).shape
torch.Size([1, 512, 2, 3])
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from colorcli.models._blocks import he_init

#: Mean and standard deviation of ImageNet's RGB in 0..1, which torchvision's classifiers are trained with.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
#: Convolutions per stage; each stage ends with a 2x2 max pool.
DEPTHS = (2, 2, 3, 3, 3)


def normalize(rgb: Tensor) -> Tensor:
    """Map RGB ``(B, 3, H, W)`` in 0..1 to what ImageNet classifiers expect, same shape."""
    mean, std = (torch.tensor(values, device=rgb.device)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (rgb - mean) / std


class VGG16Features(nn.Module):
    """Normalised RGB ``(B, 3, H, W)``, sides from 32, to ``(B, 8 width, H/32, W/32)``; keys ``features.*``.

    Args:
        width: channels of the first stage, 64 in the published network; the others follow as 2, 4, 8 and 8 times that.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        #: Channels after each of the five stages.
        self.channels = tuple(width * factor for factor in (1, 2, 4, 8, 8))
        layers: list[nn.Module] = []
        before = 3
        for channels, depth in zip(self.channels, DEPTHS, strict=True):
            for _ in range(depth):
                layers += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU(inplace=True)]
                before = channels
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        he_init(self)  # or thirteen layers without norms would let random features fade away

    def forward(self, x: Tensor) -> Tensor:
        """Return the features after the last pool."""
        out: Tensor = self.features(x)
        return out

    def stages(self, x: Tensor) -> list[Tensor]:
        """Return what enters each of the five pools, at 1, 1/2, 1/4, 1/8 and 1/16 of the size, and pool 5's output."""
        maps = []
        for layer in self.features:
            if isinstance(layer, nn.MaxPool2d):
                maps.append(x)
            x = layer(x)
        return [*maps, x]
