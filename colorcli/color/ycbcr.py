"""Y'CbCr, the colours of video: a frame's luma is kept code for code, only its chroma is computed.

Luma is a weighted sum of encoded R'G'B', so a colour's luma is not quite that of the gray of equal lightness. As the
luma is given and has to stay, the lightness that goes with it and the wanted a and b is found by one step of Newton's
method from the gray of that luma; what is left of the difference is below a code of 8 bits but for the most
saturated colours. Colours outside sRGB are brought in at fixed lightness and hue, as everywhere
(:mod:`colorcli.color.gamut`); what R'G'B' of the given luma then still exceeds 0..1 by, chroma loses at fixed luma,
which is exact: all three are linear in it.

R'G'B' are taken to be encoded by the sRGB curve, whose shape displays of SDR video follow closely enough; PQ and HLG
are not handled here. Sources: ITU-R BT.601, BT.709, BT.2020 (matrices, ranges, primaries), SMPTE 240M, ITU-T H.273.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from colorcli.color import gamut
from colorcli.color.lab import gray_to_L, linear_rgb_to_lab, srgb_to_linear

#: Weights of R' and B' in luma.
MATRICES = {
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
    "bt2020": (0.2627, 0.0593),
    "smpte240m": (0.212, 0.087),
    "fcc": (0.30, 0.11),
}
#: How far encoded R'G'B' may be outside before the gamut is looked at.
_SLACK = 0.002
#: Chromaticities (x, y) of red, green and blue; the white of all is D65.
PRIMARIES = {
    "bt709": ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
    "bt470bg": ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    "smpte170m": ((0.63, 0.34), (0.31, 0.595), (0.155, 0.07)),
    "bt2020": ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    "p3": ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),
}


@dataclass(frozen=True)
class Coding:
    """How a video's samples stand for colours.

    Attributes:
        matrix: of :data:`MATRICES`.
        primaries: of :data:`PRIMARIES`.
        full: luma takes all codes; otherwise 16 to 235 of 256.
        bits: of a sample, 8 to 16.

    Raises:
        ValueError: an unknown name, or a depth out of range.
    """

    matrix: str = "bt709"
    primaries: str = "bt709"
    full: bool = False
    bits: int = 8

    def __post_init__(self) -> None:
        if self.matrix not in MATRICES or self.primaries not in PRIMARIES or not 8 <= self.bits <= 16:
            raise ValueError(f"unknown coding {self}")

    @property
    def top(self) -> int:
        """The highest code."""
        return (1 << self.bits) - 1

    @property
    def black(self) -> float:
        """The code of luma 0."""
        return 0.0 if self.full else 16.0 * (1 << self.bits - 8)

    @property
    def luma_range(self) -> float:
        """Codes from luma 0 to luma 1."""
        return float(self.top) if self.full else 219.0 * (1 << self.bits - 8)

    @property
    def chroma_range(self) -> float:
        """Codes from Cb = -0.5 to Cb = 0.5; Cr likewise."""
        return float(self.top) if self.full else 224.0 * (1 << self.bits - 8)

    @property
    def middle(self) -> int:
        """The code of no chroma."""
        return 1 << self.bits - 1


def value(codes: Tensor, coding: Coding) -> Tensor:
    """Return luma codes, any shape and dtype, as encoded gray 0..1, float32; what lies beyond white or black is cut."""
    return ((codes.float() - coding.black) / coding.luma_range).clamp(0, 1)


def lightness(codes: Tensor, coding: Coding) -> Tensor:
    """Return L, 0..100, of the grays of luma codes, any shape."""
    return gray_to_L(value(codes, coding))


def to_lab(planes: Tensor, coding: Coding) -> Tensor:
    """Convert codes of Y', Cb and Cr, ``(3, h, w)``, to Lab ``(3, h, w)`` float32; R'G'B' is cut to 0..1."""
    red_weight, blue_weight = MATRICES[coding.matrix]
    luma = value(planes[0], coding)
    cb, cr = (planes[1:].float() - coding.middle) / coding.chroma_range
    red, blue = luma + 2 * (1 - red_weight) * cr, luma + 2 * (1 - blue_weight) * cb
    green = (luma - red_weight * red - blue_weight * blue) / (1 - red_weight - blue_weight)
    linear = srgb_to_linear(torch.stack((red, green, blue)).clamp(0, 1))
    if coding.primaries != "bt709":
        between = gamut.XYZ_TO_RGB @ torch.linalg.inv(_from_xyz(coding.primaries))
        linear = torch.einsum("ij,jhw->ihw", between.float(), linear)
    return linear_rgb_to_lab(linear)


class Chroma:
    """Chroma planes from luma and ab, for one coding.

    Args:
        coding: of the luma that comes in, and of the chroma that goes out.
    """

    def __init__(self, coding: Coding) -> None:
        self.coding = coding
        gray = value(torch.arange(coding.top + 1), coding)
        self._value, self._root = gray, gamut.root(srgb_to_linear(gray))
        # d fy / d value, from neighbours well apart: the curves' slopes vary slowly.
        step = 1 / 512
        low, high = (gray - step).clamp(0, 1), (gray + step).clamp(0, 1)
        ends = [gamut.root(srgb_to_linear(end)) for end in (low, high)]
        self._slope = (ends[1] - ends[0]) / (high - low)
        self._rows = (gamut.XYZ_TO_RGB if coding.primaries == "bt709" else _from_xyz(coding.primaries)).tolist()
        red, blue = MATRICES[coding.matrix]
        self._weights = red, 1 - red - blue, blue

    def __call__(self, luma: Tensor, ab: Tensor) -> Tensor:
        """Return the codes of Cb and Cr.

        Args:
            luma: ``(h, w)`` codes, integers, at the size of the chroma planes.
            ab: ``(2, h, w)`` float32, Lab units.

        Returns:
            ``(2, h, w)`` float32 codes, rounded, within the coding's range. a = b = 0 gives the middle exactly.
        """
        shape = luma.shape
        codes = luma.reshape(-1).int()
        gray, fy = self._value[codes], self._root[codes]
        u, v = ab[0].reshape(-1) / 500, ab[1].reshape(-1) / 200
        encoded = self._encoded(fy, u, v)
        self._bring_in(encoded, fy, u, v)
        wrong = torch.sub(gray, self._luma(encoded))
        fy.addcmul_(wrong, self._slope[codes])
        encoded = self._encoded(fy.clamp_(16 / 116, 1), u, v)
        difference = encoded.sub_(self._luma(encoded))  # of R', G' and B' from luma, (3, n)
        room = torch.where(difference > 0, 1 - gray, -gray)
        scale = (
            (room / torch.where(difference == 0, 1, difference)).masked_fill_(difference == 0, 1).amin(0).clamp_(0, 1)
        )
        red, _, blue = self._weights
        cb = difference[2] * scale / (2 * (1 - blue))
        cr = difference[0] * scale / (2 * (1 - red))
        coding = self.coding
        planes = torch.stack((cb, cr)).mul_(coding.chroma_range).add_(coding.middle)
        low, high = (0.0, float(coding.top)) if coding.full else (coding.black, coding.black + coding.chroma_range)
        return planes.round_().clamp_(low, high).view(2, *shape)

    def _bring_in(self, encoded: Tensor, fy: Tensor, u: Tensor, v: Tensor) -> None:
        """Reduce chroma, in place, where R'G'B' ``(3, n)`` is outside; of wider primaries than sRGB's little is."""
        if self.coding.primaries == "bt2020":
            return
        red, green, blue = encoded
        low, high = torch.minimum(torch.minimum(red, green), blue), torch.maximum(torch.maximum(red, green), blue)
        outside = torch.nonzero((low < -_SLACK) | (high > 1 + _SLACK)).squeeze(1)
        if len(outside):
            fy, narrow_u, narrow_v = fy[outside], u[outside], v[outside]
            scale = gamut.chroma_scale(fy, narrow_u, narrow_v, probes=3)
            u[outside], v[outside] = narrow_u * scale, narrow_v * scale
            encoded[:, outside] = self._encoded(fy, u[outside], v[outside])

    def _encoded(self, fy: Tensor, u: Tensor, v: Tensor) -> Tensor:
        """Return R'G'B' ``(3, n)``, not clipped."""
        X, Y, Z = gamut.cube(fy + u), gamut.cube(fy), gamut.cube(fy - v)
        rgb = X.new_empty(3, *X.shape)
        for channel, (x, y, z) in zip(rgb, self._rows, strict=True):
            torch.mul(Y, y, out=channel).add_(X, alpha=x).add_(Z, alpha=z)
        return gamut.encode(rgb)

    def _luma(self, encoded: Tensor) -> Tensor:
        red, green, blue = self._weights
        return torch.mul(encoded[1], green).add_(encoded[0], alpha=red).add_(encoded[2], alpha=blue)


def _from_xyz(primaries: str) -> Tensor:
    """Return the matrix from white-relative XYZ to linear RGB, float64 ``(3, 3)``; rows sum to 1."""
    xyz = torch.tensor([(x / y, 1.0, (1 - x - y) / y) for x, y in PRIMARIES[primaries]], dtype=torch.float64).T
    white = torch.tensor((0.3127 / 0.3290, 1.0, (1 - 0.3127 - 0.3290) / 0.3290), dtype=torch.float64)
    matrix = xyz * torch.linalg.solve(xyz, white) / white[:, None]
    inverse: Tensor = torch.linalg.inv(matrix)
    return inverse / inverse.sum(1, keepdim=True)
