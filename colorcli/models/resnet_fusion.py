"""The default network: a gray ResNet-18-style encoder, fusion with global features, a head over 313 ab bins.

The encoder is ResNet-18 with one input channel and a last stage as wide as the third. Its bottom sees the whole
picture through average pooling; that vector is fused with the mid-level features the way Iizuka et al. 2016 do
(concatenation and a 1x1 convolution), written here as a sum of two projections, which is the same map without tiling
the vector over the picture. A decoder with skip connections climbs back to 1/4 of the resolution, where a 1x1
convolution gives one logit per bin (Zhang et al. 2016). While it is trained, a linear layer may also guess the class of
the picture from what its bottom sees, as in Iizuka et al.: what a picture shows says much about its colours.

    >>> net = build()
    >>> net(torch.full((1, 1, 64, 96), 50.0)).shape
    torch.Size([1, 313, 16, 24])
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorcli.color import bins
from colorcli.models._blocks import BasicBlock, ConvNorm, fuse_all, quiet_head
from colorcli.models._detect import Shapes, channels, count
from colorcli.models._info import NetworkInfo

INFO = NetworkInfo(
    output="logits",
    stride=4,
    multiple_of=32,
    minimum=32,
    also=("classes",),
    whole=True,
    precisions=("fp32", "bf16", "fp16"),
    paper="He et al. 2015 (encoder), Iizuka et al. 2016 (fusion), Zhang et al. 2016 (bins)",
)


class Up(nn.Module):
    """Enlarge twofold, add the projected skip connection, convolve: the decoder's one step."""

    def __init__(self, channels: int, skip: int, out: int) -> None:
        super().__init__()
        self.reduce = ConvNorm(channels, out, 1, act=False)
        self.skip = ConvNorm(skip, out, 1, act=False)
        self.block = BasicBlock(out, out)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Map x ``(B, channels, H, W)`` and skip ``(B, skip, 2H, 2W)`` to ``(B, out, 2H, 2W)``."""
        # The 1x1 convolution runs before the enlargement: the same result at a quarter of the cost.
        x = F.interpolate(self.reduce(x), scale_factor=2.0, mode="bilinear", align_corners=False)
        out: Tensor = self.block(F.relu(x + self.skip(skip)))
        return out


class ResNetFusion(nn.Module):
    """L ``(B, 1, H, W)`` in 0..100, H and W multiples of 32, to logits ``(B, 313, H/4, W/4)``.

    Args:
        width: channels of the first stage; the others follow as 2, 4 and 4 times that.
        blocks: residual blocks per stage.
        bottom: channels of the last stage, in units of ``width``.
        classes: of pictures, to be learnt along; one class, or none, leaves nothing to learn.
    """

    #: Children that only training has a use for, and the size that makes each: models are written without them.
    TRAINING_ONLY: ClassVar[dict[str, str]] = {"classifier": "classes"}
    prior: Tensor

    def __init__(self, width: int = 64, blocks: int = 2, bottom: int = 5, classes: int = 0) -> None:
        super().__init__()
        w1, w2, w3, w4 = width, 2 * width, 4 * width, bottom * width
        self.stem = nn.Sequential(ConvNorm(1, width // 2, 3, 2), ConvNorm(width // 2, w1, 3, 2))  # 1/4
        self.stage1 = self._stage(w1, w1, blocks, 1)  # 1/4
        self.stage2 = self._stage(w1, w2, blocks, 2)  # 1/8
        self.stage3 = self._stage(w2, w3, blocks, 2)  # 1/16
        self.stage4 = self._stage(w3, w4, blocks, 2)  # 1/32
        self.whole = nn.Sequential(nn.Linear(w4, w4), nn.ReLU(inplace=True), nn.Linear(w4, w3))
        self.mid = ConvNorm(w4, w3, 1, act=False)
        self.up3 = Up(w3, w3, w3)
        self.up2 = Up(w3, w2, w2)
        self.up1 = Up(w2, w1, w2)
        self.head = nn.Conv2d(w2, bins.Q, 1)
        self.classifier = nn.Linear(w4, classes) if classes > 1 else None
        # How often each bin occurs in the training data; decoding needs it to rebalance.
        self.register_buffer("prior", torch.full((bins.Q,), 1 / bins.Q))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        quiet_head(self.head)
        if self.classifier is not None:
            quiet_head(self.classifier)

    @staticmethod
    def _stage(channels: int, out: int, blocks: int, stride: int) -> nn.Sequential:
        return nn.Sequential(BasicBlock(channels, out, stride), *(BasicBlock(out, out) for _ in range(blocks - 1)))

    def fuse(self) -> None:
        """Fold batch norms into convolutions; for inference only, after the weights are loaded."""
        fuse_all(self)

    def _encode(self, L: Tensor) -> list[Tensor]:
        """Return the features of L ``(B, 1, H, W)`` at 1/4, 1/8, 1/16 and 1/32."""
        x1 = self.stage1(self.stem(L / 50 - 1))
        x2 = self.stage2(x1)
        x3 = self.stage3(x2)
        return [x1, x2, x3, self.stage4(x3)]

    def _decode(self, maps: list[Tensor], summary: Tensor) -> Tensor:
        """Return the logits for what :meth:`_encode` gave and a summary ``(B, bottom * width)``."""
        x1, x2, x3, x4 = maps
        x = F.relu(self.mid(x4) + self.whole(summary)[:, :, None, None])
        x = self.up3(x, x3)
        x = self.up2(x, x2)
        logits: Tensor = self.head(self.up1(x, x1))
        return logits

    def summary(self, L: Tensor) -> Tensor:
        """Return what L ``(B, 1, H, W)`` shows as a whole, ``(B, bottom * width)``: its features' mean at 1/32."""
        return self._encode(L)[3].mean((2, 3))

    def forward_training(self, L: Tensor) -> dict[str, Tensor]:
        """Return ``"logits"`` as :meth:`forward` does and, if classes are learnt, their scores ``(B, classes)``."""
        maps = self._encode(L)
        summary = maps[3].mean((2, 3))
        logits = self._decode(maps, summary)
        return {"logits": logits} | ({"classes": self.classifier(summary)} if self.classifier is not None else {})

    def forward(self, L: Tensor, summary: Tensor | None = None) -> Tensor:
        """Return logits ``(B, 313, H/4, W/4)`` for L ``(B, 1, H, W)`` in 0..100.

        Args:
            L: the lightness.
            summary: of the picture, by :meth:`summary`, if L is not of the size it should be summed up at.
        """
        maps = self._encode(L)
        return self._decode(maps, maps[3].mean((2, 3)) if summary is None else summary)


def build(width: int = 64, blocks: int = 2, bottom: int = 5, classes: int = 0) -> ResNetFusion:
    """Return a network with random weights; the sizes are those of :class:`ResNetFusion`."""
    return ResNetFusion(width, blocks, bottom, classes)


def detect(shapes: Shapes) -> dict[str, Any] | None:
    """Return what :func:`build` takes for a network of these shapes, None for another architecture's."""
    if not {"stem.1.0.weight", "up3.reduce.0.weight", "whole.2.weight"} <= shapes.keys():
        return None
    width = channels(shapes, "stem.1.0.weight")
    bottom = channels(shapes, "whole.0.weight") // max(width, 1)
    sizes = {"width": width, "blocks": count(shapes, "stage1."), "bottom": bottom}
    return sizes | ({"classes": shapes["classifier.weight"][0]} if "classifier.weight" in shapes else {})
