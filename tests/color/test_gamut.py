"""Chroma reduced at fixed lightness and hue."""

import pytest
import torch

from colorcli.color import gamut, lab


def colours(count=20000, reach=110.0, seed=0):
    """Return fy, u, v of random colours, with dark and bright ones over-represented, float64."""
    generator = torch.Generator().manual_seed(seed)
    L = torch.rand(count, generator=generator, dtype=torch.float64) * 100
    L[: count // 8] = L[: count // 8] / 20
    L[-count // 8 :] = 100 - L[-count // 8 :] / 20
    a, b = (torch.rand(2, count, generator=generator, dtype=torch.float64) * 2 - 1) * reach
    return (L + 16) / 116, a / 500, b / 200


def excess(fy, u, v, scale):
    rgb = gamut.to_linear(fy, u * scale, v * scale)
    return torch.maximum(-rgb.amin(0), rgb.amax(0) - 1)


def searched(fy, u, v):
    inner, outer = torch.zeros_like(fy), torch.ones_like(fy)
    for _ in range(50):
        middle = (inner + outer) / 2
        fits = excess(fy, u, v, middle) <= 1e-9
        inner, outer = torch.where(fits, middle, inner), torch.where(fits, outer, middle)
    return torch.where(excess(fy, u, v, 1.0) <= 1e-9, 1.0, inner)


def chroma(u, v):
    return torch.hypot(500 * u, 200 * v)


def test_agrees_with_lab():
    fy, u, v = colours(1000, reach=30)
    expected = lab.lab_to_linear_rgb(torch.stack((116 * fy - 16, 500 * u, 200 * v))[:, None])[:, 0]
    torch.testing.assert_close(gamut.to_linear(fy, u, v), expected, atol=2e-4, rtol=0)
    codes = torch.linspace(0, 1, 999, dtype=torch.float64)
    torch.testing.assert_close(gamut.encode(codes), lab.linear_to_srgb(codes), atol=1e-6, rtol=0)
    torch.testing.assert_close(
        gamut.root(codes) * 116 - 16, lab.gray_to_L(lab.linear_to_srgb(codes)), atol=1e-4, rtol=0
    )
    torch.testing.assert_close(gamut.cube(gamut.root(codes)), codes, atol=1e-12, rtol=0)


def test_neutral_is_neutral():
    fy, _, _ = colours(1000)
    rgb = gamut.to_linear(fy, torch.zeros_like(fy), torch.zeros_like(fy))
    assert (rgb - gamut.cube(fy)).abs().max() < 1e-12


@pytest.mark.parametrize("reach", [40.0, 110.0, 200.0])
def test_scale_is_the_largest_that_fits(reach):
    fy, u, v = colours(reach=reach)
    found, expected = gamut.chroma_scale(fy, u, v), searched(fy, u, v)
    assert excess(fy, u, v, found).max() < 1e-3
    assert excess(fy, u, v, found).quantile(0.999) < 1e-5
    missing = (expected - found).abs() * chroma(u, v)
    assert missing.quantile(0.99) < 0.02
    assert (found[expected == 1] == 1).all()


def test_float32_is_enough():
    fy, u, v = colours()
    single = gamut.chroma_scale(fy.float(), u.float(), v.float())
    difference = (single - gamut.chroma_scale(fy, u, v)).abs() * chroma(u, v)
    assert difference.quantile(0.99) < 0.05


def test_black_and_white_have_no_chroma():
    fy = torch.tensor([16 / 116, 1.0]).repeat_interleave(4)
    u, v = torch.tensor([0.1, -0.1, 0.0, 0.0]).repeat(2), torch.tensor([0.0, 0.0, 0.2, -0.2]).repeat(2)
    scale = gamut.chroma_scale(fy, u, v)
    assert (scale * chroma(u, v)).max() < 0.05
    assert scale.isfinite().all()


def test_reduce_chroma_keeps_lightness_and_hue():
    generator = torch.Generator().manual_seed(1)
    colour = torch.rand(2, 3, 20, 30, generator=generator) * torch.tensor([100.0, 240.0, 240.0])[:, None, None]
    colour -= torch.tensor([0.0, 120.0, 120.0])[:, None, None]
    fitted = gamut.reduce_chroma(colour)
    rgb = lab.lab_to_rgb(fitted)
    assert rgb.min() > -2e-3  # 1e-4 of linear light
    assert rgb.max() < 1 + 1e-3
    assert torch.equal(fitted[:, 0], colour[:, 0])
    before, after = colour[:, 1:].movedim(1, 0), fitted[:, 1:].movedim(1, 0)
    assert (before[0] * after[1] - before[1] * after[0]).abs().max() < 1e-2  # parallel
    assert (before * after).sum(0).min() >= 0  # and of the same direction
