"""Layers that several networks share."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval


class ConvNorm(nn.Sequential):
    """Convolution, batch norm and, unless told otherwise, ReLU: ``(B, C, H, W)`` to ``(B, D, H/s, W/s)``."""

    def __init__(self, channels: int, out: int, kernel: int = 3, stride: int = 1, *, act: bool = True) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(channels, out, kernel, stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(out),
        ]
        super().__init__(*layers, *([nn.ReLU(inplace=True)] if act else []))

    @property
    def norm(self) -> nn.BatchNorm2d:
        """The batch norm, until :meth:`fuse` takes it away."""
        return cast(nn.BatchNorm2d, self[1])

    def fuse(self) -> None:
        """Fold the batch norm into the convolution: the same map in evaluation, one pass over memory less."""
        if isinstance(self[1], nn.BatchNorm2d):
            self[0] = fuse_conv_bn_eval(cast(nn.Conv2d, self[0]), self[1])
            self[1] = nn.Identity()


def fuse_all(network: nn.Module) -> None:
    """Fold every batch norm of a network in evaluation mode into the convolution before it."""
    for module in network.modules():
        if isinstance(module, ConvNorm):
            module.fuse()


class BasicBlock(nn.Module):
    """The residual block of ResNet-18 (He et al. 2015): two 3x3 convolutions around a shortcut."""

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = ConvNorm(channels, out, 3, stride)
        self.conv2 = ConvNorm(out, out, act=False)
        same = stride == 1 and channels == out
        self.shortcut = nn.Identity() if same else ConvNorm(channels, out, 1, stride, act=False)
        nn.init.zeros_(self.conv2.norm.weight)  # start as the identity: deep stacks train from the first step

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, channels, H, W)`` to ``(B, out, H/stride, W/stride)``."""
        y: Tensor = self.conv2(self.conv1(x)) + self.shortcut(x)
        return F.relu(y, inplace=True)
