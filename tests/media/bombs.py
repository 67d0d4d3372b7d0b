"""Small files that ask for gigabytes: what each promises, and what it holds. Run by `test_bombs` with little memory."""

from __future__ import annotations

import io
import re
import resource
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from bad_files import RGB, bare_tiff, chunk, png, sound, tiff
from PIL import Image

ROOM = 1 << 30  # bytes of address space above what is taken before the first case


def _sized(content: bytes, pattern: bytes, kind: str, *numbers: int) -> bytes:
    """Put numbers behind the first place where a pattern matches."""
    data = bytearray(content)
    found = re.search(pattern, content, re.S)
    assert found, pattern
    struct.pack_into(kind, data, found.end(), *numbers)
    return bytes(data)


def _zeros(megabytes: int) -> bytes:
    packer, block = zlib.compressobj(9), bytes(1 << 20)
    return b"".join([packer.compress(block) for _ in range(megabytes)] + [packer.flush()])


def _png_of_zeros(width: int, height: int, depth: int, color: int, megabytes: int) -> bytes:
    """A sound PNG, black all over, of a thousandth of its size."""
    return png(width, height, depth, color)[:33] + chunk(b"IDAT", _zeros(megabytes)) + chunk(b"IEND", b"")


def _bmp(width: int, height: int, packing: int = 0, bits: int = 24) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, packing, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 2000, 0, 0, 54 + 1024) + head + bytes(2000)


def _webp(width: int, height: int) -> bytes:
    """An extended WebP with another canvas than its picture."""
    content = io.BytesIO()
    Image.fromarray(np.dstack((RGB, RGB[..., 0]))).save(content, "WEBP")
    packed = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    data = bytearray(content.getvalue())
    place = data.find(b"VP8X") + 12
    data[place : place + 6] = packed
    return bytes(data)


_SOF, _SIZ, _ISPE = rb"\xff[\xc0\xc2]..\x08", rb"\xff\x4f\xff\x51....", rb"ispe...."
_TILED = tiff(RGB, photometric="rgb", tile=(32, 32), compression="zlib")


def _tag(content: bytes, tag: int, value: int) -> bytes:
    """Change the value of a field of a little-endian TIFF, whatever its type."""
    data = bytearray(content)
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    for place in range(first + 2, first + 2 + 12 * count, 12):
        if struct.unpack_from("<H", data, place)[0] == tag:
            struct.pack_into("<HII", data, place + 2, 4, 1, value)
    return bytes(data)


