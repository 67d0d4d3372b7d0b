"""The contract of upsamplers, for every one there is, and what the single ones promise."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from colorcli.registry import UPSAMPLERS

NAMES = UPSAMPLERS.names()
SIZES = [(1, 1), (1, 5000), (700, 3), (2, 2), (41, 67), (64, 64)]


def everything(name, ab, L_small, L):
    rows = UPSAMPLERS.load(name).prepare(ab, L_small, L.shape)
    return rows(0, len(L), L if rows.needs_lightness else None).clone()


def scene(size, small=(9, 7), seed=0):
    generator = torch.Generator().manual_seed(seed)
    ab = torch.rand(2, *small, generator=generator) * 100 - 50
    L_small = torch.rand(1, small[0] * 4, small[1] * 4, generator=generator) * 100
    return ab, L_small, torch.rand(size, generator=generator) * 100


def test_there_are_some():
    assert {"bicubic", "bilinear", "guided"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_shape_dtype_and_range(name, size):
    ab, L_small, L = scene(size)
    full = everything(name, ab, L_small, L)
    assert full.shape == (2, *size)
    assert full.dtype == torch.float32
    assert full.isfinite().all()
    assert full.abs().max() <= 1.6 * ab.abs().max()  # bicubic's own overshoot is 1.54 at worst


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_constant_stays(name, size):
    _, L_small, L = scene(size)
    ab = torch.tensor([37.0, -61.0])[:, None, None].expand(2, 9, 7)
    full = everything(name, ab, L_small, L)
    torch.testing.assert_close(full, ab[:, :1, :1].expand_as(full), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", NAMES)
@given(size=st.tuples(st.integers(1, 40), st.integers(1, 40)), step=st.integers(1, 17))
@settings(max_examples=20, deadline=None)
def test_strips_equal_the_whole(name, size, step):
    ab, L_small, L = scene(size)
    whole = everything(name, ab, L_small, L)
    rows = UPSAMPLERS.load(name).prepare(ab, L_small, size)
    for y0 in range(0, size[0], step):
        y1 = min(y0 + step, size[0])
        part = rows(y0, y1, L[y0:y1] if rows.needs_lightness else None)
        torch.testing.assert_close(part, whole[:, y0:y1], atol=2e-4, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_scales_with_ab_channel_by_channel(name):
    """Strength and the constants of Lab are applied to the small picture; that must be the same."""
    ab, L_small, L = scene((50, 60))
    scale = torch.tensor([1 / 500, -3 / 200])[:, None, None]
    torch.testing.assert_close(
        everything(name, ab * scale, L_small, L), everything(name, ab, L_small, L) * scale, atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize("name", NAMES)
def test_centres_align(name):
    """A ramp stays where it is: half a small pixel of shift would be 5 units here (bicubic itself bends it by 0.5)."""
    ramp = (torch.arange(10) * 10.0).expand(2, 10, 10)
    full = everything(name, ramp, torch.full((1, 40, 40), 50.0), torch.full((80, 80), 50.0))
    expected = (torch.arange(80) + 0.5) / 80 * 100 - 5
    torch.testing.assert_close(full[:, :, 16:-16], expected[16:-16].expand(2, 80, -1), atol=0.6, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_rows_outside_are_refused(name):
    ab, L_small, L = scene((10, 10))
    rows = UPSAMPLERS.load(name).prepare(ab, L_small, (10, 10))
    for y0, y1 in ((-1, 3), (5, 11), (4, 4)):
        with pytest.raises(ValueError, match="rows"):
            rows(y0, y1, L[:2])


@pytest.mark.parametrize("name", ["bicubic", "bilinear"])
@pytest.mark.parametrize("size", [*SIZES, (5, 4), (3000, 11)], ids=str)
def test_equals_torch(name, size):
    ab, L_small, L = scene(size)
    expected = F.interpolate(ab.double()[None], size, mode=name, align_corners=False)[0].float()
    torch.testing.assert_close(everything(name, ab, L_small, L), expected, atol=1e-4, rtol=0)


def test_guided_sharpens_an_edge_that_lightness_shows():
    """Two flat areas that differ in lightness and colour, an edge between the small pixels' centres."""
    L = torch.full((96, 96), 30.0)
    L[:, 43:] = 80.0
    ab = torch.where(L > 50, torch.tensor([[[40.0]], [[-20.0]]]), torch.tensor([[[-10.0]], [[30.0]]]))
    ab_small = F.adaptive_avg_pool2d(ab, (12, 12))
    L_small = F.adaptive_avg_pool2d(L[None], (48, 48))
    error = {name: (everything(name, ab_small, L_small, L) - ab).abs().mean() for name in ("bicubic", "guided")}
    assert error["guided"] < 0.75 * error["bicubic"]


def test_guided_leaves_edges_alone_that_are_only_of_lightness():
    ab, _, L = scene((96, 96), small=(12, 12))
    ab = ab[:, :1].expand(2, 12, 12)  # varies along x only
    L = torch.where(torch.arange(96) < 50, 20.0, 90.0)[:, None].expand(96, 96)  # varies along y only
    L_small = F.adaptive_avg_pool2d(L[None], (48, 48))
    difference = everything("guided", ab, L_small, L) - everything("bicubic", ab, L_small, L)
    assert difference.abs().max() < 0.5


def test_guided_needs_lightness_of_the_rows():
    ab, L_small, L = scene((10, 10))
    rows = UPSAMPLERS.load("guided").prepare(ab, L_small, (10, 10))
    for wrong in (None, L[:3]):
        with pytest.raises(ValueError, match="needs L of shape"):
            rows(0, 2, wrong)
