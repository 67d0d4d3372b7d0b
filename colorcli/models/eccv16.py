"""The published network of Zhang et al. 2016 (github.com/richzhang/colorization, BSD-2-Clause), with its logits.

The published release was trained with class rebalancing and gives the annealed mean: its softmax is over logits that
already carry the factor 1/T (2.606 in the authors' Caffe files, a layer of its own there; the PyTorch file has no such
layer, so its last convolution has taken it in). ``forward`` takes the factor out, so that what it returns is the
distribution itself, which every decoder may sharpen as it likes: the annealed mean at temperature 1 / 2.606 = 0.3837
is the published answer, as far as the published colours of the bins are their centres.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional as F

from colorcli.color import bins
from colorcli.models._detect import Shapes, channels
from colorcli.models._info import NetworkInfo
from colorcli.models._zhang import AB_UNIT, MINIMUM, MULTIPLE_OF, STRIDE, Zhang

INFO = NetworkInfo(
    output="logits",
    stride=STRIDE,
    multiple_of=MULTIPLE_OF,
    minimum=MINIMUM,
    pipeline="zhang",
    heavy=True,
    paper="Zhang et al. 2016, arXiv 1603.08511",
    licence="BSD-2-Clause",
)
#: 1/T of the published annealed mean, part of the published weights.
SHARPENING = 2.606


class ECCV16(Zhang):
    """L ``(B, 1, H, W)`` in 0..100, H and W multiples of 8, to logits ``(B, 313, H/4, W/4)``.

    Attributes:
        colors: ``(2, 313, 1, 1)``, the published colour of each bin in units of 110.
    """

    colors: Tensor

    def __init__(self, width: int = 64) -> None:
        super().__init__("logits", width)
        self.register_buffer("colors", bins.centers().T[:, :, None, None] / AB_UNIT)

    def forward(self, L: Tensor) -> Tensor:
        """Return logits ``(B, 313, H/4, W/4)`` of the distribution, not sharpened."""
        return super().forward(L) / SHARPENING

    def answer(self, L: Tensor) -> Tensor:
        """Return ab ``(B, 2, H, W)`` in Lab units exactly as the published code does."""
        ab = F.conv2d((self(L) * SHARPENING).softmax(1), self.colors)
        return AB_UNIT * F.interpolate(ab, scale_factor=4, mode="bilinear", align_corners=False)


def build(width: int = 64) -> ECCV16:
    """Return a network with random weights; 64 is the published width."""
    return ECCV16(width)


def detect(shapes: Shapes) -> dict[str, Any] | None:
    """Return what :func:`build` takes for a network of these shapes, None for another architecture's."""
    if not {"model1.0.weight", "colors", "head.weight"} <= shapes.keys():
        return None
    return {"width": channels(shapes, "model1.0.weight")}
