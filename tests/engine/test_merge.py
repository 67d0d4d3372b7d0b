"""The full-resolution merge against a plain float64 one, and what it must keep."""

import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import color, data
from torch.nn import functional as F

from colorcli.engine import _codes
from colorcli.engine import merge as merging
from colorcli.engine.merge import merge
from colorcli.errors import UsageError
from colorcli.registry import UPSAMPLERS

# -- a straightforward merge in float64 ---------------------------------------------------------------------------

TO_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
WHITE = TO_XYZ.sum(1)


def to_linear(code):
    return np.where(code > 0.04045, ((code + 0.055) / 1.055) ** 2.4, code / 12.92)


def to_code(linear):
    return np.where(linear > 0.0031308, 1.055 * np.maximum(linear, 1e-12) ** (1 / 2.4) - 0.055, 12.92 * linear)


def lightness_of(pixels):
    code = pixels / np.iinfo(pixels.dtype).max
    Y = to_linear(code) if pixels.ndim == 2 else to_linear(code) @ TO_XYZ[1]
    return 116 * np.where(Y > 0.008856452, np.cbrt(Y), Y * 841 / 108 + 4 / 29) - 16


def rgb_of(L, a, b):
    f = np.stack([(L + 16) / 116 + a / 500, (L + 16) / 116, (L + 16) / 116 - b / 200], -1)
    return (np.where(f > 6 / 29, f**3, (f - 4 / 29) * 108 / 841) * WHITE) @ np.linalg.inv(TO_XYZ).T


def reference(pixels, ab):
    """Return the merged picture, and which pixels were outside sRGB."""
    L = lightness_of(pixels)
    inner, outer = np.zeros(L.shape), np.ones(L.shape)

    def fits(scale):
        rgb = rgb_of(L, ab[0] * scale, ab[1] * scale)
        return (rgb.min(-1) >= -1e-9) & (rgb.max(-1) <= 1 + 1e-9)

    inside = fits(1.0)
    for _ in range(30):
        middle = (inner + outer) / 2
        ok = fits(middle)
        inner, outer = np.where(ok, middle, inner), np.where(ok, outer, middle)
    scale = np.where(inside, 1, inner)
    code = to_code(rgb_of(L, ab[0] * scale, ab[1] * scale).clip(0, 1))
    return np.rint(code * np.iinfo(pixels.dtype).max).astype(pixels.dtype), ~inside


def full_ab(ab, size):
    return F.interpolate(ab.double()[None], size, mode="bicubic", align_corners=False)[0].numpy()


# -- pictures -----------------------------------------------------------------------------------------------------


def random_ab(reach, small=(9, 13), seed=0):
    return (torch.rand(2, *small, generator=torch.Generator().manual_seed(seed)) * 2 - 1) * reach


def no_L(small=(36, 52)):
    return torch.full((1, *small), 50.0)


def ramp(dtype, shape=(150, 211)):
    """Every lightness from black to white."""
    return np.rint(np.linspace(0, 1, shape[0] * shape[1]).reshape(shape) * np.iinfo(dtype).max).astype(dtype)


def noise(dtype, shape=(150, 211, 3)):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


PICTURES = [ramp(np.uint8), noise(np.uint8), ramp(np.uint16), noise(np.uint16)]
IDS = ["gray8", "rgb8", "gray16", "rgb16"]


@pytest.mark.parametrize("reach", [10.0, 60.0, 120.0])
@pytest.mark.parametrize("pixels", PICTURES, ids=IDS)
def test_equals_the_reference(pixels, reach):
    ab = random_ab(reach)
    out = merge(pixels, ab, no_L())
    eight, rgb = pixels.dtype == np.uint8, pixels.ndim == 3
    full = full_ab(ab, pixels.shape[:2])
    expected, outside = reference(pixels, np.floor(full * 2 + 0.5) / 2 if eight else full)
    assert out.dtype == pixels.dtype
    assert out.shape == (*pixels.shape[:2], 3)
    difference = np.abs(out.astype(int) - expected.astype(int))
    # In 8 bits, ab on the very edge of a cell may fall to either side, and the lightness of RGB is rounded, too.
    assert (difference[~outside] > 1).mean() < (1e-3 if eight else 1e-9)
    assert (difference[~outside] > 0).mean() < (0.2 if eight and rgb else 0.005)
    # Where chroma is reduced the amount is good, not exact; lightness is tested by itself.
    allowed = 2 if out.dtype == np.uint8 else 16
    assert (difference[outside] > allowed).mean() < 0.02


@pytest.mark.parametrize("reach", [10.0, 60.0])
@pytest.mark.parametrize("pixels", PICTURES[:2], ids=IDS[:2])
def test_rounding_colour_to_cells_is_about_one_code_value(pixels, reach):
    ab = random_ab(reach)
    expected, outside = reference(pixels, full_ab(ab, pixels.shape[:2]))
    difference = np.abs(merge(pixels, ab, no_L()).astype(int) - expected.astype(int))[~outside]
    assert difference.mean() < 0.35
    assert np.quantile(difference, 0.99) <= 2


