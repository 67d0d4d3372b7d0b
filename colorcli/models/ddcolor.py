"""DDColor (Kang et al. 2023, github.com/piddnad/DDColor, Apache-2.0): ConvNeXt, a pixel decoder, and colour queries.

The pixel decoder climbs from the encoder's last maps to the full size. A hundred learnt queries look at its maps on
three scales, in nine rounds of attention, and become filters on its last maps; a 1x1 convolution mixes what they find
and the picture itself into ab.

The last steps are linear, so they are not carried out as they are written: queries and mixing are one filter for a
and one for b, which are applied before the last maps are brought to the full size and blurred, place by place. A
hundred maps and 256 channels at full size never exist. The answer is that of the published code but for rounding.
Spectral norms are gone: :mod:`colorcli.weights.convert.ddcolor` folds them into the weights.

    >>> net = build("tiny", shrink=16).eval()
    >>> net(torch.full((1, 1, 32, 64), 50.0)).shape
    torch.Size([1, 2, 32, 64])
"""

from __future__ import annotations

import itertools
import math
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorcli.color import lab
from colorcli.models._blocks import ConvNorm, fuse_all, he_init, quiet_head
from colorcli.models._detect import Shapes, channels, count
from colorcli.models._info import NetworkInfo
from colorcli.models.backbones.convnext import LayerNorm2d, convnext_large, convnext_tiny
from colorcli.models.backbones.vgg import IMAGENET_MEAN, IMAGENET_STD

INFO = NetworkInfo(
    output="ab",
    stride=1,
    multiple_of=32,
    minimum=32,
    pipeline="ddcolor",
    precisions=("fp32", "bf16"),
    heavy=True,
    paper="Kang et al. 2023, DDColor, arXiv 2212.11613",
)
#: Enlargement from the pixel decoder's last maps, at 1/4, to the full size.
_LAST = 4
_HEADS = 8


def blurred(x: Tensor) -> Tensor:
    """Mean of each pixel with those above, left and above left, ``(B, C, H, W)``; it hides a pixel shuffle's grid."""
    return F.avg_pool2d(F.pad(x, (1, 0, 1, 0), mode="replicate"), 2, stride=1)


def position_code(side: Tensor, features: int) -> Tensor:
    """Return sines and cosines of the places along a side, ``(length, features)``, of the dtype of ``side``.

    Args:
        side: ``(length,)``, of any values: a length that is a number would be written into an ONNX file as such.
        features: even.
    """
    count = torch.ones_like(side, dtype=torch.float32).cumsum(0)
    places = count / (count[-1:] + 1e-6) * (2 * math.pi)
    exponents = torch.arange(0, features, 2, dtype=torch.float32, device=side.device) / features
    angles = places[:, None] / 10000**exponents
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1).to(side.dtype)


