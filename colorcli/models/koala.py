"""Deep Koalarization (Baldassarre, Morín and Rodés-Guirao 2017): encoder, what a classifier sees, fusion, decoder.

An encoder turns L into 256 maps at 1/8 of the resolution. A classifier, Inception-ResNet-v2, sums the whole picture up
in one vector, which is repeated at each of those places, joined to the maps and mixed in by a 1x1 convolution. The
decoder climbs back to ab. Convolutions only, so any size and aspect ratio will do.

The repetition is not carried out: a 1x1 convolution of maps and a repeated vector is the sum of a 1x1 convolution of
the maps and a linear layer of the vector, from the same weights. The published network ends with one more enlargement
by repeating pixels. It is left out here: the tool's own upsampler does that step better, and squared error against
the mean of the four true pixels differs from the squared error against each of them by a constant, so the training
is the same.

Padding is as in Keras: a 3x3 convolution of stride 2 on an even size pads nothing before and one pixel after.

    >>> net = build(width=8, backbone="own", features=16)
    >>> net(torch.full((1, 1, 64, 96), 50.0)).shape
    torch.Size([1, 2, 32, 48])
"""

from __future__ import annotations

import itertools
import math
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorcli.color import lab
from colorcli.models._blocks import ConvNorm, fuse_all
from colorcli.models._detect import Shapes, channels
from colorcli.models._frozen import HasFrozenParts
from colorcli.models._info import NetworkInfo
from colorcli.models.backbones.inception_resnet_v2 import MINIMUM, InceptionResNetV2

INFO = NetworkInfo(
    output="ab",
    stride=2,
    multiple_of=8,
    minimum=8,
    precisions=("fp32", "bf16"),
    paper="Baldassarre, Morín and Rodés-Guirao 2017, Deep Koalarization",
)

#: Lab units of a full output of the last layer's tanh.
SCALE = 127.0


class Same(nn.Conv2d):
    """A 3x3 convolution of even-sized pictures, padded as Keras does for ``padding="same"``; ReLU follows."""

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__(channels, out, 3, stride, padding=1 if stride == 1 else 0)
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")
        assert self.bias is not None
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, channels, H, W)`` to ``(B, out, H/stride, W/stride)``."""
        return F.relu(super().forward(x if self.stride == (1, 1) else F.pad(x, (0, 1, 0, 1))), inplace=True)


class OwnEmbedding(nn.Sequential):
    """A small classifier's body, trained along: gray values ``(B, 3, h, w)`` in -1..1 to ``(B, features)``."""

    def __init__(self, width: int, features: int) -> None:
        sizes = [3, *(width * factor for factor in (1, 2, 4, 8))]
        convs = [ConvNorm(before, after, 3, 2) for before, after in itertools.pairwise(sizes)]
        super().__init__(*convs, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(sizes[-1], features))


