"""ResNet-18, -34 and -101 (He et al. 2015, "Deep Residual Learning for Image Recognition", arXiv 1512.03385).

Keys are those of torchvision and timm, so published weights fit as they are. The stride of a bottleneck sits in its
3x3 convolution, as in both libraries.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorcli.models._blocks import ConvNorm, fuse_all


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut: ``(B, channels, H, W)`` to ``(B, width, H/stride, W/stride)``."""

    FOLDS = (("conv1", "bn1"), ("conv2", "bn2"))
    #: Output channels over ``width``.
    EXPANSION = 1

    def __init__(self, channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(channels, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output, after the last ReLU."""
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y)) + self.downsample(x)
        return F.relu(y, inplace=True)


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions around a shortcut: ``(B, channels, H, W)`` to ``(B, 4 width, H/s, W/s)``."""

    FOLDS = (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3"))
    EXPANSION = 4

    def __init__(self, channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        out = width * self.EXPANSION
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample = _shortcut(channels, out, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output, after the last ReLU."""
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        y = self.bn3(self.conv3(y)) + self.downsample(x)
        return F.relu(y, inplace=True)


def _shortcut(channels: int, out: int, stride: int) -> nn.Module:
    # ConvNorm's children are called 0 and 1, like those of the published downsample.
    return nn.Identity() if stride == 1 and channels == out else ConvNorm(channels, out, 1, stride, act=False)


class ResNet(nn.Module):
    """Pictures ``(B, in_channels, H, W)``, normalised by the caller, to features or class scores.

    Args:
        block: :class:`BasicBlock` or :class:`Bottleneck`.
        layers: blocks of each stage; fewer than four stages cut the network, and then it has no classes.
        in_channels: 3, or 1 for gray.
        classes: number of class scores; 0 leaves the classifier out.
        width: channels of the stem; 64 is the published size.
    """

    FOLDS = (("conv1", "bn1"),)

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        layers: tuple[int, ...],
        *,
        in_channels: int = 3,
        classes: int = 0,
        width: int = 64,
    ) -> None:
        super().__init__()
        if classes and len(layers) != 4:
            raise ValueError(f"a ResNet cut to {len(layers)} stages has no classes, got classes={classes}")
        self.conv1 = nn.Conv2d(in_channels, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        channels = width
        #: Channels of each map that :meth:`features` returns.
        self.channels = [width]
        for index, count in enumerate(layers):
            stage = nn.Sequential()
            for place in range(count):
                stage.append(block(channels, width << index, 2 if index and not place else 1))
                channels = (width << index) * block.EXPANSION
            self.add_module(f"layer{index + 1}", stage)
            self.channels.append(channels)
        self.fc = nn.Linear(channels, classes) if classes else None
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def fuse(self) -> None:
        """Fold batch norms into convolutions; for inference only, after the weights are loaded."""
        fuse_all(self)

    def features(self, x: Tensor) -> list[Tensor]:
        """Return the stem's map, after ReLU and before pooling, at 1/2, then that of each stage at 1/4, 1/8, ..."""
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        maps = [x]
        x = F.max_pool2d(x, 3, 2, 1)
        for index in range(1, len(self.channels)):
            x = self.get_submodule(f"layer{index}")(x)
            maps.append(x)
        return maps

    def forward(self, x: Tensor) -> Tensor:
        """Return class scores ``(B, classes)``; without classes, the pooled features ``(B, C)``."""
        pooled = self.features(x)[-1].mean((2, 3))
        scores: Tensor = pooled if self.fc is None else self.fc(pooled)
        return scores


def resnet18(*, in_channels: int = 3, classes: int = 0, stages: int = 4, width: int = 64) -> ResNet:
    """Return a ResNet-18, cut after ``stages`` stages."""
    return ResNet(BasicBlock, (2, 2, 2, 2)[:stages], in_channels=in_channels, classes=classes, width=width)


def resnet34(*, in_channels: int = 3, classes: int = 0, stages: int = 4, width: int = 64) -> ResNet:
    """Return a ResNet-34, cut after ``stages`` stages."""
    return ResNet(BasicBlock, (3, 4, 6, 3)[:stages], in_channels=in_channels, classes=classes, width=width)


def resnet101(*, in_channels: int = 3, classes: int = 0, stages: int = 4, width: int = 64) -> ResNet:
    """Return a ResNet-101, cut after ``stages`` stages."""
    return ResNet(Bottleneck, (3, 4, 23, 3)[:stages], in_channels=in_channels, classes=classes, width=width)


def sum_first_convolution(state: Mapping[str, Tensor], key: str = "conv1.weight") -> dict[str, Tensor]:
    """Return the state with the first convolution summed over its input channels, for one gray channel.

    The gray network then answers ``(x)`` as the colour network answers ``(x, x, x)``. A state whose first
    convolution has one channel already comes back as it is.
    """
    return {**state, key: torch.sum(state[key], 1, keepdim=True)}