def test_more_colours_than_are_kept_at_once():
    """Noise in ab has more cells than there is room for; the result must not know."""
    pixels = ramp(np.uint8, (300, 400))
    ab = random_ab(100, small=(300, 400))
    whole = merge(pixels, ab, no_L())
    assert len(np.unique((ab.numpy() * 2).round().reshape(2, -1), axis=1).T) > _codes._SLOTS
    rows = [merge(pixels[y : y + 10], ab[:, y : y + 10], no_L()) for y in range(0, 300, 10)]
    assert np.array_equal(np.concatenate(rows), whole)


@pytest.mark.parametrize("reach", [0.0, 10.0, 60.0, 120.0])
@pytest.mark.parametrize("upsampler", UPSAMPLERS.names())
@pytest.mark.parametrize("pixels", PICTURES, ids=IDS)
def test_lightness_survives(pixels, upsampler, reach):
    """Issue 2: mean |dL| at most 0.25 and the 99.9th percentile at most 1 in 8 bits; 16 bits far less."""
    out = merge(pixels, random_ab(reach), no_L(), upsampler=upsampler)
    error = np.abs(lightness_of(out) - lightness_of(pixels))
    if out.dtype == np.uint8:
        assert error.mean() < 0.12
        assert np.quantile(error, 0.999) < 0.3
        assert error.max() < 0.5
    else:
        assert error.max() < 0.005


def test_lightness_survives_in_photographs_by_scikit_image():
    for picture in (data.astronaut(), data.coffee(), data.camera()):
        out = merge(picture, random_ab(70), no_L())
        before = lightness_of(picture)
        error = np.abs(color.rgb2lab(out)[..., 0] - before)
        assert error.mean() < 0.25
        assert np.quantile(error, 0.999) < 1.0


def test_hue_survives():
    """Chroma is reduced, hue is not turned: the angle of ab stays, within what 16 bits resolve."""
    pixels = np.full((40, 60), 50000, np.uint16)
    angle = torch.linspace(0, 6.28, 60)
    ab = torch.stack((angle.cos(), angle.sin()))[:, None] * torch.linspace(100, 200, 40)[:, None]
    out = color.rgb2lab(merge(pixels, ab, no_L()) / 65535)
    turned = np.arctan2(out[..., 2], out[..., 1]) - torch.atan2(ab[1], ab[0]).numpy()
    assert np.abs((turned + np.pi) % (2 * np.pi) - np.pi).max() < 0.01
    assert np.hypot(out[..., 1], out[..., 2]).min() > 15


@pytest.mark.parametrize("upsampler", UPSAMPLERS.names())
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_no_colour_gives_the_gray_back(dtype, upsampler):
    pixels = ramp(dtype, (300, 250))
    for ab, strength in ((random_ab(100), 0.0), (torch.zeros(2, 5, 4), 1.0)):
        out = merge(pixels, ab, no_L(), strength=strength, upsampler=upsampler)
        assert (out == pixels[..., None]).all()


def test_neutral_rgb_counts_as_gray():
    gray = ramp(np.uint8)
    ab = random_ab(40)
    one, other = merge(gray, ab, no_L()), merge(np.stack([gray] * 3, -1), ab, no_L())
    # The lightness of RGB is rounded to 1024 steps: near black that can be worth three codes of a saturated channel.
    assert np.abs(one.astype(int) - other).max() <= 3
    assert (np.abs(one.astype(int) - other) > 1).mean() < 1e-3
    assert np.abs(lightness_of(one) - lightness_of(other)).max() < 0.6  # each is within 0.3 of the truth


def test_colours_of_the_photo_are_dropped():
    picture = data.astronaut()
    out = merge(picture, torch.zeros(2, 4, 4), no_L())
    assert (out != out[..., :1]).mean() < 1e-4
    assert np.abs(out.astype(int) - out[..., :1]).max() <= 1
    assert np.abs(lightness_of(out) - lightness_of(picture)).max() < 0.35


def test_strength_scales_chroma():
    pixels = np.full((30, 30), 40000, np.uint16)
    ab = torch.tensor([12.0, -9.0])[:, None, None].expand(2, 4, 4)
    for strength in (0.5, 1.0, 2.0):
        out = color.rgb2lab(merge(pixels, ab, no_L(), strength=strength) / 65535)
        np.testing.assert_allclose(out[..., 1:], np.broadcast_to([12, -9], (30, 30, 2)) * strength, atol=0.02)


