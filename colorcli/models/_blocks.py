"""Layers that several networks share."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class ConvNorm(nn.Sequential):
    """Convolution, batch norm and, unless told otherwise, ReLU: ``(B, C, H, W)`` to ``(B, D, H/s, W/s)``."""

    def __init__(self, channels: int, out: int, kernel: int = 3, stride: int = 1, *, act: bool = True) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(channels, out, kernel, stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(out),
        ]
        super().__init__(*layers, *([nn.ReLU(inplace=True)] if act else []))


class BasicBlock(nn.Module):
    """The residual block of ResNet-18 (He et al. 2015): two 3x3 convolutions around a shortcut."""

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = ConvNorm(channels, out, 3, stride)
        self.conv2 = ConvNorm(out, out, act=False)
        same = stride == 1 and channels == out
        self.shortcut = nn.Identity() if same else ConvNorm(channels, out, 1, stride, act=False)
        norm = self.conv2[1]
        assert isinstance(norm, nn.BatchNorm2d)
        nn.init.zeros_(norm.weight)  # start as the identity: deep stacks train from the first step

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, channels, H, W)`` to ``(B, out, H/stride, W/stride)``."""
        y: Tensor = self.conv2(self.conv1(x)) + self.shortcut(x)
        return F.relu(y, inplace=True)
