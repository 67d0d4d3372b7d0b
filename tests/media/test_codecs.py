"""HEIC, camera RAW, deep AVIF and JPEG 2000, gamma in PNG, gray WebP: by other programs, read by us, and back."""

from __future__ import annotations

import builtins
import io
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, PngImagePlugin

from colorcli.errors import MediaError
from colorcli.media import png_color, profiles, samples
from colorcli.media.photo import Metadata, Photo, read, write


def _saved(image: Image.Image, form: str, **words: object) -> io.BytesIO:
    stream = io.BytesIO()
    image.save(stream, form, **words)
    return stream


@pytest.fixture
def without(monkeypatch) -> Any:
    """Make an import fail."""
    real = builtins.__import__

    def hide(name: str) -> None:
        def failing(wanted: str, *rest: Any) -> Any:
            if wanted.partition(".")[0] == name:
                raise ImportError(name)
            return real(wanted, *rest)

        monkeypatch.setattr(builtins, "__import__", failing)

    return hide


# -- HEIC --------------------------------------------------------------------------------------------------------------


def _heic(pixels: np.ndarray, mode: str, *, twelve: bool = False, **words: object) -> io.BytesIO:
    heif = pytest.importorskip("pillow_heif")
    stream, before = io.BytesIO(), heif.options.SAVE_HDR_TO_12_BIT
    heif.options.SAVE_HDR_TO_12_BIT = twelve
    try:
        data = np.ascontiguousarray(pixels).tobytes()
        heif.encode(mode, pixels.shape[1::-1], data, stream, quality=95, chroma=444, **words)
    finally:
        heif.options.SAVE_HDR_TO_12_BIT = before
    return stream


@pytest.mark.parametrize("kind", ["gray", "rgb"])
def test_heic_of_eight_bits(kind, request) -> None:
    pixels = request.getfixturevalue(kind)
    found = read(_heic(pixels, "L" if kind == "gray" else "RGB"))
    assert found.format == "HEIF"
    assert found.warnings == []
    assert found.pixels.dtype == np.uint8
    assert np.abs(found.pixels.astype(int) - pixels).mean() < 2


@pytest.mark.parametrize("bits", [10, 12])
def test_heic_of_more_bits(rgb, bits) -> None:
    ramp = np.linspace(0, 65535, 64 * 256).reshape(64, 256).astype(np.uint16)
    found = read(_heic(np.dstack([ramp] * 3), "RGB;16", twelve=bits == 12)).pixels
    assert found.dtype == np.uint16
    found = found if found.ndim == 2 else found[..., 1]
    assert found.min() < 300
    assert found.max() > 65200  # full range: not 65472, which is 1023 moved up by 6 bits
    assert len(np.unique(found)) > 0.8 * (1 << bits)
    assert np.abs(found.astype(int) - ramp).mean() < 100


def test_heic_turned_by_its_header(rgb) -> None:
    heif = pytest.importorskip("pillow_heif")
    exif, stream = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    lying = Image.fromarray(np.ascontiguousarray(np.rot90(rgb)))
    heif.from_pillow(lying).save(stream, exif=exif.tobytes(), quality=95, chroma=444)
    found = read(stream)
    assert found.pixels.shape == rgb.shape
    assert np.abs(found.pixels.astype(int) - rgb).mean() < 2
    again = Image.Exif()
    again.load(found.metadata.exif)
    assert again[0x0112] == 1


def test_heic_keeps_metadata(rgb, wide_profile, tmp_path: Path) -> None:
    pytest.importorskip("pillow_heif")
    exif = Image.Exif()
    exif[270] = "Market square"
    source = _saved(Image.fromarray(rgb), "PNG", exif=exif, icc_profile=wide_profile)
    photo = read(source)
    assert write(photo, tmp_path / "a.heic", profile="keep") == []
    found = read(tmp_path / "a.heic")
    assert found.source_icc == wide_profile
    assert b"Market square" in (found.metadata.exif or b"")
    assert np.abs(found.pixels.astype(int) - photo.pixels).mean() < 2


