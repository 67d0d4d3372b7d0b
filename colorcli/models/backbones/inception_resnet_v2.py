"""Inception-ResNet-v2 (Szegedy et al. 2016) with timm's key names, to load ``timm/inception_resnet_v2.tf_in1k``.

Easy to get wrong, and checked against timm's outputs: batch norm epsilon 1e-3; the residual projections ``conv2d``
have a bias, no norm and no ReLU; the residuals are scaled by 0.17, 0.10 and 0.20; the last block is not scaled and has
no ReLU after its sum; the average pool of ``mixed_5b`` does not count padding; stem and reductions are not padded.

    >>> net = InceptionResNetV2().eval()
    >>> net(torch.zeros(1, 3, 139, 171)).shape, net.pooled(torch.zeros(1, 3, 75, 75)).shape
    (torch.Size([1, 1000]), torch.Size([1, 1536]))
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorcli.models._blocks import fuse_all

#: The smallest H and W it takes: below that, a reduction has nothing left to slide over.
MINIMUM = 75


class Conv(nn.Module):
    """Convolution without bias, batch norm, ReLU."""

    FOLDS = (("conv", "bn"),)

    def __init__(
        self,
        channels: int,
        out: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(out, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, channels, H, W)`` to ``(B, out, H', W')``."""
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Branches(nn.Module):
    """Several paths over the same input, joined along the channels; the children are ``branch0``, ``branch1``, ..."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        for number, branch in enumerate(branches):
            self.add_module(f"branch{number}", branch)

    def join(self, x: Tensor) -> Tensor:
        """Return the branches' outputs side by side, ``(B, sum of channels, H', W')``."""
        return torch.cat([branch(x) for name, branch in self.named_children() if name.startswith("branch")], 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to the joined branches."""
        return self.join(x)


class Residual(Branches):
    """``x + scale * conv2d(branches(x))``, with a ReLU unless told otherwise.

    Args:
        channels: of x.
        joined: of the branches together.
        scale: of the residual.
        act: ReLU after the sum.
        branches: the paths.
    """

    def __init__(self, channels: int, joined: int, scale: float, *branches: nn.Module, act: bool = True) -> None:
        super().__init__(*branches)
        self.conv2d = nn.Conv2d(joined, channels, 1)
        self.scale = scale
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, channels, H, W)`` to the same shape."""
        y = x + self.scale * self.conv2d(self.join(x))
        return F.relu(y, inplace=True) if self.act else cast(Tensor, y)


class InceptionResNetV2(nn.Module):
    """RGB ``(B, 3, H, W)`` scaled to -1..1, sides from 75 pixels, to class scores ``(B, classes)``.

    Args:
        classes: 1000 in timm's and Keras' weights; 1001 in the TensorFlow checkpoint, whose first is the background.
        depths: blocks of the three residual stages.
        shrink: the channels' divisor, 1 in the published network; a power of two up to 16.
    """

    def __init__(self, classes: int = 1000, depths: Sequence[int] = (10, 20, 9), shrink: int = 1) -> None:
        super().__init__()
        if shrink not in (1, 2, 4, 8, 16):
            raise ValueError(f"shrink must be a power of two from 1 to 16, got {shrink}")

        def n(channels: int) -> int:
            return channels // shrink

        def conv(
            channels: int, out: int, kernel: int | tuple[int, int], stride: int = 1, padding: int | tuple[int, int] = 0
        ) -> Conv:
            return Conv(n(channels), n(out), kernel, stride, padding)

        def block35() -> Residual:
            return Residual(
                n(320),
                n(128),
                0.17,
                conv(320, 32, 1),
                nn.Sequential(conv(320, 32, 1), conv(32, 32, 3, 1, 1)),
                nn.Sequential(conv(320, 32, 1), conv(32, 48, 3, 1, 1), conv(48, 64, 3, 1, 1)),
            )

        def block17() -> Residual:
            long = nn.Sequential(
                conv(1088, 128, 1), conv(128, 160, (1, 7), 1, (0, 3)), conv(160, 192, (7, 1), 1, (3, 0))
            )
            return Residual(n(1088), n(384), 0.10, conv(1088, 192, 1), long)

        def block8(scale: float, act: bool = True) -> Residual:
            long = nn.Sequential(
                conv(2080, 192, 1), conv(192, 224, (1, 3), 1, (0, 1)), conv(224, 256, (3, 1), 1, (1, 0))
            )
            return Residual(n(2080), n(448), scale, conv(2080, 192, 1), long, act=act)

        self.conv2d_1a = Conv(3, n(32), 3, 2)
        self.conv2d_2a = conv(32, 32, 3)
        self.conv2d_2b = conv(32, 64, 3, 1, 1)
        self.maxpool_3a = nn.MaxPool2d(3, 2)
        self.conv2d_3b = conv(64, 80, 1)
        self.conv2d_4a = conv(80, 192, 3)
        self.maxpool_5a = nn.MaxPool2d(3, 2)
        self.mixed_5b = Branches(
            conv(192, 96, 1),
            nn.Sequential(conv(192, 48, 1), conv(48, 64, 5, 1, 2)),
            nn.Sequential(conv(192, 64, 1), conv(64, 96, 3, 1, 1), conv(96, 96, 3, 1, 1)),
            nn.Sequential(nn.AvgPool2d(3, 1, 1, count_include_pad=False), conv(192, 64, 1)),
        )
        self.repeat = nn.Sequential(*(block35() for _ in range(depths[0])))
        self.mixed_6a = Branches(
            conv(320, 384, 3, 2),
            nn.Sequential(conv(320, 256, 1), conv(256, 256, 3, 1, 1), conv(256, 384, 3, 2)),
            nn.MaxPool2d(3, 2),
        )
        self.repeat_1 = nn.Sequential(*(block17() for _ in range(depths[1])))
        self.mixed_7a = Branches(
            nn.Sequential(conv(1088, 256, 1), conv(256, 384, 3, 2)),
            nn.Sequential(conv(1088, 256, 1), conv(256, 288, 3, 2)),
            nn.Sequential(conv(1088, 256, 1), conv(256, 288, 3, 1, 1), conv(288, 320, 3, 2)),
            nn.MaxPool2d(3, 2),
        )
        self.repeat_2 = nn.Sequential(*(block8(0.20) for _ in range(depths[2])))
        self.block8 = block8(1.0, act=False)
        self.conv2d_7b = conv(2080, 1536, 1)
        #: Channels of the pooled features.
        self.features = n(1536)
        self.classif = nn.Linear(self.features, classes)

    def fuse(self) -> None:
        """Fold batch norms into convolutions; for inference only, after the weights are loaded."""
        fuse_all(self)

    def maps(self, x: Tensor) -> Tensor:
        """Return the last feature maps, ``(B, 1536, h, w)``."""
        x = self.maxpool_3a(self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(x))))
        x = self.maxpool_5a(self.conv2d_4a(self.conv2d_3b(x)))
        x = self.repeat(self.mixed_5b(x))
        x = self.repeat_1(self.mixed_6a(x))
        x = self.block8(self.repeat_2(self.mixed_7a(x)))
        out: Tensor = self.conv2d_7b(x)
        return out

    def pooled(self, x: Tensor) -> Tensor:
        """Return the mean of the last feature maps, ``(B, 1536)``."""
        return self.maps(x).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Return class scores before softmax, ``(B, classes)``."""
        scores: Tensor = self.classif(self.pooled(x))
        return scores
