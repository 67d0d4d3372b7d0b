"""Prints and films grow old, and scans of them are made in a hurry: what that does to lightness.

A network that has only seen clean modern pictures takes a scratch for a thing and a faded sky for a wall. Here a batch
of lightness is damaged as old originals are, one kind after the other in the order in which it happens to a picture:
lens and exposure, film grain, the years, the print, the scan. Only lightness changes; the colours to find stay.

Every draw is a function of a generator that the caller seeds and of the place in the whole batch, so that a part of a
batch is damaged as it would have been in the whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

#: JPEG's own table for lightness (ITU T.81, annex K, table K.1), 8 x 8.
_QUANTA = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
#: Most lines and spots on one picture.
_LINES, _SPOTS = 3, 8


@dataclass(frozen=True)
class _Draw:
    """The random numbers of one batch: drawn for all of its pictures, given for those whose places are ``here``."""

    rng: np.random.Generator
    total: int
    here: np.ndarray
    device: torch.device

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Return float32 ``(B, *shape)``."""
        values = self.rng.uniform(low, high, (self.total, *shape)).astype(np.float32)
        return torch.from_numpy(values[self.here]).to(self.device)

    def noise(self, height: int, width: int) -> Tensor:
        """Return standard normal float32 ``(B, height, width)``."""
        generator = torch.Generator().manual_seed(int(self.rng.integers(2**62)))
        return torch.randn((self.total, height, width), generator=generator)[self.here].to(self.device)


def age(L: Tensor, rng: np.random.Generator, *, chance: float = 1.0, wear: float = 0.35,
        start: int = 0, total: int | None = None) -> Tensor:  # fmt: skip
    """Return lightness as old pictures have it.

    Args:
        L: float32 ``(B, 1, H, W)``, 0..100.
        rng: where the draws come from; equal generators give equal damage.
        chance: that a picture is damaged at all.
        wear: chance of each kind of damage to a picture that is.
        start: place of the first picture in the whole batch.
        total: pictures in the whole batch; None if this is the whole.

    Returns:
        The same shape and range; pictures that were spared are exactly as they were.
    """
    batch = len(L) if total is None else total
    places = np.arange(start, start + len(L))
    old = (rng.random(batch) < chance)[places]
    aged = L.clone()
    for damage in DAMAGES:
        # A generator of its own for each: what one damage draws must not depend on whether another hit anybody here.
        own = np.random.default_rng(rng.integers(2**62))
        hit = old & (own.random(batch) < wear)[places]
        if hit.any():
            aged[hit, 0] = 100 * damage(aged[hit, 0] / 100, _Draw(own, batch, places[hit], L.device)).clamp(0, 1)
    return aged


def soften(x: Tensor, draw: _Draw) -> Tensor:
    """Soften ``(B, H, W)``: a simple lens, a shaken hand, a copy of a copy. Gaussian of 0.6 to 2 pixels."""
    return _gauss(x, draw.uniform(0.6, 2.0))


def misexpose(x: Tensor, draw: _Draw) -> Tensor:
    """Expose wrongly: up to a fifth of the range is lost at either end."""
    low, high = draw.uniform(0, 0.2)[:, None, None], draw.uniform(0.8, 1.0)[:, None, None]
    return (x - low) / (high - low)


def grain(x: Tensor, draw: _Draw) -> Tensor:
    """Add film grain: coarse, and strongest in the middle tones, where neither all crystals nor none are black."""
    sigma, strength = draw.uniform(0.4, 1.2), draw.uniform(0.01, 0.06)[:, None, None]
    coarse = _gauss(draw.noise(*x.shape[1:]), sigma) * (2 * math.sqrt(math.pi) * sigma)[:, None, None].clamp(min=1)
    return x + strength * coarse * (4 * x * (1 - x)).clamp(min=0.15)


def blind(x: Tensor, draw: _Draw) -> Tensor:
    """Darken towards the corners, as simple lenses do, by up to half."""
    y, z = _grid(x)
    away = (y**2 + z**2) / 2  # 0 in the middle, 1 in the corners
    return x * (1 - draw.uniform(0.1, 0.5)[:, None, None] * away)


def fade(x: Tensor, draw: _Draw) -> Tensor:
    """Fade unevenly: black lifts, white yellows to a darker tone, more here than there."""
    cells = draw.uniform(0, 1, 1, 3, 3)
    field = F.interpolate(cells, x.shape[1:], mode="bicubic", align_corners=True)[:, 0].clamp(0, 1)
    field = field * draw.uniform(0.2, 1.0)[:, None, None]
    return x + field * (0.25 + 0.55 * x - x)