def test_heic_without_its_library(rgb, without, tmp_path) -> None:
    stream = _heic(rgb, "RGB")
    without("pillow_heif")
    for action in (lambda: read(stream), lambda: write(Photo(rgb), tmp_path / "a.heic")):
        with pytest.raises(MediaError, match="pillow-heif") as caught:
            action()
        assert "colorcli[heif]" in (caught.value.hint or "")
    assert list(tmp_path.iterdir()) == []


def test_more_pictures_in_a_heic(rgb) -> None:
    heif = pytest.importorskip("pillow_heif")
    file, stream = heif.from_pillow(Image.fromarray(rgb)), io.BytesIO()
    file.add_from_pillow(Image.fromarray(rgb[::-1].copy()))
    file.save(stream, quality=95, chroma=444)
    found = read(stream)
    assert np.abs(found.pixels.astype(int) - rgb).mean() < 2
    assert "main one of 2" in found.warnings[0]


# -- camera RAW --------------------------------------------------------------------------------------------------------


def _dng(orientation: int = 1) -> bytes:
    """A small uncompressed Bayer DNG: gray on the left, red in the upper right quarter, darker below."""
    scene = np.full((128, 192, 3), 0.4)
    scene[:64, 96:] = (0.6, 0.1, 0.1)
    scene[64:] *= 0.5
    mosaic = np.empty(scene.shape[:2])
    for (down, across), channel in {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 2}.items():
        mosaic[down::2, across::2] = scene[down::2, across::2, channel]
    samples = np.rint(mosaic * 16383).astype(np.uint16)
    matrix = [32406, -15372, -4986, -9689, 18758, 415, 557, -2040, 10570]  # XYZ to linear sRGB
    tags = [
        (271, "s", 0, "Hasselbad", True),
        (272, "s", 0, "Test 1", True),
        (274, "H", 1, orientation, True),
        (33421, "H", 2, (2, 2), True),
        (33422, "B", 4, b"\x00\x01\x01\x02", True),
        (50706, "B", 4, b"\x01\x04\x00\x00", True),
        (50707, "B", 4, b"\x01\x01\x00\x00", True),
        (50708, "s", 0, "Test 1", True),
        (50714, "H", 1, 0, True),
        (50717, "H", 1, 16383, True),
        (50721, "2i", 9, [part for value in matrix for part in (value, 10000)], True),
        (50728, "2I", 3, (1, 1, 1, 1, 1, 1), True),
        (50778, "H", 1, 21, True),
        (36867, "s", 0, "1999:12:31 23:59:59", True),
    ]
    stream = io.BytesIO()
    tifffile.imwrite(stream, samples, photometric=32803, extratags=tags, metadata=None, software=False)
    return stream.getvalue()


def test_raw_is_developed(tmp_path: Path) -> None:
    pytest.importorskip("rawpy")
    path = tmp_path / "a.dng"
    path.write_bytes(_dng())
    found = read(path)
    assert found.format == "TIFF"
    assert found.pixels.dtype == np.uint16
    assert "camera RAW" in found.warnings[0]
    height, width = found.pixels.shape[:2]
    assert (height, width) == (128, 192)
    values = found.pixels / 65535
    encoded = [1.055 * value ** (1 / 2.4) - 0.055 for value in (0.4, 0.2)]
    np.testing.assert_allclose(values[20:44, 30:60].mean(axis=(0, 1)), encoded[0], atol=0.02)  # gray stays gray
    np.testing.assert_allclose(values[84:108, 30:60].mean(axis=(0, 1)), encoded[1], atol=0.02)  # not brightened
    red = values[20:44, 130:170].mean(axis=(0, 1))
    assert red[0] > 2 * red[1]
    assert b"Hasselbad" in (found.metadata.exif or b"")


