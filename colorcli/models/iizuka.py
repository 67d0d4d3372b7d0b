"""Iizuka, Simo-Serra and Ishikawa 2016, "Let there be Color!" (ACM TOG 35(4)): two streams and a classifier.

The same low-level layers see the picture and a small square copy of it. From the copy comes a vector of global
features, which is tiled over the mid-level features of the picture and fused with them by a 1x1 convolution; a head
climbs back to 1/2 of the resolution. The global features also feed a classifier, whose loss teaches them what kind of
scene a picture shows. Any size and aspect ratio.

Layers are those of the paper; batch norm, after every layer but the last of each head, is placed before the ReLU. The
authors' weights (Torch7, CC BY-NC-SA 4.0) are not used. Their input is gray minus the mean of their data; here it is
lightness minus one half.
"""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, cat, nn
from torch.nn import functional as F

from colorcli.models._blocks import ConvNorm, fuse_all, he_init, quiet_head
from colorcli.models._detect import Shapes, channels
from colorcli.models._info import NetworkInfo

INFO = NetworkInfo(
    output="ab",
    stride=2,
    multiple_of=8,
    minimum=8,
    also=("classes",),
    precisions=("fp32", "bf16"),
    paper="Iizuka et al. 2016, doi 10.1145/2897824.2925974",
)


class _Dense(nn.Sequential):
    """Linear layer, batch norm, ReLU: ``(B, C)`` to ``(B, D)``."""

    FOLDS = (("0", "1"),)

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(nn.Linear(channels, out), nn.BatchNorm1d(out), nn.ReLU(inplace=True))


def _convolutions(channels: int, *layers: tuple[int, int]) -> nn.Sequential:
    """Return 3x3 convolutions, ``layers`` being their output channels and strides."""
    stack = nn.Sequential()
    for out, stride in layers:
        stack.append(ConvNorm(channels, out, 3, stride, bias=True))
        channels = out
    return stack


class Iizuka(nn.Module):
    """L ``(B, 1, H, W)`` in 0..100, H and W multiples of 8, to ab ``(B, 2, H/2, W/2)`` in Lab units.

    Training needs batches of two or more, for the batch norms of the global vector.

    Args:
        width: channels of the first layer; 64 is the paper's.
        classes: number of classes; the paper's Places has 205.
        whole: side of the square copy that the global features see, a multiple of 32.
    """

    def __init__(self, width: int = 64, *, classes: int = 205, whole: int = 224) -> None:
        super().__init__()
        if whole % 32 or whole < 32 or classes < 1:
            raise ValueError(f"whole must be a multiple of 32 and classes 1 or more, got {whole} and {classes}")
        w = width
        self.side = whole
        self.low = _convolutions(1, (w, 2), (2 * w, 1), (2 * w, 2), (4 * w, 1), (4 * w, 2), (8 * w, 1))
        self.mid = _convolutions(8 * w, (8 * w, 1), (4 * w, 1))
        self.whole = _convolutions(8 * w, (8 * w, 2), (8 * w, 1), (8 * w, 2), (8 * w, 1))
        self.scene = nn.Sequential(_Dense(8 * w * (whole // 32) ** 2, 16 * w), _Dense(16 * w, 8 * w))
        self.vector = _Dense(8 * w, 4 * w)
        self.fusion = ConvNorm(8 * w, 4 * w, 1, bias=True)
        self.color1 = _convolutions(4 * w, (2 * w, 1))
        self.color2 = _convolutions(2 * w, (w, 1), (w, 1))
        self.color3 = _convolutions(w, (w // 2, 1))
        self.head = nn.Conv2d(w // 2, 2, 3, 1, 1)
        scores = nn.Linear(4 * w, classes)
        self.classifier = nn.Sequential(_Dense(8 * w, 4 * w), scores)
        he_init(self)
        quiet_head(self.head)
        quiet_head(scores)

    def fuse(self) -> None:
        """Fold batch norms into the layers before them; for inference only, after the weights are loaded."""
        fuse_all(self)

    def _features(self, L: Tensor) -> tuple[Tensor, Tensor]:
        """Return the low-level features ``(B, 8w, H/8, W/8)`` and what the copy says of the scene ``(B, 8w)``."""
        x = L / 100 - 0.5
        low = self.low(x)
        small = low
        if L.shape[-2:] != (self.side, self.side):
            copy = F.interpolate(x, (self.side, self.side), mode="bilinear", align_corners=False, antialias=True)
            small = self.low(copy)
        return low, self.scene(self.whole(small).flatten(1))

    def _color(self, low: Tensor, scene: Tensor) -> Tensor:
        mid = self.mid(low)
        vector = self.vector(scene)[:, :, None, None].expand(-1, -1, *mid.shape[-2:])
        x = self.color1(self.fusion(cat((vector, mid), 1)))
        x = self.color2(F.interpolate(x, scale_factor=2.0))
        x = self.color3(F.interpolate(x, scale_factor=2.0))
        ab: Tensor = 100 * (2 * self.head(x).sigmoid() - 1)
        return ab

    def forward_training(self, L: Tensor) -> dict[str, Tensor]:
        """Return ``"ab"`` as :meth:`forward` does, and ``"classes"``, the class scores ``(B, classes)`` as logits."""
        low, scene = self._features(L)
        return {"ab": self._color(low, scene), "classes": self.classifier(scene)}

    def forward(self, L: Tensor) -> Tensor:
        """Return ab ``(B, 2, H/2, W/2)`` in Lab units, each from -100 to 100."""
        return self._color(*self._features(L))


def build(width: int = 64, *, classes: int = 205, whole: int = 224) -> Iizuka:
    """Return a network with random weights; the sizes are those of :class:`Iizuka`."""
    return Iizuka(width, classes=classes, whole=whole)


def detect(shapes: Shapes) -> dict[str, Any] | None:
    """Return what :func:`build` takes for a network of these shapes, None for another architecture's."""
    if not {"low.0.0.weight", "scene.0.0.weight", "classifier.1.weight"} <= shapes.keys():
        return None
    width = channels(shapes, "low.0.0.weight")
    places = shapes["scene.0.0.weight"][-1] // max(8 * width, 1)  # of the copy's last maps, at 1/32
    return {"width": width, "classes": channels(shapes, "classifier.1.weight"), "whole": 32 * math.isqrt(places)}
