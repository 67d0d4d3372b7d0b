"""TIFF in all its kinds, each written by tifffile, Pillow or OpenCV and compared with what went in."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from skimage.color import rgb2lab, xyz2lab

from colorcli.errors import MediaError
from colorcli.media import profiles
from colorcli.media.photo import read


def _tiff(array: np.ndarray, **words: object) -> io.BytesIO:
    stream = io.BytesIO()
    tifffile.imwrite(stream, array, **words)
    return stream


def _sixteen(shape: tuple[int, ...]) -> np.ndarray:
    """Smooth, so that lossy codecs have a chance, with something in the lower bits."""
    down, across = np.mgrid[: shape[0], : shape[1]]
    plane = 20000 + 300 * down + 211 * across
    return (
        np.dstack([plane + 1000 * k for k in range(shape[2])]).astype(np.uint16)
        if len(shape) == 3
        else (plane.astype(np.uint16))
    )


# -- pages -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [{}, {"bigtiff": True}, {"byteorder": ">"}], ids=["classic", "big", "big-endian"])
def test_pages_one_by_one(gray, rgb, deepen, words, tmp_path: Path) -> None:
    pictures = [gray, deepen(rgb), rgb[:40], deepen(gray)[:, :30]]
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path, **words) as file:
        for number, picture in enumerate(pictures):
            file.write(picture, description=f"page {number}", compression="zlib" if number % 2 else None, metadata=None)
            file.write(picture[::4, ::4], subfiletype=1, metadata=None)  # a smaller copy
    for source in (path, io.BytesIO(path.read_bytes())):
        for number, picture in enumerate(pictures):
            found = read(source, page=number)
            assert (found.page, found.pages) == (number, 4)
            np.testing.assert_array_equal(found.pixels, picture)
            assert found.metadata.exif is not None
            assert f"page {number}".encode() in found.metadata.exif
            assert any("4 smaller copies" in note for note in found.warnings)


def test_pages_of_other_programs(gray, rgb) -> None:
    """Pillow's pages, compressed by libtiff, turned and of one bit."""
    stream, first = io.BytesIO(), Image.fromarray(gray)
    turned = Image.fromarray(np.ascontiguousarray(np.rot90(rgb)))
    first.save(
        stream, "TIFF", save_all=True, compression="tiff_lzw", append_images=[turned, Image.fromarray(gray > 99)]
    )
    found = [read(stream, page=page).pixels for page in range(3)]
    np.testing.assert_array_equal(found[0], gray)
    np.testing.assert_array_equal(found[1], np.rot90(rgb))
    np.testing.assert_array_equal(found[2], (gray > 99) * np.uint8(255))


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_pages_of_all_colour_models(rgb, compression, tmp_path: Path) -> None:
    color = Image.fromarray(rgb)
    images = [color.quantize(32), color.convert("CMYK"), color.convert("RGBA"), color.convert("LA"), color.convert("1")]
    path = tmp_path / "a.tif"
    color.save(path, "TIFF", save_all=True, append_images=images, compression=compression)
    for source in (path, io.BytesIO(path.read_bytes())):
        for page, image in enumerate([color, *images]):
            found = read(source, page=page)
            assert found.warnings == []
            assert (found.alpha is not None) == (image.mode in ("RGBA", "LA"))
            as_read = np.asarray(image.convert("L" if image.mode in ("LA", "1") else "RGB"))
            np.testing.assert_array_equal(found.pixels, as_read)


def test_a_page_that_is_not_there(gray) -> None:
    with pytest.raises(IndexError):
        read(_tiff(gray), page=1)
    stream = io.BytesIO()
    Image.fromarray(gray).save(stream, "PNG")
    with pytest.raises(IndexError):
        read(stream, page=1)


def test_a_thumbnail_that_stands_first_is_no_page(gray) -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        file.write(gray[::4, ::4], subfiletype=1)
        file.write(gray)
    found = read(stream)
    assert found.pages == 1
    np.testing.assert_array_equal(found.pixels, gray)