def test_raw_is_turned_once(tmp_path: Path) -> None:
    pytest.importorskip("rawpy")
    found = read(io.BytesIO(_dng(orientation=6)))
    assert found.pixels.shape == (192, 128, 3)
    plain = read(io.BytesIO(_dng())).pixels
    assert np.abs(np.rot90(plain, -1).astype(int) - found.pixels).mean() < 200
    again = Image.Exif()
    again.load(found.metadata.exif)
    assert again.get(0x0112, 1) == 1


def test_raw_without_its_library(without) -> None:
    without("rawpy")
    with pytest.raises(MediaError, match="rawpy") as caught:
        read(io.BytesIO(_dng()))
    assert "colorcli[raw]" in (caught.value.hint or "")


def test_half_a_raw_is_none() -> None:
    pytest.importorskip("rawpy")
    data = _dng()
    with pytest.raises(MediaError):
        read(io.BytesIO(data[: len(data) // 2]))


# -- AVIF --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("kind", ["gray", "rgb", "rgba"])
def test_deep_avif(kind, bits) -> None:
    ramp = np.linspace(0, (1 << bits) - 1, 64 * 256).reshape(64, 256)
    channels = {"gray": [ramp], "rgb": [ramp, ramp[::-1], ramp], "rgba": [ramp, ramp[::-1], ramp, ramp[:, ::-1]]}[kind]
    stored = np.rint(np.dstack(channels)).astype(np.uint16)
    data = imagecodecs.avif_encode(
        stored[..., 0] if kind == "gray" else stored, level=100, bitspersample=bits, speed=8, numthreads=1
    )
    found = read(io.BytesIO(data))
    expected = samples.full_range(stored, bits)
    assert found.pixels.dtype == np.uint16
    assert found.pixels.max() > 65500
    pixels = found.pixels if found.pixels.ndim == 3 else found.pixels[..., None]
    assert np.abs(pixels.astype(int) - expected[..., : pixels.shape[2]]).mean() < 65535 / (1 << bits)
    if kind == "rgba":
        assert np.abs(found.alpha.astype(int) - expected[..., 3]).mean() < 65535 / (1 << bits)


def test_alpha_of_avif_is_kept_bit_for_bit(rgb, tmp_path: Path) -> None:
    alpha = np.random.default_rng(3).integers(0, 256, rgb.shape[:2]).astype(np.uint8)
    for quality in (30, 95):
        path = tmp_path / f"{quality}.avif"
        assert write(Photo(rgb, alpha), path, quality=quality) == []
        with Image.open(path) as image:
            np.testing.assert_array_equal(np.asarray(image)[..., 3], alpha)


@pytest.mark.parametrize("kind", ["gray", "rgb", "alpha"])
def test_avif_of_twelve_bits_with_metadata(kind, request, deepen, wide_profile, srgb_profile, tmp_path: Path) -> None:
    """Items are put in by ourselves; libavif, behind Pillow, finds them, and the pixels are where they were."""
    pixels = deepen(request.getfixturevalue("gray" if kind == "gray" else "rgb"))
    alpha = deepen(request.getfixturevalue("gray")) if kind == "alpha" else None
    exif = Image.Exif()
    exif[270] = "Market square"
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="box 12"/>'
        b"</rdf:RDF></x:xmpmeta>"
    )
    about = Metadata(
        exif=exif.tobytes().removeprefix(b"Exif\0\0"), xmp=xmp, icc=None if kind == "gray" else srgb_profile
    )
    bare, full = tmp_path / "bare.avif", tmp_path / "full.avif"
    for path, metadata in ((bare, Metadata()), (full, about)):
        notes = write(Photo(pixels, alpha, metadata=metadata), path)
        assert notes == ["AVIF holds 12 bits per sample: 16 bits are rounded to 12"]
    np.testing.assert_array_equal(
        imagecodecs.avif_decode(full.read_bytes()), imagecodecs.avif_decode(bare.read_bytes())
    )
    with Image.open(full) as image:
        image.load()
        assert image.getexif()[270] == "Market square"
        assert b"box 12" in image.info["xmp"]
        assert image.info.get("icc_profile") == about.icc
    found = read(full)
    assert found.warnings == []
    assert found.metadata.exif == about.exif
    assert b"box 12" in (found.metadata.xmp or b"")
    assert found.pixels.shape == pixels.shape
    assert np.abs(found.pixels.astype(int) - pixels).mean() < 600


@pytest.mark.parametrize(
    ("primaries", "transfer", "says"), [(9, 16, "PQ"), (9, 18, "HLG"), (12, 13, "Display P3"), (1, 13, ""), (2, 2, "")]
)
def test_colours_told_by_number(rgb, primaries, transfer, says) -> None:
    data = imagecodecs.avif_encode(
        rgb, level=95, speed=9, primaries=primaries, transfer=transfer, matrix=1, numthreads=1
    )
    found = read(io.BytesIO(data)).warnings
    assert (len(found) == 1 and says in found[0] and "taken for sRGB" in found[0]) if says else found == []


# -- JPEG 2000 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gray", "rgb"])
@pytest.mark.parametrize("with_alpha", [False, True])
def test_deep_jpeg2000_of_other_programs(kind, with_alpha, request, deepen, tmp_path: Path) -> None:
    """Written by us, read by OpenCV; written by imagecodecs, read by us."""
    import cv2

    pixels = deepen(request.getfixturevalue(kind))
    alpha = deepen(request.getfixturevalue("gray")[::-1]) if with_alpha else None
    path = tmp_path / "a.jp2"
    assert write(Photo(pixels, alpha), path) == []
    if not with_alpha:
        theirs = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(theirs if kind == "gray" else theirs[..., ::-1], pixels)
    else:
        with Image.open(path) as image:
            assert image.mode == ("LA" if kind == "gray" else "RGBA")
    stored = pixels if alpha is None else np.dstack((pixels, alpha))
    found = read(io.BytesIO(imagecodecs.jpeg2k_encode(stored, level=0, codecformat="jp2", reversible=True)))
    np.testing.assert_array_equal(found.pixels, pixels)
    assert (found.alpha is None) == (alpha is None)
    if alpha is not None:
        np.testing.assert_array_equal(found.alpha, alpha)


# -- PNG ---------------------------------------------------------------------------------------------------------------


def _png(pixels: np.ndarray, chunks: dict[bytes, bytes]) -> io.BytesIO:
    info = PngImagePlugin.PngInfo()
    for name, value in chunks.items():
        info.add(name, value)
    return _saved(Image.fromarray(pixels), "PNG", pnginfo=info)


def _gamma(value: float) -> bytes:
    return round(value * 100000).to_bytes(4, "big")


@pytest.mark.parametrize("kind", ["gray", "rgb"])
@pytest.mark.parametrize("gamma", [1.0, 1 / 1.8])
def test_gamma_of_a_png(kind, gamma, request) -> None:
    pixels = request.getfixturevalue(kind)
    found = read(_png(pixels, {b"gAMA": _gamma(gamma)}))
    linear = (pixels / 255) ** (1 / gamma)
    exact = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055) * 255
    assert np.abs(found.pixels - exact).max() <= 1.5
    assert np.abs(found.pixels.astype(int) - pixels).max() > 10


def test_gamma_that_means_srgb(rgb, srgb_profile) -> None:
    for chunks in ({b"gAMA": _gamma(0.45455)}, {b"gAMA": _gamma(1.0), b"sRGB": b"\0"}, {b"gAMA": bytes(4)}):
        found = read(_png(rgb, chunks))
        np.testing.assert_array_equal(found.pixels, rgb)
        assert found.source_icc is None
    stream = _saved(Image.fromarray(rgb), "PNG", icc_profile=srgb_profile, pnginfo=None)
    np.testing.assert_array_equal(read(stream).pixels, rgb)


def test_primaries_of_a_png(rgb) -> None:
    wide = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)  # Adobe RGB
    chunk = b"".join(round(value * 100000).to_bytes(4, "big") for value in wide)
    found = read(_png(rgb, {b"gAMA": _gamma(0.45455), b"cHRM": chunk}))
    assert found.source_icc is not None
    expected = profiles.colors_to_srgb(rgb, found.source_icc)
    np.testing.assert_array_equal(found.pixels, expected)
    assert found.pixels[..., 0].astype(int).max() >= rgb[..., 0].max()
    assert np.abs(found.pixels.astype(int) - rgb).max() > 5
    assert png_color.profile({"gamma": 1 / 2.2, "chromaticity": (0.3, 0.3) * 4}) is None  # all at one place


