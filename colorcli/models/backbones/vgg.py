"""VGG16 (Simonyan and Zisserman 2014): its thirteen convolutions, and the classifier, with torchvision's key names.

>>> VGG16Features()(torch.zeros(1, 3, 64, 96)).shape
torch.Size([1, 512, 2, 3])
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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


class VGG16(VGG16Features):
    """Normalised RGB ``(B, 3, H, W)``, sides from 32, to class scores before softmax ``(B, classes)``.

    Args:
        classes: number of class scores.
        width: as of :class:`VGG16Features`.
        hidden: units of the two hidden layers, 4096 in the published network.
    """

    def __init__(self, classes: int = 1000, *, width: int = 64, hidden: int = 4096) -> None:
        super().__init__(width)
        sizes = (self.channels[-1] * 7 * 7, hidden, hidden, classes)
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(sizes):
            layers += [nn.Linear(before, after), nn.ReLU(inplace=True), nn.Dropout()]
        self.classifier = nn.Sequential(*layers[:-2])

    def forward(self, x: Tensor) -> Tensor:
        """Return class scores."""
        pooled = F.adaptive_avg_pool2d(super().forward(x), (7, 7))
        scores: Tensor = self.classifier(pooled.flatten(1))
        return scores


#: timm's names of the classifier's layers, whose first one it keeps as a 7 x 7 convolution.
_TIMM = {"pre_logits.fc1.": "classifier.0.", "pre_logits.fc2.": "classifier.3.", "head.fc.": "classifier.6."}


def torchvision_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state of timm's VGG16 under torchvision's names; one of torchvision comes back as it is."""
    renamed = {}
    for key, value in state.items():
        for theirs, ours in _TIMM.items():
            if key.startswith(theirs):
                key, value = key.replace(theirs, ours), value.flatten(1) if value.ndim == 4 else value
        renamed[key] = value
    return renamed
