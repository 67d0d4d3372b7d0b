"""What other programs write: colour models, orientations, profiles; always upright sRGB."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from colorcli.errors import MediaError
from colorcli.media.photo import read


def _saved(image: Image.Image, form: str, **words: object) -> io.BytesIO:
    stream = io.BytesIO()
    image.save(stream, form, **words)
    return stream


# -- colour models -----------------------------------------------------------------------------------------------------


def test_one_bit(gray) -> None:
    image = Image.fromarray(gray).convert("1")
    for form, words in (("PNG", {}), ("TIFF", {"compression": "group4"}), ("PPM", {}), ("BMP", {})):
        found = read(_saved(image, form, **words))
        np.testing.assert_array_equal(found.pixels, np.asarray(image) * np.uint8(255))


def test_palette(rgb, gray) -> None:
    image = Image.fromarray(rgb).quantize(64)
    found = read(_saved(image, "PNG"))
    np.testing.assert_array_equal(found.pixels, np.asarray(image.convert("RGB")))
    assert read(_saved(Image.fromarray(gray).convert("P"), "PNG")).pixels.ndim == 2


def test_palette_with_transparency(rgb) -> None:
    image = Image.fromarray(rgb).quantize(16)
    found = read(_saved(image, "PNG", transparency=bytes(range(0, 256, 16))))
    np.testing.assert_array_equal(found.alpha, np.asarray(image) * 16)
    np.testing.assert_array_equal(found.pixels, np.asarray(image.convert("RGB")))


def test_one_transparent_level(gray) -> None:
    found = read(_saved(Image.fromarray(gray), "PNG", transparency=int(gray[0, 0])))
    np.testing.assert_array_equal(found.pixels, gray)
    np.testing.assert_array_equal(found.alpha == 0, gray == gray[0, 0])


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_cmyk(rgb, form) -> None:
    image = Image.fromarray(rgb).convert("CMYK")
    found = read(_saved(image, form, **({"quality": 98, "subsampling": 0} if form == "JPEG" else {})))
    assert np.abs(found.pixels.astype(int) - rgb).mean() < 2


def test_cmyk_of_black_ink_alone_is_gray(gray) -> None:
    ink = np.zeros((*gray.shape, 4), np.uint8)
    ink[..., 3] = 255 - gray
    found = read(_saved(Image.fromarray(ink, "CMYK"), "TIFF"))
    np.testing.assert_array_equal(found.pixels, gray)


def test_lab_tiff(rgb) -> None:
    lab = ImageCms.profileToProfile(
        Image.fromarray(rgb), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    found = read(_saved(lab, "TIFF"))
    assert np.abs(found.pixels.astype(int) - rgb).mean() < 2


def test_neutral_rgb_is_gray(gray) -> None:
    for form, words in (("PNG", {}), ("JPEG", {}), ("TIFF", {}), ("WEBP", {"lossless": True}), ("BMP", {})):
        assert read(_saved(Image.fromarray(gray).convert("RGB"), form, **words)).pixels.ndim == 2, form
    np.testing.assert_array_equal(read(_saved(Image.fromarray(gray).convert("RGB"), "PNG")).pixels, gray)


@pytest.mark.parametrize("at", [(0, 0), (50, 30), (-1, -1)])
@pytest.mark.parametrize("channel", [0, 1, 2])
def test_one_coloured_pixel_makes_a_colour_photo(gray, at, channel) -> None:
    pixels = np.dstack([np.tile(gray, (6, 6))] * 3)
    pixels[at][channel] ^= 1
    found = read(_saved(Image.fromarray(pixels), "PNG", compress_level=1))
    np.testing.assert_array_equal(found.pixels, pixels)


def test_wrong_suffix_is_read_by_content(rgb, tmp_path) -> None:
    path = tmp_path / "really_a_png.jpg"
    Image.fromarray(rgb).save(path, "PNG")
    found = read(path)
    assert found.format == "PNG"
    np.testing.assert_array_equal(found.pixels, rgb)


# -- depth -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", ["none", "zlib", "lzw", "packbits"])
@pytest.mark.parametrize("kind", ["gray", "rgb", "planar"])
def test_sixteen_bit_tiff(kind, compression, gray, rgb, deepen) -> None:
    pixels, stream = deepen(gray if kind == "gray" else rgb), io.BytesIO()
    if compression == "lzw":  # tifffile has no encoder of its own for it
        import cv2

        stream = io.BytesIO(cv2.imencode(".tif", pixels[..., ::-1] if pixels.ndim == 3 else pixels)[1].tobytes())
    elif kind == "planar":
        compressed = compression if compression == "zlib" else None
        tifffile.imwrite(
            stream, np.moveaxis(pixels, -1, 0), photometric="rgb", planarconfig="separate", compression=compressed
        )
    else:
        compressed = None if compression in ("none", "packbits") else compression
        tifffile.imwrite(stream, pixels, compression=compressed, byteorder=">")
    np.testing.assert_array_equal(read(stream).pixels, pixels)


def test_sixteen_bit_tiff_white_is_zero(gray, deepen) -> None:
    pixels, stream = deepen(gray), io.BytesIO()
    tifffile.imwrite(stream, 65535 - pixels, photometric="miniswhite")
    np.testing.assert_array_equal(read(stream).pixels, pixels)


def test_float_tiff(gray) -> None:
    stream = io.BytesIO()
    tifffile.imwrite(stream, (gray / 255).astype(np.float32))
    np.testing.assert_array_equal(read(stream).pixels, gray.astype(np.uint16) * 257)


@pytest.mark.parametrize("top", [1023, 4095, 65535])
def test_pnm_of_more_than_eight_bits(rgb, top) -> None:
    samples = np.round(rgb / 255 * top).astype(np.uint16)
    head = f"P6 {rgb.shape[1]} {rgb.shape[0]} {top}\n".encode()
    found = read(io.BytesIO(head + samples.astype(">u2").tobytes())).pixels
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, np.floor(samples / top * 65535 + 0.5).astype(np.uint16))


def test_sixteen_bit_jpeg2000(gray, deepen) -> None:
    pixels = deepen(gray)
    np.testing.assert_array_equal(read(_saved(Image.fromarray(pixels), "JPEG2000")).pixels, pixels)


# -- orientation -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "depth"), [("JPEG", 8), ("PNG", 8), ("PNG", 16), ("TIFF", 8), ("TIFF", 16), ("WEBP", 8)]
)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(form, orientation, depth, rgb, deepen) -> None:
    stored = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: np.swapaxes(a, 0, 1),
        6: lambda a: np.rot90(a),  # the file holds the scene turned left; viewers turn it right
        7: lambda a: np.swapaxes(a[::-1, ::-1], 0, 1),
        8: lambda a: np.rot90(a, -1),
    }[orientation](rgb)
    exif = Image.Exif()
    exif[0x0112] = orientation
    expected, stored = rgb, np.ascontiguousarray(stored)
    if depth == 16:
        expected = rgb.astype(np.uint16) * 257
        stored = stored.astype(np.uint16) * 257
        stream = io.BytesIO()
        if form == "TIFF":
            tifffile.imwrite(stream, stored, photometric="rgb", extratags=[(274, "H", 1, orientation, True)])
        else:
            from colorcli.media.photo import Metadata, Photo, write

            block = exif.tobytes().removeprefix(b"Exif\0\0")
            write(Photo(stored, metadata=Metadata(exif=block)), stream, format="PNG")
    else:
        words = {"quality": 98, "subsampling": 0} if form == "JPEG" else {"lossless": True} if form == "WEBP" else {}
        stream = _saved(Image.fromarray(stored), form, exif=exif, **words)
    found = read(stream)
    assert found.pixels.shape == expected.shape
    if form == "JPEG":
        assert np.abs(found.pixels.astype(int) - expected).mean() < 2
    else:
        np.testing.assert_array_equal(found.pixels, expected)
    if found.metadata.exif:
        again = Image.Exif()
        again.load(found.metadata.exif)
        assert again.get(0x0112, 1) == 1


def test_sixteen_bit_lzw_tiff_with_orientation(rgb, deepen) -> None:
    """The case that neither tifffile without imagecodecs nor OpenCV 5 can read."""
    import struct

    import cv2

    pixels = deepen(rgb)
    data = cv2.imencode(".tif", np.rot90(pixels)[..., ::-1])[1].tobytes()
    first = struct.unpack_from("<I", data, 4)[0]
    (count,) = struct.unpack_from("<H", data, first)
    table = data[first + 2 : first + 2 + 12 * count]
    entries = sorted([table[i : i + 12] for i in range(0, len(table), 12)] + [struct.pack("<HHII", 274, 3, 1, 6)])
    entries.sort(key=lambda entry: struct.unpack_from("<H", entry)[0])
    start = len(data) + len(data) % 2
    data = data.ljust(start, b"\0") + struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    data = data[:4] + struct.pack("<I", start) + data[8:]
    np.testing.assert_array_equal(read(io.BytesIO(data)).pixels, pixels)


# -- profiles ----------------------------------------------------------------------------------------------------------


def test_srgb_profile_is_kept_and_changes_nothing(rgb, srgb_profile) -> None:
    found = read(_saved(Image.fromarray(rgb), "PNG", icc_profile=srgb_profile))
    np.testing.assert_array_equal(found.pixels, rgb)
    assert found.metadata.icc == srgb_profile


def test_wide_profile_becomes_srgb(rgb, wide_profile) -> None:
    found = read(_saved(Image.fromarray(rgb), "PNG", icc_profile=wide_profile))
    expected = ImageCms.profileToProfile(
        Image.fromarray(rgb),
        ImageCms.ImageCmsProfile(io.BytesIO(wide_profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    assert np.abs(found.pixels.astype(int) - np.asarray(expected)).max() <= 1
    assert np.abs(found.pixels.astype(int) - rgb).max() > 10
    assert found.metadata.icc is not None
    assert found.metadata.icc != wide_profile
    assert ImageCms.ImageCmsProfile(io.BytesIO(found.metadata.icc)).profile.xcolor_space == "RGB "
    assert found.warnings == []


@pytest.mark.parametrize("name", ["gray_profile", "dot_gain_profile"])
@pytest.mark.parametrize("depth", [8, 16])
def test_gray_profile_becomes_srgb_gray(gray, name, depth, request) -> None:
    icc, pixels = request.getfixturevalue(name), gray if depth == 8 else gray.astype(np.uint16) * 257
    found = read(_saved(Image.fromarray(pixels), "PNG", icc_profile=icc))
    reference = ImageCms.profileToProfile(
        Image.fromarray(gray),
        ImageCms.ImageCmsProfile(io.BytesIO(icc)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
    )
    assert reference is not None
    assert found.pixels.dtype == pixels.dtype
    scale = 1 if depth == 8 else 257
    assert np.abs(found.pixels / scale - np.asarray(reference)[..., 1]).max() <= 1.01
    assert np.abs(found.pixels / scale - gray).max() > 5


def test_neutral_pixels_of_a_wide_profile(gray, wide_profile) -> None:
    neutral = Image.fromarray(gray).convert("RGB")
    found = read(_saved(neutral, "PNG", icc_profile=wide_profile))
    assert found.pixels.ndim == 2
    wide = ImageCms.ImageCmsProfile(io.BytesIO(wide_profile))
    expected = ImageCms.profileToProfile(neutral, wide, ImageCms.createProfile("sRGB"))
    assert np.abs(found.pixels.astype(int) - np.asarray(expected)[..., 1]).max() <= 1


@pytest.mark.parametrize(
    "icc", [b"rubbish", b"\0" * 200, b"x" * 131 + b"acsp" * 40], ids=["short", "zeros", "no profile"]
)
def test_broken_profile_is_a_warning(rgb, gray, icc) -> None:
    for pixels in (rgb, gray):
        found = read(_saved(Image.fromarray(pixels), "TIFF", icc_profile=icc))
        np.testing.assert_array_equal(found.pixels, pixels)
        assert any("profile" in note for note in found.warnings)
        assert found.metadata.icc is None


def test_truncated_profile_is_a_warning(rgb, gray, wide_profile, gray_profile) -> None:
    for pixels, icc in ((rgb, wide_profile), (gray, gray_profile)):
        found = read(_saved(Image.fromarray(pixels), "TIFF", icc_profile=icc[: len(icc) // 2]))
        np.testing.assert_array_equal(found.pixels, pixels)
        assert found.warnings


def test_profile_for_other_pixels_is_a_warning(rgb, gray_profile) -> None:
    found = read(_saved(Image.fromarray(rgb), "PNG", icc_profile=gray_profile))
    np.testing.assert_array_equal(found.pixels, rgb)
    assert "does not fit" in found.warnings[0]


# -- more than one picture in a file -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["PNG", "WEBP", "AVIF"])
def test_moving_pictures_are_refused(rgb, form) -> None:
    first, second = Image.fromarray(rgb), Image.fromarray(rgb[::-1].copy())
    with pytest.raises(MediaError, match="moving"):
        read(_saved(first, form, save_all=True, append_images=[second]))


def test_first_picture_of_an_mpo(rgb) -> None:
    first, second = Image.fromarray(rgb), Image.fromarray(rgb[::-1].copy())
    found = read(_saved(first, "MPO", save_all=True, append_images=[second], quality=98, subsampling=0))
    assert found.format == "JPEG"
    assert np.abs(found.pixels.astype(int) - rgb).mean() < 2
    assert "first of 2" in found.warnings[0]


def test_the_callers_pillow_is_left_alone(rgb) -> None:
    before = Image.MAX_IMAGE_PIXELS
    read(_saved(Image.fromarray(rgb), "PNG"))
    assert before == Image.MAX_IMAGE_PIXELS
