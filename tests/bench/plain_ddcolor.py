"""DDColor written down as its paper and code have it, layer by layer, eager and in fp32: what ours is measured against.

The structure and the keys are those of the published network (piddnad/DDColor, Apache-2.0): spectral norms are
computed as it runs, batch norms are not folded, ConvNeXt's channel norms are spelled out, a hundred maps are made at
the full size. A published state dict loads strictly; ``bench_networks.py`` checks it against the parity fixture.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import spectral_norm

DEPTHS = {"tiny": (3, 3, 9, 3), "large": (3, 3, 27, 3)}
WIDTHS = {"tiny": (96, 192, 384, 768), "large": (192, 384, 768, 1536)}


class ChannelNorm(nn.Module):
    """Layer norm over the channels of ``(B, C, H, W)``, as Meta's code spells it out."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised maps."""
        mean = x.mean(1, keepdim=True)
        variance = (x - mean).pow(2).mean(1, keepdim=True)
        x = (x - mean) / torch.sqrt(variance + 1e-6)
        return self.weight[:, None, None] * x + self.bias[:, None, None]


class Block(nn.Module):
    """ConvNeXt's block."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.pwconv1, self.pwconv2 = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, channels)
        self.gamma = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of the same shape."""
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        y = self.gamma * self.pwconv2(F.gelu(self.pwconv1(y)))
        return x + y.permute(0, 3, 1, 2)


class Arch(nn.Module):
    """ConvNeXt with a norm after each stage."""

    def __init__(self, encoder: str) -> None:
        super().__init__()
        widths = WIDTHS[encoder]
        self.downsample_layers = nn.ModuleList([nn.Sequential(nn.Conv2d(3, widths[0], 4, 4), ChannelNorm(widths[0]))])
        for before, width in itertools.pairwise(widths):
            self.downsample_layers.append(nn.Sequential(ChannelNorm(before), nn.Conv2d(before, width, 2, 2)))
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(width) for _ in range(depth)))
            for width, depth in zip(widths, DEPTHS[encoder], strict=True)
        )
        for index, width in enumerate(widths):
            self.add_module(f"norm{index}", ChannelNorm(width))
        self.norm = nn.LayerNorm(widths[-1], eps=1e-6)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the four normalised maps."""
        seen = []
        for index, (down, stage) in enumerate(zip(self.downsample_layers, self.stages, strict=True)):
            x = stage(down(x))
            seen.append(self.get_submodule(f"norm{index}")(x))
        return seen


class Shuffle(nn.Module):
    """Convolution, pixel shuffle and blur."""

    def __init__(self, channels: int, out: int, scale: int, *, norm: bool) -> None:
        super().__init__()
        conv = spectral_norm(nn.Conv2d(channels, out * scale**2, 1, bias=not norm))
        self.conv = nn.Sequential(conv, *([nn.BatchNorm2d(out * scale**2)] if norm else []))
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """Return maps ``scale`` times as large."""
        x = F.pixel_shuffle(F.relu(self.conv(x)), self.scale)
        return F.avg_pool2d(F.pad(x, (1, 0, 1, 0), mode="replicate"), 2, stride=1)


class Up(nn.Module):
    """A step of the pixel decoder."""

    def __init__(self, channels: int, skip: int, out: int) -> None:
        super().__init__()
        self.shuf = Shuffle(channels, out, 2, norm=True)
        self.bn = nn.BatchNorm2d(skip)
        conv = spectral_norm(nn.Conv2d(out + skip, out, 3, padding=1, bias=False))
        self.conv = nn.Sequential(conv, nn.ReLU(), nn.BatchNorm2d(out))

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Return joined maps of the size of ``skip``."""
        joined: Tensor = self.conv(F.relu(torch.cat([self.shuf(x), self.bn(skip)], 1)))
        return joined


