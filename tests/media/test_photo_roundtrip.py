"""Every format x depth x gray or colour x alpha: what a format can hold comes back bit for bit, what not is said."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from colorcli.errors import MediaError
from colorcli.media import encode
from colorcli.media.formats import FORMATS
from colorcli.media.photo import Metadata, Photo, read, write


@pytest.mark.parametrize("with_alpha", [False, True], ids=["opaque", "alpha"])
@pytest.mark.parametrize("kind", ["gray", "rgb"])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("form", FORMATS)
def test_round_trip(form, depth, kind, with_alpha, request, deepen, tmp_path) -> None:
    pixels = request.getfixturevalue(kind)
    alpha = np.random.default_rng(1).integers(0, 256, pixels.shape[:2]).astype(np.uint8) if with_alpha else None
    if depth == 16:
        pixels, alpha = deepen(pixels), None if alpha is None else deepen(alpha)
    able = FORMATS[form]
    path = tmp_path / f"picture{able.suffixes[0]}"

    notes = write(Photo(pixels, alpha), path)
    found = read(path)

    expected, notices = pixels, 0
    if depth == 16 and not able.deep:
        expected, notices = np.round(pixels / 257).astype(np.uint8), notices + 1
        alpha = None if alpha is None else np.round(alpha / 257).astype(np.uint8)
    if with_alpha and not able.alpha:
        alpha, notices = None, notices + 1
    if form == "HEIF":  # its transparency is lossy
        notices += with_alpha
    if form in ("AVIF", "HEIF"):  # 12 bits
        notices += depth == 16
    assert len(notes) == notices, notes
    assert found.warnings == []
    assert found.format == form
    assert found.pixels.dtype == expected.dtype
    assert found.pixels.flags.c_contiguous
    assert found.pixels.shape == expected.shape
    if able.lossless:
        np.testing.assert_array_equal(found.pixels, expected)
    else:
        assert np.abs(found.pixels.astype(float) - expected).mean() < 2.5 * (
            257 if found.pixels.dtype == np.uint16 else 1
        )
    assert (found.alpha is None) == (alpha is None)
    if alpha is not None and form == "HEIF":
        assert np.abs(found.alpha.astype(float) - alpha).mean() < (3 if depth == 8 else 771)
    elif alpha is not None and form == "AVIF" and depth == 16:
        assert np.abs(found.alpha.astype(int) - alpha).max() <= 8  # half a step of 12 bits
    elif alpha is not None:
        np.testing.assert_array_equal(found.alpha, alpha)


def test_webp_of_quality_100_is_lossless(rgb, tmp_path) -> None:
    path = tmp_path / "a.webp"
    write(Photo(rgb), path, quality=100)
    np.testing.assert_array_equal(read(path).pixels, rgb)


def test_sixteen_bits_are_rounded_not_cut() -> None:
    every = np.arange(65536, dtype=np.uint16)
    np.testing.assert_array_equal(encode.to_eight_bits(every), np.floor(every / 257 + 0.5).astype(np.uint8))


@pytest.mark.parametrize("kind", ["gray", "rgb"])
def test_the_two_jpeg_encoders_write_the_same_bytes(kind, request, monkeypatch, srgb_profile) -> None:
    pixels = request.getfixturevalue(kind)
    about = Metadata(icc=srgb_profile, xmp=b"<x/>", dpi=(300, 300), comment=b"a word") if kind == "rgb" else Metadata()
    files = []
    for limit in (10**9, 0):
        monkeypatch.setattr(encode, "_LARGE_JPEG", limit)
        buffer = io.BytesIO()
        write(Photo(pixels, metadata=about), buffer, format="JPEG")
        files.append(buffer.getvalue())
    assert files[0] == files[1]


def test_jpeg_keeps_the_colour_of_every_pixel(rgb, tmp_path) -> None:
    path = tmp_path / "a.jpg"
    write(Photo(rgb), path)
    with Image.open(path) as image:
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3  # 4:4:4


def test_quality_changes_the_size(rgb, tmp_path) -> None:
    for suffix in (".jpg", ".webp", ".avif"):
        sizes = []
        for quality in (40, 95):
            path = tmp_path / f"{quality}{suffix}"
            write(Photo(rgb), path, quality=quality)
            sizes.append(path.stat().st_size)
        assert sizes[0] < 0.8 * sizes[1]


def test_streams_in_and_out(rgb) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    buffer = io.BytesIO()
    write(Photo(rgb, format="PNG"), buffer)
    found = read(Pipe(buffer.getvalue()))
    assert found.source == "-"
    np.testing.assert_array_equal(found.pixels, rgb)


def test_strips_are_put_together_right(tmp_path) -> None:
    big = np.tile(data.astronaut(), (2, 3, 1))[:1001, :1501]
    path = tmp_path / "a.png"
    write(Photo(big), path)
    np.testing.assert_array_equal(read(path).pixels, big)


def test_target_is_not_replaced_unless_asked(rgb, tmp_path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"precious")
    with pytest.raises(MediaError, match=r"exists already.*a\.png"):
        write(Photo(rgb), path)
    assert path.read_bytes() == b"precious"
    write(Photo(rgb), path, overwrite=True)
    np.testing.assert_array_equal(read(path).pixels, rgb)


def test_too_large_for_the_format(tmp_path) -> None:
    with pytest.raises(MediaError, match="cannot encode 20000x2 pixels as WEBP"):
        write(Photo(np.zeros((2, 20000), np.uint8)), tmp_path / "a.webp")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "photo",
    [
        Photo(np.zeros((4, 4, 4), np.uint8)),
        Photo(np.zeros((0, 4), np.uint8)),
        Photo(np.zeros((4, 4), np.float32)),  # type: ignore[arg-type]
        Photo(np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8)),
        Photo(np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint16)),
    ],
)
def test_a_programmers_mistake_is_a_value_error(photo, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"pixels|alpha"):
        write(photo, tmp_path / "a.png")
