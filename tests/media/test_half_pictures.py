"""Half a picture is never accepted: files cut off, with bits flipped, or mended by programs that mean well."""

from __future__ import annotations

import io
import random
import struct
from pathlib import Path

import numpy as np
import pytest
from bad_files import DEEP, GRAY, KINDS, RGB, cuts, png, saved, sound, tiff
from PIL import Image

from colorcli.errors import MediaError
from colorcli.media.jpeg_damage import DAMAGED
from colorcli.media.photo import read


def _content(kind: str) -> bytes:
    if kind == "HEIC":
        pytest.importorskip("pillow_heif")
    return sound(kind)


def _read(content: bytes, name: str = "a file") -> np.ndarray | None:
    """Return the pixels, or None where the file is refused as it must be."""
    try:
        return read(io.BytesIO(content), name=name).pixels
    except MediaError as error:
        assert name in error.message and error.hint and "\n" not in error.message
        return None


@pytest.mark.parametrize("kind", KINDS)
def test_cut_off_at_twenty_places(kind, tmp_path, capfd) -> None:
    """What is accepted, the last bytes missing, is the whole picture."""
    content = _content(kind)
    whole = read(io.BytesIO(content))
    assert whole.warnings == []
    refused = 0
    for place in cuts(content):
        found = _read(content[:place])
        refused += found is None
        if found is not None and kind != "PPM, plain":  # the last number may lose a digit, nobody can tell
            np.testing.assert_array_equal(found, whole.pixels)
    assert refused >= 15
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", KINDS)
def test_flipped_bits_never_crash(kind, capfd) -> None:
    content, dice = _content(kind), random.Random(kind)
    for _ in range(30):
        data = bytearray(content)
        for _ in range(dice.choice((1, 1, 4))):
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        try:
            assert read(io.BytesIO(bytes(data)), max_pixels=10_000_000).pixels.size
        except MediaError as error:
            assert error.hint
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["PNG", "PNG, palette", "PNG, 16 bit", "PNG, 16 bit, gray", "TIFF, deflate in tiles"])
def test_flipped_bits_in_pixels_with_a_checksum_are_noticed(kind) -> None:
    content = sound(kind)
    for place in np.linspace(0.5, 0.95, 12):
        data = bytearray(content)
        data[int(place * len(data))] ^= 4
        assert _read(bytes(data)) is None


# -- JPEG: libjpeg goes on whatever comes ------------------------------------------------------------------------------

_END = b"\xff\xd9"


@pytest.mark.parametrize("kind", ["JPEG", "JPEG, gray", "JPEG, restarts"])
@pytest.mark.parametrize("share", [0.35, 0.5, 0.7, 0.9])
def test_cut_off_and_closed_again(kind, share) -> None:
    """The end marker makes it a file without errors, for most programs."""
    content = sound(kind)
    cut = content[: int(share * len(content))].rstrip(b"\xff") + _END
    Image.open(io.BytesIO(cut)).load()
    with pytest.raises(MediaError, match=r"the last \d+ of 101 rows are missing"):
        read(io.BytesIO(cut))


def test_progressive_without_its_last_scans() -> None:
    content = sound("JPEG, progressive")
    last = content.rfind(b"\xff\xda")
    assert read(io.BytesIO(content[:last] + _END)).warnings == [DAMAGED]


def test_bytes_left_over_are_noticed() -> None:
    content = sound("JPEG")
    assert read(io.BytesIO(content[:-2] + bytes(range(1, 60)) + _END)).warnings == [DAMAGED]


def test_lost_restart_marker_is_noticed() -> None:
    content = sound("JPEG, restarts")
    assert read(io.BytesIO(content.replace(b"\xff\xd3", b"\x12\x34", 1))).warnings == [DAMAGED]


def test_a_flipped_bit_that_shifts_the_codes_is_noticed() -> None:
    content, noticed = sound("JPEG, gray"), 0
    start = content.find(b"\xff\xda") + 20
    for place in np.linspace(start, len(content) - 400, 60).astype(int):
        data = bytearray(content)
        data[place] ^= 32
        try:
            noticed += bool(read(io.BytesIO(bytes(data))).warnings)
        except MediaError:
            noticed += 1
    assert noticed >= 8  # the rest still has as many codes as before


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("words", [{}, {"progressive": True}, {"restart_marker_blocks": 3}, {"subsampling": 2}])
@pytest.mark.parametrize("size", [(1, 1), (7, 9), (16, 16), (67, 101), (640, 3)])
def test_gray_that_is_meant_is_no_damage(mode, words, size) -> None:
    """What libjpeg puts where data are missing is plain gray, but so may be a picture."""
    for pixels in (Image.new(mode, size, 128 if mode == "L" else (128,) * len(mode)),
                   Image.fromarray(RGB).resize(size).convert(mode)):  # fmt: skip
        photo = read(io.BytesIO(saved(pixels, "JPEG", **words)))
        assert photo.warnings == []
        assert photo.pixels.shape[:2] == size[::-1]


@pytest.mark.shared
def test_sound_photos_are_not_suspected(shared: Path) -> None:
    photos = sorted((shared / "photos").rglob("*.jpg"))[::5]
    assert photos
    for path in photos:
        assert not [note for note in read(path).warnings if "damaged" in note], path


def _dng() -> bytes:
    """A small DNG of a sensor without colour filters."""
    matrix = [part for value in (1, 0, 0, 0, 1, 0, 0, 0, 1) for part in (value, 1)]
    tags = [
        (271, "s", 0, "Maker", True), (272, "s", 0, "Model", True), (50706, "B", 4, b"\x01\x04\x00\x00", True),
        (50717, "H", 1, 65535, True), (50721, "2i", 9, matrix, True), (50778, "H", 1, 21, True),
    ]  # fmt: skip
    content = tiff(DEEP[..., 1], photometric="minisblack", extratags=tags, metadata=None, software=False)
    gray, linear = (struct.pack("<HHII", 262, 3, 1, model) for model in (1, 34892))
    assert content.count(gray) == 1
    return content.replace(gray, linear)


def test_camera_raw_of_gray_whole_and_cut_off(capfd) -> None:
    """LibRaw takes zeros for what is missing."""
    pytest.importorskip("rawpy")
    content = _dng()
    whole = read(io.BytesIO(content)).pixels
    assert whole.shape == GRAY.shape
    for place in cuts(content):
        assert _read(content[:place]) is None
    assert capfd.readouterr() == ("", "")


# -- made wrongly, on purpose ------------------------------------------------------------------------------------------


def test_rows_that_are_not_there() -> None:
    for depth, color, row in ((8, 2, 31), (16, 2, 61), (8, 0, 11), (16, 0, 21), (1, 0, 3)):
        assert _read(png(10, 10, depth, color, bytes(row * 10))) is not None
        assert _read(png(10, 10, depth, color, bytes(row * 9 + row // 2))) is None


@pytest.mark.parametrize("pixels", [RGB, DEEP, GRAY])
@pytest.mark.parametrize("tag", [273, 279])
def test_tiff_with_a_strip_missing(pixels, tag) -> None:
    import tifffile

    content = bytearray(tiff(pixels, rowsperstrip=10))
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        field = file.pages[0].tags[tag]
    place = field.valueoffset + 5 * (2 if field.dtype == 3 else 4)
    content[place : place + (2 if field.dtype == 3 else 4)] = bytes(2 if field.dtype == 3 else 4)
    assert _read(bytes(content)) is None