class Attention(nn.Module):
    """Attention and norm; the published names differ for the two kinds."""

    def __init__(self, name: str, channels: int) -> None:
        super().__init__()
        self.name = name
        self.add_module(name, nn.MultiheadAttention(channels, 8))
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor, query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Return queries ``(Q, B, C)``."""
        found: Tensor = self.norm(x + self.get_submodule(self.name)(query, keys, value=values)[0])
        return found


class FeedForward(nn.Module):
    """Two linear layers and norm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear1, self.linear2 = nn.Linear(channels, 8 * channels), nn.Linear(8 * channels, channels)
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return queries ``(Q, B, C)``."""
        found: Tensor = self.norm(x + self.linear2(F.relu(self.linear1(x))))
        return found


class Embed(nn.Module):
    """Three linear layers."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(channels, channels) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """Return what filters are made of."""
        x = F.relu(self.layers[1](F.relu(self.layers[0](x))))
        found: Tensor = self.layers[2](x)
        return found


def places(x: Tensor) -> Tensor:
    """Return the sine code of the places of a map ``(B, C, H, W)``, ``(B, C, H, W)``."""
    half = x.shape[1] // 2
    ones = torch.ones(x.shape[0], *x.shape[2:])
    parts = []
    for axis in (1, 2):
        place = ones.cumsum(axis)
        place = place / (place.narrow(axis, -1 % place.shape[axis], 1) + 1e-6) * 2 * math.pi
        exponent = torch.div(torch.arange(half, dtype=torch.float32), 2, rounding_mode="floor")
        angle = place[..., None] / 10000 ** (2 * exponent / half)
        parts.append(torch.stack((angle[..., 0::2].sin(), angle[..., 1::2].cos()), 4).flatten(3))
    return torch.cat(parts, 3).permute(0, 3, 1, 2)


class Colors(nn.Module):
    """The colour decoder: a hundred maps."""

    def __init__(self, sizes: tuple[int, ...], channels: int = 256, queries: int = 100, rounds: int = 9) -> None:
        super().__init__()
        self.query_feat, self.query_embed = nn.Embedding(queries, channels), nn.Embedding(queries, channels)
        self.level_embed = nn.Embedding(len(sizes), channels)
        self.input_proj = nn.ModuleList(nn.Conv2d(size, channels, 1) for size in sizes)
        self.transformer_cross_attention_layers = nn.ModuleList(
            Attention("multihead_attn", channels) for _ in range(rounds)
        )
        self.transformer_self_attention_layers = nn.ModuleList(Attention("self_attn", channels) for _ in range(rounds))
        self.transformer_ffn_layers = nn.ModuleList(FeedForward(channels) for _ in range(rounds))
        self.decoder_norm = nn.LayerNorm(channels)
        self.color_embed = Embed(channels)

    def forward(self, maps: list[Tensor], full: Tensor) -> Tensor:
        """Return ``(B, Q, H, W)``."""
        count = full.shape[0]
        values, codes = [], []
        for index, level in enumerate(maps):
            codes.append(places(self.input_proj[index](level)).flatten(2).permute(2, 0, 1))
            value = self.input_proj[index](level).flatten(2) + self.level_embed.weight[index][None, :, None]
            values.append(value.permute(2, 0, 1))
        place = self.query_embed.weight[:, None].repeat(1, count, 1)
        x = self.query_feat.weight[:, None].repeat(1, count, 1)
        rounds = zip(
            self.transformer_cross_attention_layers,
            self.transformer_self_attention_layers,
            self.transformer_ffn_layers,
            strict=True,
        )
        for index, (cross, own, feed) in enumerate(rounds):
            level = index % len(maps)
            x = cross(x, x + place, values[level] + codes[level], values[level])
            x = feed(own(x, x + place, x + place, x))
        filters = self.color_embed(self.decoder_norm(x).transpose(0, 1))
        return torch.einsum("bqc,bchw->bqhw", filters, full)


class Decoder(nn.Module):
    """Pixel decoder and colour decoder."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        one, two, three, four = widths
        self.layers = nn.ModuleList([Up(four, three, 512), Up(512, two, 512), Up(512, one, 256)])
        self.last_shuf = Shuffle(256, 256, 4, norm=False)
        self.color_decoder = Colors((512, 512, 256))

    def forward(self, seen: list[Tensor]) -> Tensor:
        """Return a hundred maps at full size."""
        x, maps = seen[3], []
        for up, skip in zip(self.layers, (seen[2], seen[1], seen[0]), strict=True):
            x = up(x, skip)
            maps.append(x)
        found: Tensor = self.color_decoder(maps, self.last_shuf(x))
        return found


class Encoder(nn.Module):
    """A box for the published prefix of the keys."""

    def __init__(self, encoder: str) -> None:
        super().__init__()
        self.arch = Arch(encoder)


class PlainDDColor(nn.Module):
    """Gray as RGB ``(B, 3, H, W)`` in 0..1 to ab ``(B, 2, H, W)`` in Lab units."""

    def __init__(self, encoder: str) -> None:
        super().__init__()
        self.encoder = Encoder(encoder)
        self.decoder = Decoder(WIDTHS[encoder])
        self.refine_net = nn.Sequential(nn.Sequential(spectral_norm(nn.Conv2d(103, 2, 1))))
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[None, :, None, None])
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225])[None, :, None, None])

    def forward(self, rgb: Tensor) -> Tensor:
        """Return ab."""
        x = (rgb - self.mean) / self.std
        found: Tensor = self.refine_net(torch.cat([self.decoder(self.encoder.arch(x)), x], 1))
        return found