class Koala(HasFrozenParts):
    """L ``(B, 1, H, W)`` in 0..100, H and W multiples of 8, to ab ``(B, 2, H/2, W/2)`` in Lab units.

    Published weights of Inception-ResNet-v2 go into ``inception``, under their own keys.

    Args:
        width: channels of the encoder's first layer; 64 in the published network, the others in proportion.
        backbone: ``"inception-resnet-v2"``, which is not trained and should get published weights, or ``"own"``, a
            small one with random weights that is trained along.
        embedding: what of Inception-ResNet-v2 is fused: its ``"logits"``, as published, or its ``"pool"``, the 1536
            numbers the logits are made from.
        classes: of Inception-ResNet-v2: 1000 in timm's weights; 1001 in TensorFlow's, which the paper used.
        features: numbers of the own embedding.
        size: the classifier sees the picture scaled to the area of a square with this side, its aspect ratio kept,
            each side 75 pixels at least; 0 is the picture's own size. The paper pads to 299x299 with white instead.
    """

    def __init__(
        self,
        width: int = 64,
        backbone: Literal["inception-resnet-v2", "own"] = "inception-resnet-v2",
        embedding: Literal["logits", "pool"] = "logits",
        classes: int = 1000,
        features: int = 256,
        size: int = 299,
    ) -> None:
        super().__init__()
        if backbone not in ("inception-resnet-v2", "own") or embedding not in ("logits", "pool"):
            raise ValueError(f"no such backbone or embedding: {backbone!r}, {embedding!r}")
        self.size = size
        self.embedding = embedding
        self.inception = InceptionResNetV2(classes) if backbone != "own" else None
        self.own = OwnEmbedding(max(1, width // 2), features) if backbone == "own" else None
        if self.inception is not None:
            features = self.inception.features if embedding == "pool" else classes
            self.inception.requires_grad_(False)
        w1, w2, w4, w8 = width, 2 * width, 4 * width, 8 * width
        self.encoder = nn.Sequential(
            Same(1, w1, 2), Same(w1, w2), Same(w2, w2, 2), Same(w2, w4), Same(w4, w4, 2), Same(w4, w8), Same(w8, w8),
            Same(w8, w4),
        )  # fmt: skip
        self.fusion = nn.Conv2d(w4 + features, w4, 1)
        half = max(1, width // 2)
        self.decode8 = Same(w4, w2)
        self.decode4 = nn.Sequential(Same(w2, w1), Same(w1, w1))
        self.decode2 = Same(w1, half)
        self.head = nn.Conv2d(half, 2, 3, padding=1)
        nn.init.normal_(self.head.weight, std=0.01)

    def fuse(self) -> None:
        """Fold batch norms into convolutions; for inference only, after the weights are loaded."""
        fuse_all(self)

    def embed(self, L: Tensor) -> Tensor:
        """Return what the classifier says of pictures L ``(B, 1, H, W)``: ``(B, features)``."""
        # The classifier was trained on sRGB values, so it is shown the gray values that L stands for.
        x = self._fit(2 * lab.L_to_gray(L) - 1).expand(-1, 3, -1, -1)
        if self.inception is not None:
            return self.inception.pooled(x) if self.embedding == "pool" else self.inception(x)
        assert self.own is not None
        out: Tensor = self.own(x)
        return out

    def forward(self, L: Tensor) -> Tensor:
        """Return ab ``(B, 2, H/2, W/2)`` in Lab units for L ``(B, 1, H, W)`` in 0..100."""
        x = self.encoder(L / 50 - 1)
        channels = x.shape[1]
        for_maps, for_vector = self.fusion.weight[:, :channels], self.fusion.weight[:, channels:]
        whole = F.linear(self.embed(L), for_vector.flatten(1), self.fusion.bias)
        x = F.relu(F.conv2d(x, for_maps) + whole[:, :, None, None])
        x = self.decode4(_double(self.decode8(x)))
        x = self.head(self.decode2(_double(x)))
        return SCALE * torch.tanh(x)

    def _fit(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        scale = self.size / math.sqrt(height * width) if self.size else 1.0
        target = tuple(max(round(side * scale), MINIMUM) for side in (height, width))
        if target == (height, width):
            return x
        return F.interpolate(x, target, mode="bilinear", align_corners=False, antialias=True)


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def build(
    width: int = 64,
    backbone: Literal["inception-resnet-v2", "own"] = "inception-resnet-v2",
    embedding: Literal["logits", "pool"] = "logits",
    classes: int = 1000,
    features: int = 256,
    size: int = 299,
) -> Koala:
    """Return a network with random weights, the classifier's too; the sizes are those of :class:`Koala`."""
    return Koala(width, backbone, embedding, classes, features, size)


def detect(shapes: Shapes) -> dict[str, Any] | None:
    """Return what :func:`build` takes for a network of these shapes, None for another architecture's."""
    if not {"encoder.0.weight", "fusion.weight", "decode4.0.weight"} <= shapes.keys():
        return None
    width = channels(shapes, "encoder.0.weight")
    features = shapes["fusion.weight"][1] - 4 * width
    if "own.6.weight" in shapes:
        return {"width": width, "backbone": "own", "features": features}
    classes = channels(shapes, "inception.classif.weight")
    return {"width": width, "embedding": "logits" if features == classes else "pool", "classes": classes}
