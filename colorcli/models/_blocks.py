"""Layers that several networks share."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval


class ConvNorm(nn.Sequential):
    """Convolution, batch norm and, unless told otherwise, ReLU: ``(B, C, H, W)`` to ``(B, D, H/s, W/s)``.

    Args:
        channels: C.
        out: D.
        kernel: side of the filters, odd; the border is padded with zeros to keep the size.
        stride: s.
        act: whether ReLU follows.
        bias: whether the convolution has one. The norm makes it redundant; published weights may bring it.
    """

    FOLDS = (("0", "1"),)

    def __init__(
        self, channels: int, out: int, kernel: int = 3, stride: int = 1, *, act: bool = True, bias: bool = False
    ) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(channels, out, kernel, stride, padding=kernel // 2, bias=bias),
            nn.BatchNorm2d(out),
        ]
        super().__init__(*layers, *([nn.ReLU(inplace=True)] if act else []))

    @property
    def norm(self) -> nn.BatchNorm2d:
        """The batch norm, until :func:`fuse_all` takes it away."""
        return cast(nn.BatchNorm2d, self[1])


def fuse_all(network: nn.Module) -> None:
    """Fold batch norms of a network in evaluation mode into the layers before them: one pass over memory less each.

    Which ones, a module says itself: ``FOLDS`` names pairs of its children, a convolution or linear layer and the
    batch norm that gets its output and nothing else.
    """
    for module in list(network.modules()):
        for layer, norm in getattr(module, "FOLDS", ()):
            first, second = module.get_submodule(layer), module.get_submodule(norm)
            if isinstance(second, nn.BatchNorm2d):
                setattr(module, layer, fuse_conv_bn_eval(cast(nn.Conv2d, first), second))
            elif isinstance(second, nn.BatchNorm1d):
                setattr(module, layer, fuse_linear_bn_eval(cast(nn.Linear, first), second))
            setattr(module, norm, nn.Identity())


def he_init(network: nn.Module) -> None:
    """Draw the weights of all convolutions and linear layers for ReLU (He et al. 2015), and set their biases to 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def quiet_head(layer: nn.Conv2d | nn.Linear) -> None:
    """Let training start near an even answer: gray, a flat distribution, no class before another."""
    nn.init.normal_(layer.weight, std=0.01)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


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
