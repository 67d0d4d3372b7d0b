"""ConvNeXt-tiny and -large (Liu et al. 2022, "A ConvNet for the 2020s", arXiv 2201.03545) with timm's key names.

Easy to get wrong, and checked against timm's outputs: every layer norm has epsilon 1e-6; the GELU is the exact one;
the head pools first and normalises then.

    >>> net = convnext_tiny().eval()
    >>> [map.shape[1:] for map in net.features(torch.zeros(1, 3, 64, 96))][0::3]
    [torch.Size([96, 16, 24]), torch.Size([768, 2, 3])]
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: Epsilon of the layer norms.
EPS = 1e-6


class LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of ``(B, C, H, W)``; nothing is copied where these lie together in memory."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=EPS)

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised maps, same shape."""
        out: Tensor = super().forward(x.permute(0, 2, 3, 1))
        return out.permute(0, 3, 1, 2)


class Block(nn.Module):
    """``x`` plus a 7x7 convolution per channel, layer norm and two linear layers, scaled per channel by ``gamma``."""

    gamma: nn.Parameter | None

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=EPS)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(channels, 4 * channels), "fc2": nn.Linear(4 * channels, channels)})
        self.gamma = nn.Parameter(torch.full((channels,), 1e-6))

    def fold(self) -> None:
        """Take the scale into the last layer; for inference only."""
        last = self.mlp["fc2"]
        if self.gamma is not None and isinstance(last, nn.Linear):
            with torch.no_grad():
                last.weight.mul_(self.gamma[:, None])
                last.bias.mul_(self.gamma)
            self.gamma = None

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, channels, H, W)`` to the same shape."""
        y = self.norm(self.conv_dw(x).permute(0, 2, 3, 1))
        y = self.mlp["fc2"](F.gelu(self.mlp["fc1"](y)))
        if self.gamma is not None:
            y = y * self.gamma
        out: Tensor = x + y.permute(0, 3, 1, 2)
        return out


class Stage(nn.Module):
    """Halves the size, the first stage excepted, then blocks: ``(B, C, H, W)`` to ``(B, D, H/2, W/2)``."""

    def __init__(self, channels: int, out: int, depth: int) -> None:
        super().__init__()
        self.downsample = (
            nn.Identity()
            if channels == out
            else nn.Sequential(LayerNorm2d(channels), nn.Conv2d(channels, out, 2, stride=2))
        )
        self.blocks = nn.Sequential(*(Block(out) for _ in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        """Return the last block's maps."""
        out: Tensor = self.blocks(self.downsample(x))
        return out


class ConvNeXt(nn.Module):
    """RGB ``(B, 3, H, W)``, normalised by the caller, sides from 32, to features or class scores.

    Args:
        depths: blocks of each stage.
        widths: channels of each stage, all different.
        classes: number of class scores; 0 leaves the head out, its layer norm too.
    """

    def __init__(self, depths: Sequence[int], widths: Sequence[int], *, classes: int = 0) -> None:
        super().__init__()
        #: Channels of each map that :meth:`features` returns.
        self.channels = tuple(widths)
        self.stem = nn.Sequential(nn.Conv2d(3, widths[0], 4, stride=4), LayerNorm2d(widths[0]))
        before = (widths[0], *widths)
        self.stages = nn.ModuleList(
            Stage(channels, out, depth) for channels, out, depth in zip(before, widths, depths, strict=False)
        )
        self.head = (
            nn.ModuleDict({"norm": nn.LayerNorm(widths[-1], eps=EPS), "fc": nn.Linear(widths[-1], classes)})
            if classes
            else None
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def fuse(self) -> None:
        """Fold the blocks' scales into their last layers; for inference only, after the weights are loaded."""
        for module in self.modules():
            if isinstance(module, Block):
                module.fold()

    def features(self, x: Tensor) -> list[Tensor]:
        """Return the maps of the four stages, at 1/4, 1/8, 1/16 and 1/32 of the size, not normalised."""
        # Norms and linear layers want a pixel's channels side by side. Once so, the convolutions keep them so.
        x = self.stem(x).contiguous(memory_format=torch.channels_last)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def pooled(self, x: Tensor) -> Tensor:
        """Return the mean of the last maps ``(B, C)``, normalised if there is a head."""
        mean = self.features(x)[-1].mean((2, 3))
        pooled: Tensor = mean if self.head is None else self.head["norm"](mean)
        return pooled

    def forward(self, x: Tensor) -> Tensor:
        """Return class scores ``(B, classes)``; without classes, :meth:`pooled`."""
        pooled = self.pooled(x)
        scores: Tensor = pooled if self.head is None else self.head["fc"](pooled)
        return scores


def convnext_tiny(*, classes: int = 0, shrink: int = 1) -> ConvNeXt:
    """Return a ConvNeXt-tiny; ``shrink`` divides all its channels."""
    return ConvNeXt((3, 3, 9, 3), [(96 << stage) // shrink for stage in range(4)], classes=classes)


def convnext_large(*, classes: int = 0, shrink: int = 1) -> ConvNeXt:
    """Return a ConvNeXt-large; ``shrink`` divides all its channels."""
    return ConvNeXt((3, 3, 27, 3), [(192 << stage) // shrink for stage in range(4)], classes=classes)
