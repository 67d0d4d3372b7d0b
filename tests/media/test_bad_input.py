"""What people hand in by mistake, and what goes wrong on the way: one sentence with the name, and a next step."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from colorcli.errors import MediaError
from colorcli.media.formats import FORMATS
from colorcli.media.photo import Photo, read, write


def _png(width: int, height: int, depth: int = 8, color: int = 2, data: bytes = b"") -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def _tiff(array: np.ndarray, **words: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, array, **words)
    return stream.getvalue()


def _jpeg_header() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (64, 64)).save(stream, "JPEG")
    return stream.getvalue()[:200]


_NAN = np.full((8, 8), np.nan, np.float32)
_WIDE = np.full((8, 8), 3e5, np.float32)

# name: (file name, content, words of the message, words of the hint)
CASES: dict[str, tuple[str, bytes, str, str]] = {
    "empty": ("a.jpg", b"", "empty", "again"),
    "one byte": ("a.jpg", b"\xff", "not a photo", "JPEG, PNG"),
    "text": ("a.jpg", b"Dear Sir,\nplease find enclosed", "not a photo", "JPEG, PNG"),
    "web page": ("a.jpg", b"<!DOCTYPE html><html><body>404", "web page", "download"),
    "web page with a comment": ("a.png", b"\n <!-- saved --><html>", "web page", "download"),
    "svg": ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG", "export"),
    "xml": ("a.tif", b"<?xml version='1.0'?><a/>", "XML", "export"),
    "gif": ("a.gif", b"GIF89a" + bytes(30), "GIF", "PNG"),
    "pdf": ("a.pdf", b"%PDF-1.7\n", "PDF", "export"),
    "photoshop": ("a.psd", b"8BPS\0\1" + bytes(30), "Photoshop", "TIFF"),
    "heic": ("a.heic", b"\0\0\0\x18ftypheic" + bytes(20), "HEIC", ""),
    "video": ("a.mp4", b"\0\0\0\x18ftypisom" + bytes(20), "video", "still"),
    "archive": ("a.zip", b"PK\x03\x04" + bytes(40), "archive", "unpack"),
    "zeros": ("a.jpg", bytes(5000), "not a photo", "JPEG, PNG"),
    "noise": ("a.png", np.random.default_rng(0).bytes(5000), "not a photo", "JPEG, PNG"),
    "JPEG's first bytes": ("a.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF", "damaged", "again"),
    "JPEG's header alone": ("a.jpg", _jpeg_header(), "damaged", "again"),
    "PNG's signature alone": ("a.png", b"\x89PNG\r\n\x1a\n", "damaged", "again"),
    "PNG without pixels": ("a.png", _png(10, 10), "damaged", "again"),
    "PNG, 16 bit, without pixels": ("a.png", _png(10, 10, 16), "damaged", "again"),
    "PNG, 16 bit, half the pixels": ("a.png", _png(10, 10, 16, 2, bytes(300)), "damaged", "again"),
    "PNG of no width": ("a.png", _png(0, 10, data=bytes(10)), "", "again"),
    "PNG of unheard depth": ("a.png", _png(4, 4, 7, data=bytes(100)), "damaged", "again"),
    "PNG bomb": ("a.png", _png(100_000, 100_000, 1, 0, bytes(1000)), "100000x100000 pixels are more", "scale"),
    "BMP's header alone": ("a.bmp", b"BM" + bytes(24), "", "again"),
    "WebP's header alone": ("a.webp", b"RIFF\x10\0\0\0WEBPVP8 ", "damaged", "again"),
    "TIFF's header alone": ("a.tif", b"II*\0\x08\0\0\0", "TIFF", "again"),
    "TIFF that points nowhere": ("a.tif", b"II*\0\xff\xff\xff\x7f", "TIFF", "again"),
    "TIFF of NaN": ("a.tif", _tiff(_NAN), "NaN", "convert"),
    "TIFF of infinities": ("a.tif", _tiff(_NAN * 0 + np.inf), "", "convert"),
    "TIFF of large floats": ("a.tif", _tiff(_WIDE), "0..1", "convert"),
    "TIFF of negative numbers": ("a.tif", _tiff(np.full((8, 8), -5, np.int32)), "below 0", "convert"),
    "TIFF of complex numbers": ("a.tif", _tiff(np.zeros((8, 8), np.complex64)), "complex", "convert"),
    "PNM without pixels": ("a.ppm", b"P6 10 10 255\n", "damaged", "again"),
    "PNM, 16 bit, cut off": ("a.ppm", b"P6 10 10 65535\n" + bytes(100), "damaged", "again"),
    "PNM of letters": ("a.pgm", b"P5 ten ten 255\n", "", "again"),
    "PNM of no height": ("a.pgm", b"P5 10 0 255\n", "not a photo", "JPEG, PNG"),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_files(case, tmp_path, capfd) -> None:
    name, content, message, hint = CASES[case]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(MediaError) as caught:
        read(path)
    _assert_clear(caught.value, str(path))
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    out, err = capfd.readouterr()
    assert out == ""
    # OpenCV's libpng cannot be silenced; its checksums are compared beforehand, so only wrongly made files get there.
    assert err.replace("libpng error: Not enough image data\n", "") == ""


@pytest.mark.parametrize("case", ["empty", "text", "PNG without pixels"])
def test_bad_streams(case) -> None:
    with pytest.raises(MediaError, match=": -"):
        read(io.BytesIO(CASES[case][1]))


def _assert_clear(error: MediaError, name: str) -> None:
    assert name in error.message
    assert "\n" not in error.message
    assert not error.message.endswith(".")
    assert error.hint
    assert error.exit_code == 5


def test_limit_of_pixels(rgb) -> None:
    stream = io.BytesIO()
    write(Photo(rgb), stream, format="PNG")
    assert read(stream, max_pixels=rgb.shape[0] * rgb.shape[1]).pixels.shape == rgb.shape
    with pytest.raises(MediaError, match="67x101 pixels are more than the limit of 6,766"):
        read(stream, max_pixels=rgb.shape[0] * rgb.shape[1] - 1)


def test_large_pictures_pass_pillows_own_limit(rgb, monkeypatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    for form in FORMATS:
        stream = io.BytesIO()
        write(Photo(rgb), stream, format=form)
        assert read(stream).pixels.shape == rgb.shape
    assert Image.MAX_IMAGE_PIXELS == 10


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (20000, 3)])
def test_odd_shapes(shape) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    for form in ("PNG", "JPEG", "TIFF", "PPM", "BMP"):
        stream = io.BytesIO()
        write(Photo(pixels), stream, format=form)
        assert read(stream).pixels.shape[:2] == shape


def test_out_of_memory_is_told(tmp_path, rgb, monkeypatch) -> None:
    from colorcli.media import sources

    def full(*_: object) -> None:
        raise MemoryError

    path = tmp_path / "a.png"
    write(Photo(rgb), path)
    monkeypatch.setattr(sources, "array", full)
    with pytest.raises(MediaError, match="does not fit into memory") as caught:
        read(path)
    _assert_clear(caught.value, str(path))


def test_pillows_warnings_stay_inside(capfd) -> None:
    """Warnings are errors in these tests; under the user's settings nothing may reach stderr either."""
    stream = io.BytesIO()
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 1) + struct.pack("<HHII", 270, 2, 9999, 60000) + bytes(4)
    Image.new("L", (8, 8)).save(stream, "JPEG", exif=exif)
    for action in ("error", "always"):
        with warnings.catch_warnings():
            warnings.simplefilter(action)
            read(stream)
    assert capfd.readouterr().err == ""


def test_many_threads_at_once(tmp_path, rgb) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def once(number: int) -> None:
        path = tmp_path / f"{number}{('.jpg', '.png', '.tif', '.webp')[number % 4]}"
        write(Photo(rgb), path, quality=100)
        assert read(path).pixels.shape == rgb.shape

    limit = Image.MAX_IMAGE_PIXELS
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(once, range(64)))
    assert limit == Image.MAX_IMAGE_PIXELS
