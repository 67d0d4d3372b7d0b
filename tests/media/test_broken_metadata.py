"""Metadata that lead astray: warned about at most, never fatal, never slow, in every kind and format."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from colorcli.media import exif as exif_block
from colorcli.media import jp2, photoshop, tiff_fields, xmp
from colorcli.media.ifd import BrokenDirectoryError, Field
from colorcli.media.photo import Metadata, Photo, read, write

BLOCK = exif_block.pack(
    {
        0x010E: Field(2, 14, b"Market square\0"),
        0x0112: Field(3, 1, b"\x06\0"),
        0x0131: Field(2, 8, b"Ver 1.0\0"),
        0x8769: {0x9003: Field(2, 20, b"1931:05:12 10:00:00\0"), 0x927C: Field(7, 40, bytes(range(40)))},
        0x8825: {1: Field(2, 2, b"N\0"), 2: Field(5, 3, struct.pack("<6I", 52, 1, 31, 1, 12, 1))},
    }
)
RECORD = b"\x1c\x02\x69\x00\x05Title\x1c\x02\x78\x00\x04text"
XMP = xmp.fresh()
XMP.put("dc:source", "box 12")


def _files(rgb: np.ndarray) -> dict[str, bytes]:
    about = Metadata(
        exif=BLOCK, xmp=XMP.to_bytes(), photoshop=photoshop.as_resource(RECORD), dpi=(300, 300), comment=b"attic"
    )
    found = {}
    for form in ("JPEG", "PNG", "TIFF", "WEBP", "AVIF", "JPEG2000"):
        stream = io.BytesIO()
        write(Photo(rgb, metadata=about), stream, format=form)
        found[form] = stream.getvalue()
    return found


def _spoiled(data: bytes, seed: int) -> bytes:
    """Cut off, or with bits, bytes and four-byte numbers changed."""
    random = np.random.default_rng(seed)
    spoiled = bytearray(data)
    if seed % 4 == 0:
        return bytes(spoiled[: int(random.integers(len(spoiled)))])
    for _ in range(int(random.integers(1, 6))):
        at = int(random.integers(len(spoiled)))
        if seed % 4 == 1:
            spoiled[at] ^= 1 << int(random.integers(8))
        elif seed % 4 == 2:
            spoiled[at] = int(random.integers(256))
        else:
            spoiled[at : at + 4] = [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x08\0\0\0", b"\0\0\0\x08"][
                int(random.integers(4))
            ]
    return bytes(spoiled[: len(data)])


def _exif(data: bytes) -> None:
    for step in (
        lambda: exif_block.upright(data, swapped=True),
        lambda: exif_block.sized(data, 10, 20),
        lambda: exif_block.with_software(data, "colorcli 0.1.0"),
        lambda: tiff_fields.parse(data),
    ):
        try:
            step()
        except BrokenDirectoryError:
            continue


def _resources(data: bytes) -> None:
    kept, _ = photoshop.without_thumbnails(data)
    assert photoshop.without_thumbnails(kept) == (kept, True)
    photoshop.into_xmp(photoshop.iptc(data) or data, xmp.fresh())
    photoshop.into_xmp(data[12:], xmp.fresh())


def _jp2(data: bytes) -> None:
    jp2.gather(io.BytesIO(data))
    jp2.with_boxes(data, jp2.Boxes(xmp=b"x", dpi=(300, 300), comment=b"c"))


@pytest.mark.parametrize("seed", range(0, 2000, 500))
@pytest.mark.parametrize("kind", ["exif", "photoshop", "jp2"])
def test_blocks(rgb, kind, seed) -> None:
    cases: dict[str, tuple[bytes, Callable[[bytes], None]]] = {
        "exif": (BLOCK, _exif),
        "photoshop": (photoshop.as_resource(RECORD), _resources),
        "jp2": (_files(rgb)["JPEG2000"][:1200] if kind == "jp2" else b"", _jp2),
    }
    data, check = cases[kind]
    for number in range(seed, seed + 500):
        check(_spoiled(data, number))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_photos_with_spoiled_blocks_are_still_photos(rgb, form) -> None:
    warned = 0
    for seed in range(60):
        words = {"exif": b"Exif\0\0" + _spoiled(BLOCK, seed)}
        if form != "PNG":
            words["xmp"] = _spoiled(XMP.to_bytes(), seed + 1) or b" "
        stream = io.BytesIO()
        try:
            Image.fromarray(rgb).save(stream, form, **words)
        except Exception:  # noqa: BLE001 (Pillow itself will not write some of them)
            continue
        photo = read(stream)
        warned += bool(photo.warnings)
        assert sorted(photo.pixels.shape) == sorted(rgb.shape)
        for target in ("JPEG", "TIFF", "PNG"):
            assert read(_through(photo, target)).pixels.shape == photo.pixels.shape
    assert warned > 0


def _through(photo: Photo, form: str) -> io.BytesIO:
    stream = io.BytesIO()
    write(photo, stream, format=form)
    return stream


def test_directories_in_circles(rgb) -> None:
    circle = b"II*\0\x08\0\0\0" + struct.pack("<H", 3)
    for tag in (0x8769, 0x8825, 0xA005):
        circle += struct.pack("<HHII", tag, 4, 1, 8)
    circle += struct.pack("<I", 8)
    _exif(circle)
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "JPEG", exif=b"Exif\0\0" + circle)
    for form in ("JPEG", "TIFF"):
        assert read(_through(read(stream), form)).pixels.shape == rgb.shape


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5, 7, 12, 99])
def test_counts_of_four_billion(rgb, kind) -> None:
    block = b"II*\0\x08\0\0\0" + struct.pack("<H", 3)
    for tag in (0x010E, 0x0112, 0x0131):
        block += struct.pack("<HHII", tag, kind, 0xFFFFFFFF, 8)
    _exif(block + bytes(4))
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "JPEG", exif=b"Exif\0\0" + block + bytes(4))
    photo = read(stream)
    for form in ("JPEG", "TIFF"):
        assert read(_through(photo, form)).pixels.shape == photo.pixels.shape


def test_a_thumbnail_that_lies_over_the_rest_takes_nothing_with_it() -> None:
    block = bytearray(BLOCK)
    link = 8 + 2 + 12 * struct.unpack_from("<H", block, 8)[0]
    struct.pack_into("<I", block, link, len(block))
    block += struct.pack("<HHHIIHHII", 2, 0x0201, 4, 1, 20, 0x0202, 4, 1, len(BLOCK) - 30) + bytes(4)
    after = exif_block.upright(bytes(block), swapped=False)
    assert tiff_fields.parse(after)[0][0x010E] == Field(2, 14, b"Market square\0")
    assert tiff_fields.parse(after)[0][0x8769] == tiff_fields.parse(BLOCK)[0][0x8769]


@pytest.mark.parametrize("name", ["exif", "iptc", "8bim", "xmp"])
@pytest.mark.parametrize("text", ["", "\nexif\n  4\nzz", "\nexif\n  4\nabc", "\nexif\n  4\nffffffff", "\x00"])
def test_broken_raw_profiles_of_png(rgb, name, text) -> None:
    from PIL.PngImagePlugin import PngInfo

    info, stream = PngInfo(), io.BytesIO()
    info.add_text(f"Raw profile type {name}", text)
    Image.fromarray(rgb).save(stream, "PNG", pnginfo=info)
    photo = read(stream)
    np.testing.assert_array_equal(photo.pixels, rgb)
    assert photo.warnings
    assert write(photo, io.BytesIO(), format="PNG") == []


def test_broken_photoshop_blocks_are_a_warning(rgb) -> None:
    stream = io.BytesIO()
    data = b"Photoshop 3.0\0" + photoshop.as_resource(RECORD) + b"8BIM\x04\x25\0\0\xff\xff\xff\xff"
    Image.fromarray(rgb).save(stream, "JPEG", extra=b"\xff\xed" + struct.pack(">H", len(data) + 2) + data)
    photo = read(stream)
    assert photo.warnings == ["the Photoshop data (IPTC) is damaged: only its sound part is kept"]
    assert photoshop.iptc(photo.metadata.photoshop) == RECORD


@pytest.mark.parametrize("profile", [b"", b"x", bytes(200), b"\xff" * 5000])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_broken_profiles(rgb, form, profile) -> None:
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, form, icc_profile=profile)
    photo = read(stream)
    assert photo.metadata.icc is None
    assert bool(photo.warnings) == bool(profile)
    assert write(photo, io.BytesIO(), format=form) == []