def test_masks_are_no_pages(gray) -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        file.write(gray)
        file.write(gray > 100, subfiletype=4)
    assert read(stream).pages == 1


def test_directories_in_a_circle(gray) -> None:
    data = bytearray(_tiff(gray).getvalue())
    first = int.from_bytes(data[4:8], "little")
    link = first + 2 + 12 * int.from_bytes(data[first : first + 2], "little")
    data[link : link + 4] = data[4:8]
    assert read(io.BytesIO(bytes(data))).pages == 1


def test_a_lost_page_is_told_when_it_is_read(gray) -> None:
    data = bytearray(_tiff(gray).getvalue())
    first = int.from_bytes(data[4:8], "little")
    link = first + 2 + 12 * int.from_bytes(data[first : first + 2], "little")
    data[link : link + 4] = (1 << 30).to_bytes(4, "little")
    stream = io.BytesIO(bytes(data))
    assert read(stream).pages == 2
    with pytest.raises(MediaError, match="TIFF"):
        read(stream, page=1)


# -- compressions and layouts ------------------------------------------------------------------------------------------

LOSSLESS = ["none", "lzw", "zlib", "packbits", "zstd", "lzma", "lerc", "jpeg2000", "png", "jpegxl"]
_WORDS = {
    "jpeg2000": {"compression": "jpeg2000", "compressionargs": {"level": 0, "reversible": True}},
    "jpegxl": {"compression": "jpegxl", "compressionargs": {"lossless": True}},
    "none": {},
}


@pytest.mark.parametrize("tiled", [False, True], ids=["strips", "tiles"])
@pytest.mark.parametrize("kind", ["gray", "rgb", "rgba", "planar"])
@pytest.mark.parametrize("compression", LOSSLESS)
def test_sixteen_bits(compression, kind, tiled) -> None:
    pixels = _sixteen({"gray": (101, 67), "rgb": (101, 67, 3), "rgba": (101, 67, 4), "planar": (101, 67, 3)}[kind])
    words = dict(_WORDS.get(compression, {"compression": compression}))
    words["photometric"] = "minisblack" if kind == "gray" else "rgb"
    if kind == "planar":
        words["planarconfig"] = "separate"
    if kind == "rgba":
        words["extrasamples"] = ["unassalpha"]
    if tiled:
        words["tile"] = (32, 48)
    elif compression not in ("png", "jpegxl", "jpeg2000"):
        words["rowsperstrip"] = 17
    stored = np.moveaxis(pixels, -1, 0) if kind == "planar" else pixels
    found = read(_tiff(stored, **words))
    assert found.warnings == []
    np.testing.assert_array_equal(found.pixels, pixels[..., :3] if pixels.ndim == 3 else pixels)
    if kind == "rgba":
        np.testing.assert_array_equal(found.alpha, pixels[..., 3])
    else:
        assert found.alpha is None