# -- WebP --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quality", [10, 60, 95])
def test_gray_webp_is_gray(gray, quality) -> None:
    stream = _saved(Image.fromarray(gray), "WEBP", quality=quality)
    found = read(stream).pixels
    assert found.ndim == 2
    with Image.open(stream) as image:
        assert np.abs(np.asarray(image.convert("RGB")).astype(int) - found[..., None]).max() <= 1


def test_nearly_gray_webp_without_loss_stays_what_it_is(gray) -> None:
    pixels = np.dstack((gray, gray - (gray > 9), gray))
    found = read(_saved(Image.fromarray(pixels.astype(np.uint8)), "WEBP", lossless=True)).pixels
    np.testing.assert_array_equal(found, pixels)


def test_slightly_tinted_webp_keeps_its_tint(gray) -> None:
    pixels = np.dstack((gray, gray, np.maximum(gray, 12) - 12))
    assert read(_saved(Image.fromarray(pixels), "WEBP", quality=95)).pixels.ndim == 3


# -- the rest ----------------------------------------------------------------------------------------------------------


def test_jpeg_of_inverted_ink(rgb, tmp_path: Path) -> None:
    """Adobe's CMYK JPEGs hold what is not ink; Pillow marks its own the same way."""
    ink = Image.fromarray(rgb).convert("CMYK")
    stream = _saved(ink, "JPEG", quality=98, subsampling=0)
    assert b"Adobe" in stream.getvalue()
    assert np.abs(read(stream).pixels.astype(int) - rgb).mean() < 2


