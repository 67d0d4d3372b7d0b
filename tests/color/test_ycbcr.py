from __future__ import annotations

import itertools

import pytest
import torch

from colorcli.color.lab import rgb_to_lab
from colorcli.color.ycbcr import MATRICES, PRIMARIES, Chroma, Coding, lightness, to_lab, value

CODINGS = [
    Coding(matrix, primaries, full, bits)
    for matrix, primaries, full, bits in itertools.product(
        ("bt601", "bt709", "bt2020"), ("bt709", "smpte170m", "bt2020"), (False, True), (8, 10)
    )
]


def luma_of(rgb: torch.Tensor, coding: Coding) -> torch.Tensor:
    red, blue = MATRICES[coding.matrix]
    luma = red * rgb[0] + (1 - red - blue) * rgb[1] + blue * rgb[2]
    return (luma * coding.luma_range + coding.black).round().int()


@pytest.mark.parametrize("coding", CODINGS, ids=str)
def test_no_colour_is_the_middle_exactly(coding: Coding) -> None:
    luma = torch.arange(coding.top + 1)[None]
    planes = Chroma(coding)(luma, torch.zeros(2, *luma.shape))
    assert planes.eq(coding.middle).all()


@pytest.mark.parametrize("coding", CODINGS, ids=str)
def test_colours_come_back(coding: Coding) -> None:
    # Colours from luma and ab, as the decoder of the film will see them, against what was asked for.
    rgb = torch.rand(3, 60, 60) * 0.7 + 0.15
    wanted = rgb_to_lab(rgb)
    # In the film's own primaries luma is another; any luma will do, if a colour of it exists.
    luma = luma_of(rgb, coding)
    planes = Chroma(coding)(luma, wanted[1:])
    seen = to_lab(torch.cat((luma[None].float(), planes)), coding)
    modest = wanted[1:].norm(dim=0) < 35
    error = (seen - wanted)[1:].norm(dim=0)
    assert error[modest].mean() < (0.8 if coding.bits == 8 else 0.5)
    assert error[modest].quantile(0.98) < 3


def test_luma_stays_and_rgb_stays_in_range_where_colours_are_too_strong() -> None:
    coding = Coding("bt709", "bt709", full=True, bits=10)
    luma = torch.randint(0, 1024, (50, 50))
    ab = torch.randn(2, 50, 50) * 80
    cb, cr = (Chroma(coding)(luma, ab) - coding.middle) / coding.chroma_range
    red_weight, blue_weight = MATRICES["bt709"]
    gray = value(luma, coding)
    red, blue = gray + 2 * (1 - red_weight) * cr, gray + 2 * (1 - blue_weight) * cb
    green = (gray - red_weight * red - blue_weight * blue) / (1 - red_weight - blue_weight)
    rgb = torch.stack((red, green, blue))
    assert rgb.min() > -0.004 and rgb.max() < 1.004  # a code's rounding
    assert (ab.norm(dim=0) > 20).any() and (cb.abs() + cr.abs()).mean() > 0.05  # and it did not go gray


def test_lightness_of_the_ends() -> None:
    coding = Coding()
    L = lightness(torch.tensor([0, 16, 235, 255]), coding)
    assert torch.allclose(L, torch.tensor([0.0, 0.0, 100.0, 100.0]), atol=1e-3)


def test_hue_is_kept_where_chroma_is_reduced() -> None:
    coding = Coding(full=True, bits=16)
    luma = torch.full((1, 36), 50_000)
    angles = torch.arange(36) * torch.pi / 18
    direction = torch.stack((angles.cos(), angles.sin()))[:, None]
    seen = [to_lab(torch.cat((luma[None].float(), Chroma(coding)(luma, direction * r))), coding)[1:] for r in (10, 70)]
    hues = [torch.atan2(ab[1], ab[0]) for ab in seen]
    turned = torch.remainder(hues[0] - hues[1] + torch.pi, 2 * torch.pi) - torch.pi
    assert turned.abs().max() < 0.25
    assert turned.abs().median() < 0.05


@pytest.mark.parametrize("primaries", PRIMARIES)
def test_white_is_white_in_all_primaries(primaries: str) -> None:
    coding = Coding("bt709", primaries, full=True)
    lab = to_lab(torch.tensor([255.0, 128, 128])[:, None, None], coding)
    assert lab[0].item() == pytest.approx(100, abs=0.01) and lab[1:].abs().max() < 0.02


def test_unknown_codings_are_refused() -> None:
    for wrong in ({"matrix": "x"}, {"primaries": "x"}, {"bits": 7}):
        with pytest.raises(ValueError, match="coding"):
            Coding(**wrong)  # type: ignore[arg-type]
