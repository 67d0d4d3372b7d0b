"""Files as they should not be, made by code: sound ones of every format to start from, and what to do to them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from PIL import Image
from skimage import data

RGB: np.ndarray = np.ascontiguousarray(data.astronaut()[60:161, 180:247])
GRAY: np.ndarray = np.ascontiguousarray(data.camera()[60:161, 180:247])
DEEP = RGB.astype(np.uint16) * 257 ^ 1
DEEP_GRAY = GRAY.astype(np.uint16) * 257 ^ 1


def saved(pixels: np.ndarray | Image.Image, form: str, **words: Any) -> bytes:
    stream = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(stream, form, **words)
    return stream.getvalue()


def tiff(pixels: np.ndarray, **words: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **words)
    return stream.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, depth: int = 8, color: int = 2, data: bytes = b"", before: bytes = b"") -> bytes:
    """Assemble a PNG; ``data`` are its filtered rows, ``before`` whole chunks before them."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + before + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def with_chunk(sound: bytes, kind: bytes, body: bytes) -> bytes:
    """Put a chunk behind a PNG's header."""
    return sound[:33] + chunk(kind, body) + sound[33:]


def jpeg_with(sound: bytes, marker: int, body: bytes) -> bytes:
    """Put a segment behind a JPEG's first bytes."""
    return sound[:2] + bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body + sound[2:]


def directory(
    entries: list[tuple[int, int, int, int]], *, following: int = 0, start: int = 8, order: str = "<"
) -> bytes:
    """Assemble a TIFF structure of one directory from tag, type, count, value."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    packed = b"".join(struct.pack(f"{order}HHII", *entry) for entry in entries)
    table = struct.pack(f"{order}H", len(entries)) + packed + struct.pack(f"{order}I", following)
    return mark + struct.pack(f"{order}I", start) + table


def bare_tiff(width: int, height: int, *more: tuple[int, int, int, int], samples: int = 3, bits: int = 8) -> bytes:
    """Assemble an uncompressed TIFF that has sizes and next to no pixels; ``more`` replaces fields or adds to them."""
    fields = {
        256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, bits), 259: (3, 1, 1),
        262: (3, 1, 2 if samples == 3 else 1), 273: (4, 1, 8), 277: (3, 1, samples),
        278: (4, 1, height), 279: (4, 1, 64),
    }  # fmt: skip
    fields |= {tag: rest for tag, *rest in more}  # type: ignore[misc]
    return directory([(tag, *fields[tag]) for tag in sorted(fields)]) + bytes(200)


def bmp_of_runs() -> bytes:
    """A run-length coded BMP of GRAY."""
    height, width = GRAY.shape
    rows = b"".join(b"".join(bytes((1, v)) for v in row) + b"\0\0" for row in GRAY[::-1]) + b"\0\1"
    palette = b"".join(bytes((v, v, v, 0)) for v in range(256))
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(rows), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 1024 + len(rows), 0, 0, 54 + 1024) + head + palette + rows


def _heic() -> bytes:
    import pillow_heif

    stream = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(RGB)).save(stream, quality=80)
    return stream.getvalue()


def _pages() -> bytes:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as pages:
        pages.write(RGB, photometric="rgb", metadata=None)
        pages.write(GRAY, photometric="minisblack", metadata=None)
    return stream.getvalue()


# Of each kind: what makes a sound file.
_SOUND: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: saved(RGB, "JPEG", quality=90),
    "JPEG, gray": lambda: saved(GRAY, "JPEG", quality=90),
    "JPEG, progressive": lambda: saved(RGB, "JPEG", quality=90, progressive=True),
    "JPEG, restarts": lambda: saved(RGB, "JPEG", quality=90, restart_marker_rows=1),
    "PNG": lambda: saved(RGB, "PNG"),
    "PNG, palette": lambda: saved(Image.fromarray(RGB).quantize(16), "PNG"),
    "PNG, 16 bit": lambda: imagecodecs.png_encode(DEEP),
    "PNG, 16 bit, gray": lambda: saved(DEEP_GRAY, "PNG"),
    "TIFF": lambda: tiff(RGB, photometric="rgb", rowsperstrip=10),
    "TIFF, LZW": lambda: tiff(RGB, photometric="rgb", rowsperstrip=10, compression="lzw"),
    "TIFF, deflate in tiles": lambda: tiff(RGB, photometric="rgb", tile=(32, 32), compression="zlib"),
    "TIFF, JPEG": lambda: saved(RGB, "TIFF", compression="jpeg"),
    "TIFF, 16 bit": lambda: tiff(DEEP, photometric="rgb", rowsperstrip=10),
    "TIFF, 16 bit, tiles": lambda: tiff(DEEP, photometric="rgb", tile=(32, 32), compression="lzw", predictor=True),
    "TIFF, float": lambda: tiff(RGB / np.float32(255), photometric="rgb", compression="zlib", predictor=3),
    "TIFF, zstd": lambda: tiff(RGB, photometric="rgb", compression="zstd"),
    "TIFF, packbits": lambda: saved(RGB, "TIFF", compression="packbits"),
    "TIFF, fax": lambda: saved(Image.fromarray(GRAY).convert("1"), "TIFF", compression="group4"),
    "WebP": lambda: saved(RGB, "WEBP", quality=80),
    "WebP, lossless": lambda: saved(RGB, "WEBP", lossless=True),
    "AVIF": lambda: saved(RGB, "AVIF", speed=10),
    "AVIF, 10 bit": lambda: imagecodecs.avif_encode(DEEP >> 6, bitspersample=10, speed=10, level=90),
    "JPEG 2000": lambda: saved(RGB, "JPEG2000"),
    "JPEG 2000, lossy": lambda: saved(RGB, "JPEG2000", irreversible=True, quality_mode="rates", quality_layers=[8]),
    "JPEG 2000, 16 bit": lambda: imagecodecs.jpeg2k_encode(DEEP, level=0, reversible=True, codecformat="jp2"),
    "JPEG 2000, bare": lambda: saved(RGB, "JPEG2000", no_jp2=True, tile_size=(32, 32)),
    "BMP": lambda: saved(RGB, "BMP"),
    "BMP, runs": bmp_of_runs,
    "PPM": lambda: saved(RGB, "PPM"),
    "PPM, 16 bit": lambda: b"P6 %d %d 65535\n" % (RGB.shape[1], RGB.shape[0]) + DEEP.astype(">u2").tobytes(),
    "PPM, plain": lambda: b"P3 %d %d 255\n" % (RGB.shape[1], RGB.shape[0]) + b" ".join(b"%d" % v for v in RGB.flat),
    "HEIC": _heic,
}

KINDS = tuple(_SOUND)


@cache
def sound(kind: str) -> bytes:
    """A sound file of one of `KINDS`."""
    return _SOUND[kind]()


def cuts(content: bytes) -> list[int]:
    """Twenty places at which to cut a file off, the last bytes among them."""
    even = np.linspace(1, len(content) - 12, 16).astype(int).tolist()
    return [*even, *(len(content) - less for less in (8, 4, 2, 1))]
