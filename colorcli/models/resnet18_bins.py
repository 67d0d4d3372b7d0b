"""Gray ResNet-18 with a deconvolution head that gives a distribution over ab bins, joint or as two marginals."""

from __future__ import annotations

from typing import Any

from colorcli.models._detect import Shapes, channels
from colorcli.models._info import NetworkInfo
from colorcli.models._resnet18 import AXIS, MINIMUM, MULTIPLE_OF, PAPER, ResNet18Bins, sizes

INFO = NetworkInfo(
    output="logits",
    stride=4,
    multiple_of=MULTIPLE_OF,
    minimum=MINIMUM,
    precisions=("fp32", "bf16"),
    paper=PAPER,
)


def build(width: int = 64, *, fusion: bool = False, marginals: bool = False) -> ResNet18Bins:
    """Return a network with random weights; sizes are those of :class:`~colorcli.models._resnet18.ResNet18Bins`."""
    return ResNet18Bins(width, fusion=fusion, marginals=marginals)


def detect(shapes: Shapes) -> dict[str, Any] | None:
    """Return what :func:`build` takes for a network of these shapes, None for another architecture's."""
    found = sizes(shapes) if "prior" in shapes else None
    return None if found is None else {**found, "marginals": channels(shapes, "head.weight") == 2 * AXIS}