def scratch(x: Tensor, draw: _Draw) -> Tensor:
    """Draw up to three scratches or creases, light or dark, mostly upright as a projector makes them."""
    y, z = (grid[:, None] for grid in _grid(x))
    place, slope = draw.uniform(-1, 1, _LINES), draw.uniform(-1, 1, _LINES) ** 3
    width, tone = draw.uniform(0.4, 1.2, _LINES), draw.uniform(-0.5, 0.7, _LINES)
    there = draw.uniform(0, 1, _LINES) < 0.6
    away = (z - (place[..., None, None] + slope[..., None, None] * y)).abs() * (x.shape[-1] / 2)  # pixels
    lines = torch.exp(-((away / width[..., None, None]) ** 2))
    return x + ((tone * there)[..., None, None] * lines).sum(1)


def spot(x: Tensor, draw: _Draw) -> Tensor:
    """Leave dust, foxing and mould: up to eight round spots of 0.5 to 3 pixels."""
    down, across = draw.uniform(0, 1, _SPOTS), draw.uniform(0, 1, _SPOTS)
    radius, tone = draw.uniform(0.5, 3, _SPOTS), draw.uniform(-0.5, 0.6, _SPOTS)
    there = draw.uniform(0, 1, _SPOTS) < 0.5

    def profile(place: Tensor, side: int) -> Tensor:  # (B, S, side): a round Gaussian is the product of two
        away = torch.arange(side, device=x.device) - place[..., None] * side
        return torch.exp(-((away / radius[..., None]) ** 2))

    height, width = x.shape[1:]
    return x + torch.einsum("bs,bsh,bsw->bhw", tone * there, profile(down, height), profile(across, width))


def screen(x: Tensor, draw: _Draw) -> Tensor:
    """Print with a halftone screen of 2.5 to 5 pixels at any angle, half seen as a scanner softens it."""
    height, width = x.shape[1:]
    y, z = _grid(x)
    y, z = y * height / 2, z * width / 2
    angle, period = draw.uniform(0, math.pi)[:, None, None], draw.uniform(2.5, 5)[:, None, None]
    turn = 2 * math.pi / period
    u, v = turn * (z * angle.cos() + y * angle.sin()), turn * (y * angle.cos() - z * angle.sin())
    threshold = 0.5 + 0.25 * (u.cos() + v.cos())
    dots = torch.sigmoid(8 * (x - threshold))
    return torch.lerp(x, dots, draw.uniform(0.1, 0.6)[:, None, None])


def compress(x: Tensor, draw: _Draw) -> Tensor:
    """Quantise as JPEG of quality 8 to 50 does, in blocks of 8 x 8."""
    quality = draw.uniform(8, 50)
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)[:, None, None, None, None] / 100
    quanta = torch.tensor(_QUANTA, dtype=x.dtype, device=x.device).reshape(8, 8)
    quanta = (quanta[:, None, :] * scale).round().clamp(1, 255)  # (B, 1, 8, 1, 8): rows and columns of a block
    height, width = x.shape[1:]
    down, across = -height % 8, -width % 8
    padded = F.pad(x[:, None], (0, across, 0, down), mode="replicate")[:, 0]
    blocks = (255 * padded - 128).reshape(len(x), (height + down) // 8, 8, (width + across) // 8, 8)
    basis = _dct(x)
    cosines = torch.einsum("ki,bhiwj,lj->bhkwl", basis, blocks, basis)
    cosines = (cosines / quanta).round() * quanta
    blocks = torch.einsum("ki,bhkwl,lj->bhiwj", basis, cosines, basis)
    return (blocks.reshape(padded.shape)[:, :height, :width] + 128) / 255


#: Every kind of damage, in the order in which it comes over a picture. Each takes and returns ``(B, H, W)``, 0..1.
DAMAGES: tuple[Callable[[Tensor, _Draw], Tensor], ...] = (
    soften, blind, misexpose, grain, fade, scratch, spot, screen, compress,
)  # fmt: skip


def _grid(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return places of rows and columns, -1..1, ``(1, H, 1)`` and ``(1, 1, W)``."""
    down, across = (torch.linspace(-1, 1, side, device=x.device) for side in x.shape[1:])
    return down[None, :, None], across[None, None, :]


def _gauss(x: Tensor, sigma: Tensor) -> Tensor:
    """Blur each picture of ``(B, H, W)`` with its own sigma ``(B,)``, pixels."""
    taps = torch.arange(-4, 5, device=x.device)
    kernel = torch.exp(-(taps**2) / (2 * sigma[:, None] ** 2))
    kernel = kernel / kernel.sum(1, keepdim=True)
    rows = F.pad(x[None], (4, 4, 4, 4), mode="replicate")
    rows = F.conv2d(rows, kernel[:, None, :, None], groups=len(x))
    blurred: Tensor = F.conv2d(rows, kernel[:, None, None, :], groups=len(x))[0]
    return blurred


def _dct(x: Tensor) -> Tensor:
    """Return the orthonormal cosine transform of 8 samples, ``(8, 8)``: a row for each frequency."""
    at = torch.arange(8, dtype=x.dtype, device=x.device)
    basis = torch.cos(math.pi * at[:, None] * (2 * at + 1) / 16) / 2
    basis[0] /= math.sqrt(2)
    return basis
