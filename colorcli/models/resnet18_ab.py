"""Gray ResNet-18 with a deconvolution head that regresses ab (ColorNet, lukemelas 2018)."""

from __future__ import annotations

from typing import Any

from colorcli.models._detect import Shapes
from colorcli.models._info import NetworkInfo
from colorcli.models._resnet18 import MINIMUM, MULTIPLE_OF, PAPER, ResNet18Ab, sizes

INFO = NetworkInfo(
    output="ab",
    stride=2,
    multiple_of=MULTIPLE_OF,
    minimum=MINIMUM,
    precisions=("fp32", "bf16"),
    paper=PAPER,
)


def build(width: int = 64, *, fusion: bool = False) -> ResNet18Ab:
    """Return a network with random weights; the sizes are those of :class:`~colorcli.models._resnet18.Trunk`."""
    return ResNet18Ab(width, fusion=fusion)


def detect(shapes: Shapes) -> dict[str, Any] | None:
    """Return what :func:`build` takes for a network of these shapes, None for another architecture's."""
    return sizes(shapes) if "conv5.weight" in shapes else None
