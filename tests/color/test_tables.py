"""The look-up tables against the formulas."""

import pytest
import torch

from colorcli.color import tables
from colorcli.color.lab import gray_to_L, linear_to_srgb, rgb_to_lab, srgb_to_linear


@pytest.mark.parametrize("levels", [256, 65536])
def test_code_tables(levels):
    codes = torch.arange(levels, dtype=torch.float64) / (levels - 1)
    torch.testing.assert_close(tables.linear(levels).double(), srgb_to_linear(codes), atol=1e-7, rtol=1e-6)
    torch.testing.assert_close(116 * tables.f_of_gray(levels).double() - 16, gray_to_L(codes), atol=2e-5, rtol=0)
    gray = codes.expand(3, 1, -1)
    Y = tables.luminance(levels).sum(0).double()
    torch.testing.assert_close(Y, srgb_to_linear(codes), atol=1e-6, rtol=1e-6)
    assert (rgb_to_lab(gray)[0, 0] - gray_to_L(codes)).abs().max() < 1e-3


def test_encoding_rounds_rightly():
    linear = torch.linspace(-0.0015, 1.0015, 400001, dtype=torch.float64)
    index = ((linear + tables.ENCODE_MARGIN) * tables.ENCODE_STEPS).long()
    found = tables.encode8()[index].double()
    exact = linear_to_srgb(linear.clamp(0, 1)) * 255
    assert (found - exact).abs().max() < 0.55  # an entry is at most a twentieth of a code value wide
    assert (found != exact.round()).double().mean() < 0.003


def test_encoding_gives_every_code_back():
    codes = torch.arange(256)
    index = ((srgb_to_linear(codes.double() / 255) + tables.ENCODE_MARGIN) * tables.ENCODE_STEPS).long()
    assert torch.equal(tables.encode8()[index].long(), codes)
