"""The fully connected baseline for 32x32 pictures: 1024 gray values in, 3072 values of RGB out, one layer between.

Every output pixel sees every input pixel and nothing is shared, so it has to learn each place's colours anew; it
answers with soft mean colours and loses detail. It is here to be measured against.

A picture of another size is scaled to 32x32 on the way in, whatever its aspect ratio, and its ab is scaled back.

    >>> net = build()
    >>> net(torch.full((1, 1, 40, 60), 50.0)).shape
    torch.Size([1, 2, 40, 60])
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorcli.models._detect import Shapes, channels, count
from colorcli.models._info import NetworkInfo
from colorcli.models._rgb import PredictsRGB

#: Height and width of the pictures it is made for.
SIDE = 32

INFO = NetworkInfo(
    output="ab",
    also=("rgb",),
    gray="luma",
    stride=1,
    multiple_of=1,
    minimum=1,
    precisions=("fp32", "bf16"),
    paper="the fully connected baseline of the field's course projects on CIFAR-10 (Krizhevsky 2009)",
)


class CifarLinear(PredictsRGB):
    """L ``(B, 1, H, W)`` in 0..100, any size, to ab ``(B, 2, H, W)`` in Lab units, computed at 32x32.

    Args:
        hidden: widths of hidden layers with ReLU, if there are to be any.
    """

    def __init__(self, hidden: Sequence[int] = ()) -> None:
        super().__init__()
        widths = [SIDE * SIDE, *hidden, 3 * SIDE * SIDE]
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])  # in the end a sigmoid, not a ReLU

    def predict(self, gray: Tensor) -> Tensor:
        """Return RGB ``(B, 3, 32, 32)`` in 0..1 for gray values ``(B, 1, 32, 32)`` in 0..1."""
        out: Tensor = self.layers(gray.flatten(1) - 0.5)
        return torch.sigmoid(out).reshape(-1, 3, SIDE, SIDE)

    def forward_training(self, L: Tensor) -> dict[str, Tensor]:
        """Return ``"rgb"`` ``(B, 3, H, W)`` in 0..1 and ``"ab"`` ``(B, 2, H, W)`` for L ``(B, 1, H, W)``."""
        size = L.shape[-2:]
        if size == (SIDE, SIDE):
            return super().forward_training(L)
        seen = F.interpolate(L, (SIDE, SIDE), mode="bilinear", align_corners=False, antialias=True)
        small = super().forward_training(seen)
        return {name: F.interpolate(out, size, mode="bilinear", align_corners=False) for name, out in small.items()}


def build(hidden: Sequence[int] = ()) -> CifarLinear:
    """Return a network with random weights; ``hidden`` are the widths of its hidden layers, none in the baseline."""
    return CifarLinear(hidden)


def detect(shapes: Shapes) -> dict[str, Any] | None:
    """Return what :func:`build` takes for a network of these shapes, None for another architecture's."""
    if not all(re.fullmatch(r"layers\.\d+\.(weight|bias)", key) for key in shapes):
        return None
    layers = count(shapes, "layers.")
    return {"hidden": [channels(shapes, f"layers.{2 * index}.weight") for index in range(layers - 1)]}