def test_smooth_stays_smooth():
    """A gray wedge under constant colour gives channels that never turn back, in gamut and out: no banding."""
    pixels = np.tile(np.arange(65536, dtype=np.uint16), (2, 1))
    out = merge(pixels, torch.tensor([30.0, 40.0])[:, None, None].expand(2, 3, 3), no_L()).astype(int)
    steps = np.diff(out[0], axis=0)[800:-800]  # black and white aside
    assert np.abs(steps).max() < 12
    eight = merge((pixels[:, ::257] // 257).astype(np.uint8), torch.full((2, 3, 3), 30.0), no_L())
    assert (np.diff(eight[0, 10:200].astype(int), axis=0) >= 0).all()


# -- sizes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("upsampler", UPSAMPLERS.names())
@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 3), (2, 70001), (3, 4)], ids=str)
def test_any_size(size, upsampler):
    rng = np.random.default_rng(1)
    ab, L = random_ab(20, (6, 8)), no_L((24, 32))
    for dtype in (np.uint8, np.uint16):
        pixels = rng.integers(np.iinfo(dtype).max // 3, np.iinfo(dtype).max // 2, size, dtype=dtype)
        out = merge(pixels, ab, L, upsampler=upsampler)
        assert out.shape == (*size, 3)
        assert np.abs(lightness_of(out) - lightness_of(pixels)).max() < 0.5


@pytest.mark.parametrize("upsampler", UPSAMPLERS.names())
def test_wide_rows_equal_the_same_picture_in_shorter_strips(upsampler, monkeypatch):
    pixels = noise(np.uint8, (7, 3000))
    ab, L = random_ab(60), no_L()
    whole = merge(pixels, ab, L, upsampler=upsampler)
    monkeypatch.setattr(merging, "LENGTH", 1234)
    parts = merge(pixels, ab, L, upsampler=upsampler)
    assert np.abs(whole.astype(int) - parts).max() <= 1
    assert (whole != parts).mean() < 1e-3


@given(
    height=st.integers(1, 60), width=st.integers(1, 60), rgb=st.booleans(), deep=st.booleans(),
    reach=st.sampled_from([0.0, 15.0, 80.0]), strength=st.sampled_from([0.0, 0.5, 1.0, 2.0]), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_any_picture(height, width, rgb, deep, reach, strength, seed):
    dtype = np.uint16 if deep else np.uint8
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, np.iinfo(dtype).max, (height, width, 3) if rgb else (height, width), dtype, endpoint=True)
    out = merge(pixels, random_ab(reach, (5, 5), seed), no_L(), strength=strength)
    error = np.abs(lightness_of(out) - lightness_of(pixels))
    assert error.max() < (0.01 if deep else 0.5)


def test_views_and_transposes_are_read_rightly():
    pixels = noise(np.uint8, (60, 40))
    ab = random_ab(20)
    assert (merge(pixels.T, ab, no_L()) == merge(np.ascontiguousarray(pixels.T), ab, no_L())).all()
    assert (merge(pixels[::2, ::3], ab, no_L()) == merge(pixels[::2, ::3].copy(), ab, no_L())).all()


def test_input_is_left_alone_and_may_be_read_only():
    pixels = ramp(np.uint8)
    pixels.setflags(write=False)
    ab = random_ab(20)
    before = ab.clone()
    merge(pixels, ab, no_L(), strength=1.5, upsampler="guided")
    assert torch.equal(ab, before)


def test_threads_do_not_disturb_each_other():
    pictures = [noise(np.uint8, (200, 150 + 10 * i)) for i in range(6)]
    ab = random_ab(60)
    alone = [merge(picture, ab, no_L(), upsampler="guided") for picture in pictures]
    together = [None] * len(pictures)

    def work(i):
        for _ in range(3):
            together[i] = merge(pictures[i], ab, no_L(), upsampler="guided")

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(pictures))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((one == other).all() for one, other in zip(alone, together, strict=True))


# -- mistakes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 4), np.float32), np.zeros((4, 4, 4), np.uint8), np.zeros(4, np.uint8), np.zeros((0, 4), np.uint8)],
    ids=["float", "rgba", "flat", "empty"],
)
def test_wrong_pixels(pixels):
    with pytest.raises(ValueError, match="pixels must be"):
        merge(pixels, random_ab(1), no_L())


def test_wrong_ab_and_strength():
    pixels = ramp(np.uint8)
    with pytest.raises(ValueError, match="ab must be"):
        merge(pixels, random_ab(1)[None], no_L())
    with pytest.raises(ValueError, match="ab must be"):
        merge(pixels, random_ab(1), no_L()[0])
    with pytest.raises(ValueError, match="not finite"):
        merge(pixels, random_ab(1) * torch.nan, no_L())
    for strength in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="strength"):
            merge(pixels, random_ab(1), no_L(), strength=strength)


def test_unknown_upsampler_gets_a_near_miss():
    with pytest.raises(UsageError, match="bicubic"):
        merge(ramp(np.uint8), random_ab(1), no_L(), upsampler="bicubik")


def test_codes_met_in_inference_mode_serve_outside_of_it_too() -> None:
    with torch.inference_mode():
        codes = _codes.Codes(torch.linspace(0, 1, 256))
    assert codes.make_room(np.array([5000]))
    codes.work_out(np.array([0, 255]))
    assert bool((codes.codes[[0, 255]] >= 0).all())
