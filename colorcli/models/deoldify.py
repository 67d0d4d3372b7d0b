"""DeOldify's generators (Jason Antic, github.com/jantic/DeOldify, MIT): U-Nets with self-attention over a ResNet.

The artistic one is deep, over ResNet-34, with two convolutions at each step up; the stable one, and the one for video,
which differs from it in its weights only, is wide, over ResNet-101, with one. Both are fastai's dynamic U-Net: steps up
by pixel shuffle, each blurred by a 2x2 mean against checkerboards, skip connections from four places of the ResNet, and
at last the input itself is joined to the features at full resolution. Trained with spectral norm, which is folded when
the published weights are converted (:mod:`colorcli.weights.convert.deoldify`).

The network paints a whole RGB picture. The published code then lends the U and V of that picture, in 8-bit YUV, to the
Y of the photo, and clips, which changes lightness. Here it gives the a and b of that picture, to which the L of the
photo is put as for every other network. Where the network kept the photo's lightness, both say the same colour; where
it did not, the same a and b at another L are another colour than the same U and V at another Y.
:meth:`DeOldify.forward_normalized` is the published network as it is.

    >>> net = build(width=4)
    >>> net(torch.full((1, 1, 64, 80), 50.0)).shape
    torch.Size([1, 2, 64, 80])
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorcli.models._blocks import ConvNorm, fuse_all, he_init, quiet_head
from colorcli.models._detect import Shapes, channels
from colorcli.models._info import NetworkInfo
from colorcli.models._rgb import PredictsRGB
from colorcli.models.backbones.resnet import resnet34, resnet101
from colorcli.models.backbones.vgg import IMAGENET_MEAN, IMAGENET_STD, normalize

INFO = NetworkInfo(
    output="ab",
    stride=1,
    # Where 32 does not divide a side, steps up fit their skip connections by repeating pixels. The published sizes are
    # multiples of 16 (16 times the render factor), and padding those to multiples of 32 would change the answer.
    multiple_of=16,
    minimum=16,
    gray="luma",
    also=("rgb",),
    pipeline="deoldify",
    heavy=True,
    paper="Antic 2018, DeOldify; Zhang et al. 2018 (self-attention), arXiv 1805.08318",
    licence="MIT",
)
#: The output, in units of ImageNet's standard deviations around its mean, lies within this.
LIMIT = 3.0


class Affine(nn.Module):
    """A batch norm in evaluation mode, ``(B, C, H, W)`` to the same shape: one factor and one offset per channel."""

    scale: Tensor
    shift: Tensor

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        assert norm.running_mean is not None and norm.running_var is not None
        scale = norm.weight.detach() * (norm.running_var + norm.eps).rsqrt()
        self.register_buffer("scale", scale[:, None, None])
        self.register_buffer("shift", (norm.bias.detach() - norm.running_mean * scale)[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """Return x, scaled and shifted."""
        return torch.addcmul(self.shift, x, self.scale)


class ConvThenNorm(nn.Sequential):
    """A 3x3 convolution, ReLU and only then batch norm: ``(B, channels, H, W)`` to ``(B, out, H, W)``."""

    def __init__(self, channels: int, out: int) -> None:
        conv = nn.Conv2d(channels, out, 3, padding=1, bias=False)
        super().__init__(conv, nn.ReLU(inplace=True), nn.BatchNorm2d(out))


class Shuffle(nn.Module):
    """Enlarge twofold: ``(B, channels, H, W)`` to ``(B, out, 2H, 2W)``, none below 0.

    Args:
        channels: of the input.
        out: of the output.
        norm: whether batch norm follows the 1x1 convolution.
    """

    def __init__(self, channels: int, out: int, *, norm: bool = True) -> None:
        super().__init__()
        self.conv = ConvNorm(channels, 4 * out, 1, act=False) if norm else nn.Conv2d(channels, 4 * out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the pixels, shuffled and blurred to the right and below."""
        x = F.pixel_shuffle(F.relu(self.conv(x), inplace=True), 2)
        return F.avg_pool2d(F.pad(x, (1, 0, 1, 0), mode="replicate"), 2, 1)


class Attention(nn.Module):
    """Self-attention over all places of a map (Zhang et al. 2018): ``(B, channels, H, W)`` to the same shape.

    Place j gets x_j + gamma * sum_i softmax_i(query_i . key_j) value_i. So what is called key here is elsewhere the
    query and the other way round; and the products are not divided by sqrt(d).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(1, channels // 8)
        self.query = nn.Conv1d(channels, inner, 1, bias=False)
        self.key = nn.Conv1d(channels, inner, 1, bias=False)
        self.value = nn.Conv1d(channels, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Return x with what its places say to each other."""
        flat = x.flatten(2)
        query, key, value = (layer(flat).transpose(1, 2) for layer in (self.query, self.key, self.value))
        heard = F.scaled_dot_product_attention(key, query, value, scale=1.0)
        return x + self.gamma * heard.transpose(1, 2).reshape(x.shape)