def test_alpha_of_bmp(rgb) -> None:
    """A version 4 header with four masks, as screenshot tools write."""
    import struct

    alpha = np.random.default_rng(0).integers(0, 256, rgb.shape[:2]).astype(np.uint8)
    body = np.dstack((rgb[..., ::-1], alpha))[::-1].tobytes()
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    head = struct.pack("<IiiHHIIiiII", 108, rgb.shape[1], rgb.shape[0], 1, 32, 3, len(body), 2835, 2835, 0, 0)
    head += masks + b"BGRs" + bytes(48)
    found = read(io.BytesIO(b"BM" + struct.pack("<IHHI", 14 + 108 + len(body), 0, 0, 122) + head + body))
    np.testing.assert_array_equal(found.pixels, rgb)
    np.testing.assert_array_equal(found.alpha, alpha)


def test_key_colour_of_a_deep_png(rgb, deepen) -> None:
    pixels = deepen(rgb)
    stream = io.BytesIO()
    write(Photo(pixels), stream, format="PNG")
    data = stream.getvalue()
    key = b"".join(int(value).to_bytes(2, "big") for value in pixels[7, 9])
    import zlib

    chunk = (6).to_bytes(4, "big") + b"tRNS" + key + zlib.crc32(b"tRNS" + key).to_bytes(4, "big")
    found = read(io.BytesIO(data[:33] + chunk + data[33:]))
    np.testing.assert_array_equal(found.pixels, pixels)
    np.testing.assert_array_equal(found.alpha == 0, (pixels == pixels[7, 9]).all(axis=-1))
