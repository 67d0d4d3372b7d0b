"""ResNet-18 cut after its sixth child, with the deconvolution head of ColorNet, optionally fused with global features.

The network of "Automatic Image Colorization" (lukemelas, 2018): a gray ResNet-18 (conv1, bn1, relu, maxpool, layer1,
layer2; 128 channels at 1/8), then convolutions and nearest-neighbour enlargement back to 1/2, with the sigmoid of the
published layout before the last convolution. A distribution leaves the head at 1/4, as in its report (section 3.2).

The backbone sees the sRGB value of the gray picture, standardised like one channel of ImageNet: what published ResNet
weights, whose first convolution is summed over its channels, expect (:mod:`colorcli.weights.convert.resnet18`).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorcli.color import bins
from colorcli.color.lab import L_to_gray
from colorcli.models._blocks import ConvNorm, fuse_all, quiet_head
from colorcli.models._detect import Shapes, channels
from colorcli.models.backbones.resnet import resnet18

#: Facts the networks with this trunk share.
MULTIPLE_OF, MINIMUM = 8, 8
PAPER = "lukemelas 2018 (Automatic Image Colorization), He et al. 2015, Iizuka et al. 2016 (fusion)"
#: Mean and standard deviation of ImageNet, averaged over its three channels.
MEAN, STD = 0.449, 0.226
#: ab is learnt in this unit.
AB_UNIT = 110.0
#: Bins of one axis in the report's two heads: centres -120, -110, ..., 120.
AXIS = 25


class Trunk(nn.Module):
    """L ``(B, 1, H, W)`` in 0..100, H and W multiples of 8, to ``(B, width, H/4, W/4)``.

    Args:
        width: channels of ResNet-18's stem; 64 is the published size.
        fusion: whether the mid-level features are fused with global ones, the pooled output of the whole ResNet-18,
            by one layer over both (Iizuka et al. 2016). Written as a sum of two projections: the same map without
            tiling the vector over the picture.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, width: int = 64, *, fusion: bool = False) -> None:
        super().__init__()
        self.backbone = resnet18(in_channels=1, stages=4 if fusion else 2, width=width)
        # Part of the state, as another scale would be another network: ColorNet's is mean 0, std 1.
        self.register_buffer("mean", torch.tensor(MEAN))
        self.register_buffer("std", torch.tensor(STD))
        mid = 2 * width
        self.mid = ConvNorm(mid, mid, 1, act=False) if fusion else None
        self.whole = nn.Linear(8 * width, mid) if fusion else None
        self.conv1 = ConvNorm(mid, mid, bias=True)
        self.conv2 = ConvNorm(mid, width, bias=True)
        self.conv3 = nn.Conv2d(width, width, 3, 1, 1)

    def fuse(self) -> None:
        """Fold batch norms into convolutions; for inference only, after the weights are loaded."""
        fuse_all(self)

    def trunk(self, L: Tensor) -> Tensor:
        """Return the features at 1/4, after ReLU."""
        with torch.autocast(L.device.type, enabled=False):  # colour maths is in fp32
            gray = L_to_gray(L.float())
        maps = self.backbone.features((gray - self.mean) / self.std)
        x = maps[2]
        if self.mid is not None and self.whole is not None:
            x = F.relu(self.mid(x) + self.whole(maps[4].mean((2, 3)))[:, :, None, None])
        x = F.interpolate(self.conv1(x), scale_factor=2.0)
        return F.relu(self.conv3(self.conv2(x)), inplace=True)


class ResNet18Ab(Trunk):
    """L ``(B, 1, H, W)`` in 0..100, H and W multiples of 8, to ab ``(B, 2, H/2, W/2)`` in Lab units."""

    def __init__(self, width: int = 64, *, fusion: bool = False) -> None:
        super().__init__(width, fusion=fusion)
        self.conv4 = nn.Conv2d(width, width // 2, 3, 1, 1)
        self.conv5 = nn.Conv2d(width // 2, 2, 3, 1, 1)
        quiet_head(self.conv5)

    def forward(self, L: Tensor) -> Tensor:
        """Return ab ``(B, 2, H/2, W/2)`` in Lab units."""
        x = F.interpolate(self.trunk(L), scale_factor=2.0)
        ab: Tensor = AB_UNIT * self.conv5(self.conv4(x).sigmoid())
        return ab


class ResNet18Bins(Trunk):
    """L ``(B, 1, H, W)`` in 0..100, H and W multiples of 8, to logits ``(B, 313, H/4, W/4)``.

    Args:
        width: as in :class:`Trunk`.
        fusion: as in :class:`Trunk`.
        marginals: False for one score per joint bin. True for the report's two heads, 25 bins of a and 25 of b, taken
            as independent. Their joint log probabilities, at the 313 bins that sRGB can show, are the logits.
    """

    prior: Tensor
    a_index: Tensor
    b_index: Tensor

    def __init__(self, width: int = 64, *, fusion: bool = False, marginals: bool = False) -> None:
        super().__init__(width, fusion=fusion)
        self.marginals = marginals
        self.head = nn.Conv2d(width, 2 * AXIS if marginals else bins.Q, 1)
        # How often each bin occurs in the training data; decoding needs it to rebalance.
        self.register_buffer("prior", torch.full((bins.Q,), 1 / bins.Q))
        index = (bins.centers() / bins.GRID).round().long() + AXIS // 2
        self.register_buffer("a_index", index[:, 0].contiguous(), persistent=False)
        self.register_buffer("b_index", index[:, 1].contiguous(), persistent=False)
        quiet_head(self.head)

    def forward(self, L: Tensor) -> Tensor:
        """Return logits ``(B, 313, H/4, W/4)``.

        With two heads these are log p(a) + log p(b), not normalised over the 313 bins: minus the one at the true bin
        is the sum of both heads' cross entropies, which is the report's loss.
        """
        scores: Tensor = self.head(self.trunk(L))
        if not self.marginals:
            return scores
        log_a, log_b = scores[:, :AXIS].float().log_softmax(1), scores[:, AXIS:].float().log_softmax(1)
        return log_a[:, self.a_index] + log_b[:, self.b_index]


def sizes(shapes: Shapes) -> dict[str, Any] | None:
    """Return the sizes of a state of these shapes, None if it is none of :class:`Trunk`'s."""
    if not {"backbone.conv1.weight", "conv1.0.weight", "conv3.weight"} <= shapes.keys():
        return None
    return {"width": channels(shapes, "backbone.conv1.weight"), "fusion": "whole.weight" in shapes}