class Up(nn.Module):
    """Doubles the size and joins what the encoder saw there: ``(B, C, h, w)`` to ``(B, out, 2h, 2w)``."""

    def __init__(self, channels: int, skip: int, out: int) -> None:
        super().__init__()
        self.enlarge = ConvNorm(channels, 4 * out, 1)
        self.skip_norm: nn.Module = nn.BatchNorm2d(skip)
        self.conv = nn.Conv2d(out + skip, out, 3, padding=1, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(out)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Return the joined maps; ``skip`` is ``(B, skip, 2h, 2w)``."""
        x = blurred(F.pixel_shuffle(self.enlarge(x), 2))
        x = torch.cat((x, F.relu(self.skip_norm(skip))), 1)
        out: Tensor = self.norm(F.relu(self.conv(x), inplace=True))
        return out


def attended(layer: nn.MultiheadAttention, query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Return what a layer of attention gives, ``(B, Q, C)``, for queries ``(B, Q, C)`` and keys, values ``(B, N, C)``.

    The layer's own forward writes the size of the batch it was exported with into an ONNX file.
    """
    weights, biases = layer.in_proj_weight.chunk(3), layer.in_proj_bias.chunk(3)
    query, keys, values = (
        torch.unflatten(F.linear(x, weight, bias), -1, (_HEADS, -1)).transpose(1, 2)
        for x, weight, bias in zip((query, keys, values), weights, biases, strict=True)
    )
    found: Tensor = layer.out_proj(F.scaled_dot_product_attention(query, keys, values).transpose(1, 2).flatten(2))
    return found


class Round(nn.Module):
    """Queries ``(B, Q, C)`` look at maps ``(B, N, C)``, then at each other, then think; norms come after each sum."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.cross = nn.MultiheadAttention(channels, _HEADS, batch_first=True)
        self.cross_norm = nn.LayerNorm(channels)
        self.own = nn.MultiheadAttention(channels, _HEADS, batch_first=True)
        self.own_norm = nn.LayerNorm(channels)
        self.linear1 = nn.Linear(channels, hidden)
        self.linear2 = nn.Linear(hidden, channels)
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor, place: Tensor, maps: Tensor, keys: Tensor) -> Tensor:
        """Return the queries after this round.

        Args:
            x: the queries.
            place: ``(Q, C)``, added to them where they are compared.
            maps: what is looked at.
            keys: what the queries are compared with: the maps with their position code.
        """
        x = self.cross_norm(x + attended(self.cross, x + place, keys, maps))
        asked = x + place
        x = self.own_norm(x + attended(self.own, asked, asked, x))
        out: Tensor = self.norm(x + self.linear2(F.relu(self.linear1(x), inplace=True)))
        return out


class Colors(nn.Module):
    """The pixel decoder's maps on three scales to a filter per query, ``(B, queries, C)``.

    Args:
        sizes: channels of the maps.
        channels: of the queries, and of the last maps that the filters are for.
        queries: how many.
        rounds: of attention; they go through the scales in turn.
    """

    def __init__(self, sizes: tuple[int, int, int], channels: int, queries: int, rounds: int) -> None:
        super().__init__()
        self.query_feat = nn.Parameter(torch.empty(queries, channels))
        self.query_embed = nn.Parameter(torch.empty(queries, channels))
        self.level_embed = nn.Parameter(torch.empty(len(sizes), channels))
        for table in (self.query_feat, self.query_embed, self.level_embed):
            nn.init.normal_(table)
        self.projections = nn.ModuleList(nn.Conv2d(size, channels, 1) for size in sizes)
        self.rounds = nn.ModuleList(Round(channels, 8 * channels) for _ in range(rounds))
        self.norm = nn.LayerNorm(channels)
        linear = [nn.Linear(channels, channels) for _ in range(3)]
        self.embed = nn.Sequential(linear[0], nn.ReLU(inplace=True), linear[1], nn.ReLU(inplace=True), linear[2])

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Return the filters."""
        levels = []
        for index, level in enumerate(maps):
            x = self.projections[index](level).flatten(2).transpose(1, 2) + self.level_embed[index]
            half = x.shape[-1] // 2
            rows, columns = (position_code(side, half) for side in (level[0, 0, :, 0], level[0, 0, 0]))
            still = torch.zeros_like(rows)[:, None] * torch.zeros_like(columns)
            code = torch.cat((rows[:, None] + still, columns + still), -1)
            levels.append((x, x + code.flatten(0, 1)))
        x = self.query_feat.expand(maps[0].shape[0], -1, -1)
        for look, (values, keys) in zip(self.rounds, itertools.cycle(levels), strict=False):
            x = look(x, self.query_embed, values, keys)
        filters: Tensor = self.embed(self.norm(x))
        return filters


class DDColor(nn.Module):
    """L ``(B, 1, H, W)`` in 0..100, H and W multiples of 32, to ab ``(B, 2, H, W)`` in Lab units.

    Attributes:
        mean, std: ``(1, 3, 1, 1)``, of ImageNet; part of the published weights.

    Args:
        encoder: ConvNeXt-``"tiny"`` or -``"large"``.
        shrink: divides all channels, 1 in the published networks; a power of two up to 16.
        queries: colour queries.
        rounds: of attention.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, encoder: Literal["tiny", "large"] = "large", shrink: int = 1, queries: int = 100, rounds: int = 9
    ) -> None:
        super().__init__()
        if encoder not in ("tiny", "large") or shrink not in (1, 2, 4, 8, 16):
            raise ValueError(f"no such encoder or shrink: {encoder!r}, {shrink!r}")
        wide, narrow = 512 // shrink, 256 // shrink
        body = convnext_tiny(shrink=shrink) if encoder == "tiny" else convnext_large(shrink=shrink)
        one, two, three, four = body.channels
        self.norms = nn.ModuleList(LayerNorm2d(channels) for channels in body.channels)
        self.decoder = nn.ModuleList((Up(four, three, wide), Up(wide, two, wide), Up(wide, one, narrow)))
        self.last = nn.Conv2d(narrow, narrow * _LAST**2, 1)
        self.head = nn.Conv2d(queries + 3, 2, 1)
        for part in (self.decoder, self.last):
            he_init(part)
        quiet_head(self.head)
        self.encoder = body
        self.colors = Colors((wide, wide, narrow), narrow, queries, rounds)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[None, :, None, None])
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[None, :, None, None])

    def forward(self, L: Tensor) -> Tensor:
        """Return ab ``(B, 2, H, W)`` in Lab units."""
        return self.from_gray(lab.L_to_gray(L))

    def from_gray(self, gray: Tensor) -> Tensor:
        """Return ab ``(B, 2, H, W)`` in Lab units for sRGB gray values ``(B, 1, H, W)`` in 0..1."""
        rgb = (gray - self.mean) / self.std
        maps = self.decode(rgb)
        # In half precision the queries, rounded again in each of their rounds, would make most of the whole error for a
        # tenth of the work: ab would be off by 0.6 to 0.9 Lab units instead of 0.25 to 0.5.
        with torch.autocast(gray.device.type, enabled=False):
            filters = torch.matmul(self.head.weight[:, :-3, 0, 0], self.colors([level.float() for level in maps]))
        return self.filtered(maps[-1], filters) + F.conv2d(rgb, self.head.weight[:, -3:], self.head.bias)

    def decode(self, rgb: Tensor) -> list[Tensor]:
        """Return the pixel decoder's maps at 1/16, 1/8 and 1/4 of the size, for normalised RGB ``(B, 3, H, W)``."""
        seen = [norm(x) for norm, x in zip(self.norms, self.encoder.features(rgb), strict=True)]
        x = seen.pop()
        maps = []
        for up in self.decoder:
            x = up(x, seen.pop())
            maps.append(x)
        return maps

    def filtered(self, x: Tensor, filters: Tensor) -> Tensor:
        """Bring the decoder's last maps to the full size and apply filters to them.

        Args:
            x: ``(B, C, H/4, W/4)``.
            filters: ``(B, n, C)``.

        Returns:
            ``(B, n, H, W)``: what a pixel shuffle of the last convolution's ReLU, blur, and then the filters would
            give. The filters come first here, one of the 16 places in a cell after the other.
        """
        count, channels, height, width = x.shape
        pixels = x.permute(0, 2, 3, 1).reshape(count, height * width, channels)
        assert self.last.bias is not None
        weights = self.last.weight.reshape(channels, _LAST**2, channels).transpose(0, 1).contiguous()
        biases = self.last.bias.reshape(channels, _LAST**2).T.contiguous()
        places = [
            torch.matmul(filters, F.linear(pixels, weight, bias).relu_().transpose(1, 2))
            for weight, bias in zip(weights, biases, strict=True)
        ]
        cells = torch.stack(places, 2).reshape(count, -1, height, width)
        return blurred(F.pixel_shuffle(cells, _LAST))

    def fuse(self) -> None:
        """Fold all batch norms and the encoder's scales; for inference only, after the weights are loaded.

        One that follows a layer norm goes into that; one that follows a ReLU goes into the 1x1 convolutions that
        read it, which pad nothing, so that is exact too.
        """
        fuse_all(self)
        self.encoder.fuse()
        ups = [cast(Up, up) for up in self.decoder]
        readers = [*(cast(nn.Conv2d, up.enlarge[0]) for up in ups[1:]), self.last]
        for up, before, reader, projection in zip(
            ups, reversed(self.norms[:-1]), readers, self.colors.projections, strict=True
        ):
            if not isinstance(up.norm, nn.BatchNorm2d):
                return  # done before
            with torch.no_grad():
                scale, shift = _affine(up.skip_norm)
                layer = cast(LayerNorm2d, before)
                layer.weight.mul_(scale)
                layer.bias.mul_(scale).add_(shift)
                scale, shift = _affine(up.norm)
                for conv in (reader, cast(nn.Conv2d, projection)):
                    assert conv.bias is not None
                    conv.bias.add_(conv.weight.flatten(1) @ shift)
                    conv.weight.mul_(scale[:, None, None])
            up.skip_norm, up.norm = nn.Identity(), nn.Identity()


def _affine(norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Return what a batch norm in evaluation mode multiplies by and then adds."""
    norm = cast(nn.BatchNorm2d, norm)
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias - norm.running_mean * scale


def build(encoder: Literal["tiny", "large"] = "large", shrink: int = 1, queries: int = 100, rounds: int = 9) -> DDColor:
    """Return a network with random weights; the sizes are those of :class:`DDColor`."""
    return DDColor(encoder, shrink, queries, rounds)


def detect(shapes: Shapes) -> dict[str, Any] | None:
    """Return what :func:`build` takes for a network of these shapes, None for another architecture's."""
    if not {"colors.query_feat", "last.weight", "head.weight"} <= shapes.keys():
        return None
    return {
        "encoder": "large" if count(shapes, "encoder.stages.2.blocks.") > 9 else "tiny",
        "shrink": 256 // max(shapes["colors.query_feat"][-1], 1),
        "queries": channels(shapes, "colors.query_feat"),
        "rounds": count(shapes, "colors.rounds."),
    }
