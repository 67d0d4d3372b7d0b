"""Colours of other RGB profiles: to sRGB and, by option, back into the profile they came in."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage.color import rgb2lab

from colorcli.media import profiles
from colorcli.media.formats import FORMATS
from colorcli.media.photo import Photo, read, write


def _matrix(icc: bytes) -> np.ndarray:
    names = (b"rXYZ", b"gXYZ", b"bXYZ")
    return np.array([struct.unpack(">3i", profiles._tag(icc, name)[8:20]) for name in names]).T / 65536


def _exact(pixels: np.ndarray, icc: bytes) -> np.ndarray:
    """Adobe RGB to sRGB in double precision: gamma, two matrices, the sRGB curve."""
    linear = (pixels / np.iinfo(pixels.dtype).max) ** (563 / 256)
    linear = (linear @ (np.linalg.inv(_matrix(profiles.srgb())) @ _matrix(icc)).T).clip(0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def _tiff(pixels: np.ndarray, icc: bytes) -> io.BytesIO:
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, photometric="rgb", iccprofile=icc)
    return stream


def test_sixteen_bit_colour_of_a_wide_profile(rgb, deepen, wide_profile) -> None:
    pixels = deepen(rgb)
    found = read(_tiff(pixels, wide_profile))
    exact = _exact(pixels, wide_profile)
    assert found.warnings == []
    assert found.pixels.dtype == np.uint16
    assert np.abs(found.pixels - exact * 65535).max() <= 1.01
    lightness = [rgb2lab(values)[..., 0] for values in (found.pixels / 65535, exact)]
    assert np.abs(lightness[0] - lightness[1]).max() < 0.02
    assert found.source_icc == wide_profile
    assert found.metadata.icc == profiles.srgb()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_neutral_pixels_among_colours_stay_neutral(dtype, wide_profile) -> None:
    top = np.iinfo(dtype).max
    ramp = np.linspace(0, top, 4096).round().astype(dtype).reshape(64, 64)
    pixels = np.dstack([ramp] * 3)
    pixels[0, 0] = (top, 0, 0)
    found = read(_tiff(pixels, wide_profile)).pixels
    assert found.ndim == 3
    assert np.ptp(found.reshape(-1, 3)[1:].astype(int), axis=1).max() == 0


def test_an_srgb_profile_under_another_name_has_no_way_back(rgb, srgb_profile) -> None:
    assert read(_tiff(rgb, srgb_profile)).source_icc is None


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("form", [name for name, form in FORMATS.items() if form.profile and form.lossless])
def test_colour_goes_back_into_the_profile_it_came_in(form, depth, rgb, deepen, wide_profile, tmp_path: Path) -> None:
    pixels = rgb if depth == 8 else deepen(rgb)
    path = tmp_path / f"a{FORMATS[form].suffixes[0]}"
    photo = read(_tiff(pixels, wide_profile))
    assert write(photo, path, profile="keep") == []
    with Image.open(path) as image:
        assert wide_profile in path.read_bytes() or image.info["icc_profile"] == wide_profile  # PNG packs it
    stored = tifffile.imread(path) if form == "TIFF" else None
    if stored is not None:
        inside = _exact_inside(pixels, wide_profile)  # colours that sRGB cannot hold were cut
        assert np.abs(stored.astype(int) - pixels)[inside].max() <= (2 if depth == 8 else 40)
    again = read(path)
    near = 2 if depth == 8 else 40
    assert np.abs(again.pixels.astype(int) - photo.pixels).max() <= near
    assert again.source_icc == wide_profile


def _exact_inside(pixels: np.ndarray, icc: bytes) -> np.ndarray:
    linear = (pixels / np.iinfo(pixels.dtype).max) ** (563 / 256)
    linear = linear @ (np.linalg.inv(_matrix(profiles.srgb())) @ _matrix(icc)).T
    return ((linear > 0.01) & (linear < 0.99)).all(axis=-1)


def test_formats_without_profiles_say_so(rgb, wide_profile, tmp_path) -> None:
    photo = read(_tiff(rgb, wide_profile))
    for form in (name for name, form in FORMATS.items() if not form.profile):
        path = tmp_path / f"a{FORMATS[form].suffixes[0]}"
        notes = write(photo, path, profile="keep")
        assert any("written as sRGB" in note for note in notes)
        np.testing.assert_array_equal(read(path).pixels, photo.pixels)


def test_gray_pixels_are_written_as_they_are(gray, wide_profile, tmp_path) -> None:
    write(Photo(gray, source_icc=wide_profile), tmp_path / "a.png", profile="keep")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), gray)


def test_a_profile_that_can_only_be_read_from(rgb, tmp_path) -> None:
    notes = write(Photo(rgb, source_icc=b"no profile at all"), tmp_path / "a.png", profile="keep")
    assert "only be read from" in notes[0]
    np.testing.assert_array_equal(read(tmp_path / "a.png").pixels, rgb)


def test_a_profile_for_other_pixels_is_none(srgb_profile) -> None:
    for dtype in (np.uint8, np.uint16):
        with pytest.raises(profiles.BrokenProfileError):
            profiles.colors_to_srgb(np.zeros((2, 2, 4), dtype), srgb_profile)