@pytest.mark.parametrize("compression", ["zlib", "lzw", "zstd"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_horizontal_predictor(rgb, deepen, dtype, compression) -> None:
    pixels = rgb if dtype == np.uint8 else deepen(rgb)
    found = read(_tiff(pixels, compression=compression, predictor=True, byteorder=">"))
    np.testing.assert_array_equal(found.pixels, pixels)


@pytest.mark.parametrize("compression", ["lerc", "jpeg2000", "png", "webp", "zstd", "jpegxl", "lzma"])
def test_eight_bits_of_rarer_compressions(rgb, compression) -> None:
    words = dict(_WORDS.get(compression, {"compression": compression}))
    if compression == "webp":
        words["compressionargs"] = {"lossless": True}
    np.testing.assert_array_equal(read(_tiff(rgb, photometric="rgb", **words)).pixels, rgb)


@pytest.mark.parametrize("kind", ["gray", "rgb"])
def test_jpeg_within(kind, request) -> None:
    pixels = request.getfixturevalue(kind)
    image, stream = Image.fromarray(pixels), io.BytesIO()
    image.save(stream, "TIFF", compression="jpeg", quality=95)
    with Image.open(stream) as same:
        np.testing.assert_array_equal(read(stream).pixels, np.asarray(same))
    tiled = read(_tiff(pixels, compression="jpeg", compressionargs={"level": 97}, tile=(48, 64)))
    assert np.abs(tiled.pixels.astype(int) - pixels).mean() < 3


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt", "packbits"])
def test_fax(gray, compression) -> None:
    stream = io.BytesIO()
    Image.fromarray(gray > 100).save(stream, "TIFF", compression=compression)
    np.testing.assert_array_equal(read(stream).pixels, (gray > 100) * np.uint8(255))


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_packed_bits(bits) -> None:
    samples = np.arange(64 * 64).reshape(64, 64).astype(np.uint16) % (1 << bits)
    samples[-1, -1] = (1 << bits) - 1
    found = read(_tiff(samples, bitspersample=bits, photometric="minisblack"))
    np.testing.assert_array_equal(found.pixels, np.floor(samples / ((1 << bits) - 1) * 65535 + 0.5).astype(np.uint16))


def test_white_is_zero_with_alpha(gray, deepen) -> None:
    pixels, alpha = deepen(gray), deepen(gray[::-1])
    stored = np.dstack((65535 - pixels, alpha))
    found = read(_tiff(stored, photometric="miniswhite", planarconfig="contig", extrasamples=["unassalpha"]))
    np.testing.assert_array_equal(found.pixels, pixels)
    np.testing.assert_array_equal(found.alpha, alpha)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colour_multiplied_by_alpha(dtype) -> None:
    top = int(np.iinfo(dtype).max)
    dice = np.random.default_rng(5)
    color = dice.integers(0, top + 1, (40, 50, 3)).astype(dtype)
    alpha = dice.integers(top // 2, top + 1, (40, 50)).astype(dtype)
    stored = np.rint(color * (alpha[..., None] / top)).astype(dtype)
    found = read(_tiff(np.dstack((stored, alpha)), photometric="rgb", extrasamples=["assocalpha"]))
    np.testing.assert_array_equal(found.alpha, alpha)
    assert np.abs(found.pixels.astype(int) - color).max() <= 2


def test_channels_of_unknown_meaning(rgb, deepen) -> None:
    stored = np.dstack((deepen(rgb), deepen(rgb[..., :2])))
    found = read(_tiff(stored, photometric="rgb", extrasamples=["unspecified", "unspecified"]))
    np.testing.assert_array_equal(found.pixels, stored[..., :3])
    assert found.alpha is None
    assert "2 channels" in found.warnings[0]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", [None, "lzw"])
def test_orientation_of_sixteen_bits_with_alpha(orientation, compression) -> None:
    scene = _sixteen((50, 70, 4))
    stored = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: np.swapaxes(a, 0, 1),
        6: lambda a: np.rot90(a),
        7: lambda a: np.swapaxes(a[::-1, ::-1], 0, 1),
        8: lambda a: np.rot90(a, -1),
    }[orientation](scene)
    tags = [(274, "H", 1, orientation, True)]
    words = {"photometric": "rgb", "extrasamples": ["unassalpha"], "compression": compression, "extratags": tags}
    found = read(_tiff(np.ascontiguousarray(stored), **words))
    np.testing.assert_array_equal(np.dstack((found.pixels, found.alpha)), scene)


# -- ink ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_cmyk_without_a_profile(dtype) -> None:
    top = int(np.iinfo(dtype).max)
    ink = np.random.default_rng(2).integers(0, top + 1, (30, 40, 4)).astype(dtype)
    found = read(_tiff(ink, photometric="separated", compression="zlib" if dtype == np.uint16 else None))
    expected = (1 - ink[..., :3] / top) * (1 - ink[..., 3:] / top) * top
    assert found.pixels.dtype == dtype
    assert np.abs(found.pixels - expected).max() <= 1
    as_eight = np.asarray(
        Image.fromarray((ink >> (8 if dtype == np.uint16 else 0)).astype(np.uint8), "CMYK").convert("RGB")
    )
    assert np.abs(found.pixels / (top / 255) - as_eight).max() <= 2.1


def _cmyk_profile(make_profile) -> bytes:
    """A printer's profile of two points for each ink (ICC.1:2001-04, 6.5.7); Lab by the plain formula, D50."""
    lab = []
    for number in range(16):
        c, m, y, k = ((number >> (3 - ink)) & 1 for ink in range(4))
        rgb = np.array([[[(1 - c) * (1 - k), (1 - m) * (1 - k), (1 - y) * (1 - k)]]], float)
        lab.append(rgb2lab(rgb, illuminant="D65")[0, 0])
    values = np.array([(light * 652.8, (a + 128) * 256, (b + 128) * 256) for light, a, b in lab])
    head = b"mft2" + bytes(4) + bytes((4, 3, 2, 0)) + struct.pack(">9i", *(np.eye(3).reshape(-1) * 65536).astype(int))
    ramp = struct.pack(">2H", 0, 65535)
    table = np.rint(values.clip(0, 65535)).astype(">u2").tobytes()
    lut = head + struct.pack(">2H", 2, 2) + ramp * 4 + table + ramp * 3
    return make_profile(b"CMYK", {b"A2B0": lut, b"A2B1": lut}, pcs=b"Lab ")


def test_cmyk_of_a_profile_in_both_depths(make_profile) -> None:
    icc = _cmyk_profile(make_profile)
    ink = np.random.default_rng(2).integers(0, 256, (30, 40, 4)).astype(np.uint8)
    ink[0, 0], ink[0, 1] = 0, 255  # paper, and all inks
    found = []
    for stored in (ink, ink.astype(np.uint16) * 257):
        photo = read(_tiff(stored, photometric="separated", iccprofile=icc))
        assert photo.warnings == []
        assert photo.metadata.icc is None
        assert photo.source_icc is None
        found.append(photo.pixels)
    assert found[0][0, 0].min() >= 254
    assert found[0][0, 1].max() <= 2
    image = Image.fromarray(ink, "CMYK")
    theirs = ImageCms.profileToProfile(
        image,
        ImageCms.ImageCmsProfile(io.BytesIO(icc)),
        ImageCms.createProfile("sRGB"),
        outputMode="RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    np.testing.assert_array_equal(found[0], np.asarray(theirs))
    # For 8 bits LittleCMS works out a coarser table beforehand; with inks as crude as these it shows in dark colours.
    assert np.abs(found[1] / 257 - found[0]).mean() < 1.5
    exact = imagecodecs.cms_transform(
        ink, icc, profiles.srgb(), colorspace="cmyk", outcolorspace="rgb", intent=1, flags=0x2100
    )
    assert np.abs(found[1] / 257 - exact).max() < 1.01
    broken = read(_tiff(ink, photometric="separated", iccprofile=icc[:300]))
    assert "CMYK profile" in broken.warnings[0]


@pytest.mark.parametrize("model", [8, 9])
def test_lab_of_sixteen_bits(rgb, model) -> None:
    """Against skimage, by way of XYZ: D65 there, and the white of D50 here, are both the white of the picture."""
    d50 = np.array(
        [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
    )
    linear = np.where(rgb / 255 <= 0.04045, rgb / 255 / 12.92, ((rgb / 255 + 0.055) / 1.055) ** 2.4)
    lab = xyz2lab(linear @ d50.T, illuminant="D50")
    if model == 8:
        stored = np.dstack((lab[..., 0] * 655.35, lab[..., 1:] * 256))
    else:
        stored = np.dstack((lab[..., 0] * 652.8, (lab[..., 1:] + 128) * 256))
    stored = np.rint(stored).astype(np.int32).astype(np.uint16)
    found = read(_tiff(stored, photometric=model, planarconfig="contig", compression="zlib"))
    assert found.pixels.dtype == np.uint16
    assert np.abs(found.pixels / 257 - rgb).max() < 0.5


# -- numbers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("kind", ["gray", "rgb"])
@pytest.mark.parametrize(
    "words",
    [{}, {"compression": "zlib", "predictor": 3}, {"byteorder": ">", "tile": (32, 32)}],
    ids=["plain", "predictor", "tiles"],
)
def test_floating_point(kind, dtype, words, request) -> None:
    values = (request.getfixturevalue(kind) / 255).astype(dtype)
    found = read(_tiff(values, photometric="rgb" if kind == "rgb" else "minisblack", **words))
    assert found.warnings == []
    np.testing.assert_array_equal(found.pixels, np.rint(values.astype(np.float64) * 65535).astype(np.uint16))


@pytest.mark.parametrize("top", [255, 65535])
def test_floating_point_of_other_scales(rgb, top) -> None:
    found = read(_tiff(rgb.astype(np.float32) * (top / 255), photometric="rgb"))
    assert f"0..{top}" in found.warnings[0]
    np.testing.assert_array_equal(found.pixels, rgb * np.uint16(257))


def test_overshoot_is_cut_off(gray) -> None:
    values = (gray / 255).astype(np.float32)
    values[3, 4], values[5, 6], values[7, 8] = -0.04, 1.05, 3.0
    found = read(_tiff(values))
    assert "cut off" in found.warnings[0]
    assert [found.pixels[at] for at in ((3, 4), (5, 6), (7, 8))] == [0, 65535, 65535]
    rest = np.ones(gray.shape, bool)
    rest[[3, 5, 7], [4, 6, 8]] = False
    np.testing.assert_array_equal(found.pixels[rest], (gray * np.uint16(257))[rest])


@pytest.mark.parametrize(
    ("value", "says"),
    [(np.nan, "NaN"), (np.inf, "infinite"), (-np.inf, "infinite"), (-500.0, "none of the scales"), (1e9, "none of")],
)
def test_floating_point_that_is_no_picture(value, says) -> None:
    values = np.full((8, 8, 3), 0.5, np.float32)
    values[2:7, 3, 1] = value
    with pytest.raises(MediaError, match=says):
        read(_tiff(values, photometric="rgb"))


def test_wide_whole_numbers(gray) -> None:
    full = (gray.astype(np.uint32) * 16843009).astype(np.uint32)  # 255 becomes 2**32 - 1
    found = read(_tiff(full))
    np.testing.assert_array_equal(found.pixels, gray * np.uint16(257))
    assert "reduced to 16" in found.warnings[0]
    low = read(_tiff(gray.astype(np.int32) * 257))
    np.testing.assert_array_equal(low.pixels, gray * np.uint16(257))
    assert "0..65535" in low.warnings[0]


def test_transparent_floating_point(rgb) -> None:
    values = np.dstack((rgb / 255, rgb[..., 0] / 255)).astype(np.float32)
    found = read(_tiff(values, photometric="rgb", extrasamples=["unassalpha"]))
    np.testing.assert_array_equal(found.alpha, rgb[..., 0] * np.uint16(257))


# -- damage ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "zstd", "packbits"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.98])
def test_half_a_page_is_none(compression, share) -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:  # the directory stands before the pixels
        file.write(np.random.default_rng(0).integers(0, 65536, (99, 99, 3)).astype(np.uint16), compression=compression)
    data = stream.getvalue()
    with pytest.raises(MediaError, match="TIFF"):
        read(io.BytesIO(data[: int(share * len(data))]))


def test_a_missing_strip_is_not_black() -> None:
    data = bytearray(_tiff(_sixteen((64, 64)), rowsperstrip=8).getvalue())
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        counts = file.pages[0].tags[279]
        place = counts.valueoffset
        assert counts.count == 8
    data[place + 4 : place + 8] = bytes(4)
    with pytest.raises(MediaError, match=r"missing|damaged"):
        read(io.BytesIO(bytes(data)))