class Up(nn.Module):
    """One step up: enlarge, join the skip connection, convolve.

    Args:
        channels: of what comes from below, at half the resolution.
        skip: channels of the skip connection.
        half: channels that what comes from below keeps when it is enlarged.
        out: channels of the output.
        depth: number of convolutions.
        attention: whether self-attention closes the step.
    """

    def __init__(self, channels: int, skip: int, half: int, out: int, depth: int, *, attention: bool) -> None:
        super().__init__()
        self.shuffle = Shuffle(channels, half)
        self.norm = nn.BatchNorm2d(skip)
        self.convs = nn.Sequential(*(ConvThenNorm(out if index else half + skip, out) for index in range(depth)))
        self.attention = Attention(out) if attention else nn.Identity()

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Map x ``(B, channels, h, w)`` and skip ``(B, skip, H, W)``, H 2h or 2h - 1, to ``(B, out, H, W)``."""
        x = self.shuffle(x)
        if x.shape[-2:] != skip.shape[-2:]:
            x = F.interpolate(x, skip.shape[-2:], mode="nearest")
        # The published ReLU goes over both; means of what passed a ReLU have nothing that it would change.
        x = torch.cat((x, F.relu(self.norm(skip))), 1)
        out: Tensor = self.attention(self.convs(x))
        return out


class DeOldify(PredictsRGB):
    """L ``(B, 1, H, W)`` in 0..100, H and W multiples of 16, to ab ``(B, 2, H, W)`` in Lab units.

    Args:
        variant: ``"artistic"``, or ``"stable"``, which is that for video too.
        width: channels of the ResNet's stem; 64 in the published networks, all others in proportion.
    """

    def __init__(self, variant: Literal["artistic", "stable"] = "artistic", width: int = 64) -> None:
        super().__init__()
        if variant not in ("artistic", "stable"):
            raise ValueError(f"no such variant: {variant!r}; the one for video is 'stable'")
        deep = variant == "artistic"
        self.body = resnet34(width=width) if deep else resnet101(width=width)
        *skips, channels = self.body.channels
        self.norm = nn.BatchNorm2d(channels)
        self.middle = nn.Sequential(ConvThenNorm(channels, 2 * channels), ConvThenNorm(2 * channels, channels))
        self.ups = nn.ModuleList()
        for index, skip in enumerate(reversed(skips)):
            last = index == len(skips) - 1
            if deep:
                half = channels // 2
                joint = half + skip
                out = (joint // 2 if last else joint) * 3 // 2
            else:
                half = out = (4 if last else 8) * width
            self.ups.append(Up(channels, skip, half, out, 2 if deep else 1, attention=index == 1))
            channels = out
        self.last = Shuffle(channels, channels, norm=False)
        channels += 3
        self.mix1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.mix2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.head = nn.Conv2d(channels, 3, 1)
        he_init(self)
        quiet_head(self.head)

    def fuse(self) -> None:
        """Fold batch norms into convolutions; for inference only, after the weights are loaded.

        Most norms here follow a ReLU and can not be folded. They become a product and a sum.
        """
        fuse_all(self)
        for module in list(self.modules()):
            for name, child in module.named_children():
                if isinstance(child, nn.BatchNorm2d):
                    setattr(module, name, Affine(child))

    def forward_normalized(self, x: Tensor) -> Tensor:
        """Return what the published network gives: RGB ``(B, 3, H, W)``, normalised as its input, within -3..3.

        Args:
            x: gray pictures as RGB ``(B, 3, H, W)``, sides even, normalised by ImageNet's mean and standard deviation.
        """
        *skips, y = self.body.features(x)
        y = self.middle(F.relu(self.norm(y)))
        for up, skip in zip(self.ups, reversed(skips), strict=True):
            y = up(y, skip)
        y = torch.cat((self.last(y), x), 1)
        y = y + F.relu(self.mix2(F.relu(self.mix1(y), inplace=True)), inplace=True)
        return 2 * LIMIT * torch.sigmoid(self.head(y)) - LIMIT

    def predict(self, gray: Tensor) -> Tensor:
        """Return RGB ``(B, 3, H, W)`` in 0..1, sRGB values, for gray values ``(B, 1, H, W)`` in 0..1."""
        y = self.forward_normalized(normalize(gray.expand(-1, 3, -1, -1)))
        mean, std = (torch.tensor(values).to(y)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
        return (y * std + mean).clamp(0, 1)


def build(variant: Literal["artistic", "stable"] = "artistic", width: int = 64) -> DeOldify:
    """Return a network with random weights; the sizes are those of :class:`DeOldify`."""
    return DeOldify(variant, width)


def detect(shapes: Shapes) -> dict[str, Any] | None:
    """Return what :func:`build` takes for a network of these shapes, None for another architecture's."""
    if not {"body.conv1.weight", "ups.0.shuffle.conv.0.weight", "mix1.weight"} <= shapes.keys():
        return None
    deep = "ups.0.convs.1.0.weight" in shapes
    return {"variant": "artistic" if deep else "stable", "width": channels(shapes, "body.conv1.weight")}