# name: what makes it; all are refused, and quickly
CASES: dict[str, Callable[[], bytes]] = {
    "PNG, 100000 x 100000": lambda: png(100_000, 100_000, 1, 0, bytes(1000)),
    "PNG, 2^31 wide": lambda: png((1 << 31) - 1, (1 << 31) - 1, 8, 2, bytes(1000)),
    "PNG, 20000 x 20000, of 1 kB": lambda: png(20_000, 20_000, 8, 2, bytes(1000)),
    "PNG, 22000 x 22000 of 16 bits, of 1 kB": lambda: png(22_000, 22_000, 16, 6, bytes(1000)),
    "PNG of zeros, over the limit": lambda: _png_of_zeros(60_000, 60_000, 1, 0, 450),
    "JPEG, 65535 x 65535": lambda: _sized(sound("JPEG"), _SOF, ">HH", 65535, 65535),
    "JPEG, 20000 x 20000": lambda: _sized(sound("JPEG"), _SOF, ">HH", 20_000, 20_000),
    "JPEG, progressive, 20000 x 20000": lambda: _sized(sound("JPEG, progressive"), _SOF, ">HH", 20_000, 20_000),
    "TIFF, 2^32 x 2^32": lambda: bare_tiff(0xFFFFFFFF, 0xFFFFFFFF),
    "TIFF, 20000 x 20000": lambda: bare_tiff(20_000, 20_000),
    "TIFF, 20000 x 20000 of deflate": lambda: bare_tiff(20_000, 20_000, (259, 3, 1, 8)),
    "TIFF, 20000 x 20000 of LZW": lambda: bare_tiff(20_000, 20_000, (259, 3, 1, 5)),
    "TIFF, 20000 x 20000 of PackBits": lambda: bare_tiff(20_000, 20_000, (259, 3, 1, 32773)),
    "TIFF, 65535 samples": lambda: bare_tiff(1000, 1000, (277, 3, 1, 65535), samples=1),
    "TIFF, 65535 bits": lambda: bare_tiff(1000, 1000, samples=1, bits=65535),
    "TIFF, strips without number": lambda: bare_tiff(100, 100, (273, 4, 0xFFFFFFFF, 8), (279, 4, 0xFFFFFFFF, 8)),
    "TIFF, strip of 4 GB": lambda: bare_tiff(100, 100, (279, 4, 1, 0xFFFFFFF0)),
    "TIFF, tiles 2^31 wide": lambda: _tag(_TILED, 322, 0x7FFFFFF0),
    "TIFF, tiles 30000 wide": lambda: _tag(_tag(_TILED, 322, 30_000), 323, 30_000),
    "TIFF, wide, in tiles": lambda: _tag(_tag(_TILED, 256, 20_000), 257, 20_000),
    "TIFF, deep": lambda: bare_tiff(100, 100, (32997, 4, 1, 0x7FFFFFFF)),
    "TIFF, 65535 fields": lambda: b"II*\0\x08\0\0\0\xff\xff" + bytes(60),
    "WebP, lossy, 16383 x 16383": lambda: _sized(sound("WebP"), rb"VP8 ....\S*?\x9d\x01\x2a", "<HH", 16383, 16383),
    "WebP, canvas 2^24 wide": lambda: _webp(1 << 24, 200),
    "WebP, canvas 16384 x 16384": lambda: _webp(16384, 16384),
    "AVIF, 2^31 wide": lambda: _sized(sound("AVIF"), _ISPE, ">II", 0x7FFFFFFF, 0x7FFFFFFF),
    "AVIF, 20000 x 20000": lambda: _sized(sound("AVIF"), _ISPE, ">II", 20_000, 20_000),
    "AVIF, 10 bit, 20000 x 20000": lambda: _sized(sound("AVIF, 10 bit"), _ISPE, ">II", 20_000, 20_000),
    "JPEG 2000, 2^31 wide": lambda: _sized(sound("JPEG 2000, bare"), _SIZ, ">II", 0x7FFFFFFF, 0x7FFFFFFF),
    "JPEG 2000, 20000 x 20000": lambda: _sized(sound("JPEG 2000, bare"), _SIZ, ">II", 20_000, 20_000),
    "JPEG 2000, 16 bit, 20000 x 20000": lambda: _sized(
        _sized(sound("JPEG 2000, 16 bit"), _SIZ, ">II", 20_000, 20_000), b"ihdr", ">II", 20_000, 20_000
    ),
    "BMP, 2^31 wide": lambda: _bmp(0x7FFFFFFF, 0x7FFFFFFF),
    "BMP, 20000 x 20000": lambda: _bmp(20_000, 20_000),
    "BMP, -20000 high": lambda: _bmp(20_000, -20_000),
    "BMP of runs, 20000 x 20000": lambda: _bmp(20_000, 20_000, 1, 8),
    "BMP of runs, 60000 x 8000": lambda: _bmp(60_000, 8_000, 1, 8),
    "PNM, 99999999 x 99999999": lambda: b"P6 99999999 99999999 255\n" + bytes(100),
    "PNM, 20000 x 20000": lambda: b"P6 20000 20000 255\n" + bytes(100),
    "PNM, 16 bit, 20000 x 20000": lambda: b"P6 20000 20000 65535\n" + bytes(100),
    "PNM, plain, 20000 x 20000": lambda: b"P3 20000 20000 255\n" + b"1 " * 100,
    "PNM, bits, 20000 x 20000": lambda: b"P4 20000 20000\n" + bytes(100),
}


def outcomes() -> Iterator[str]:
    """Read all cases in one process of little memory; one line for each that does not end as it should."""
    from colorcli.errors import MediaError
    from colorcli.media.photo import read

    for kind in ("JPEG", "PNG", "PNG, 16 bit", "TIFF", "WebP", "AVIF, 10 bit", "JPEG 2000, 16 bit", "BMP, runs"):
        read(io.BytesIO(sound(kind)))  # the libraries are loaded
    contents = {name: make() for name, make in CASES.items()}
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + ROOM, held + ROOM))
    for name, content in contents.items():
        try:
            found = read(io.BytesIO(content), name="a bomb")
        except MediaError as error:
            wrong = isinstance(error.__cause__, MemoryError) or "a bomb" not in error.message or not error.hint
            if wrong:
                yield f"{name}: {error}"
        else:
            yield f"{name}: read as {found.pixels.shape}"


if __name__ == "__main__":
    wrong = list(outcomes())
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)
