"""Headers that promise more than their file can hold: told by arithmetic, before a decoder takes memory for it.

A header of a few bytes can ask for gigabytes. Deflate and Huffman codes have a best case, and pixels that would need
better than that are not there. Formats without such a bound (WebP, AVIF, JPEG 2000, TIFF by its compressions) allocate
as they go, or are bounded elsewhere.
"""

from __future__ import annotations

import os
import struct
from typing import Any, BinaryIO

from PIL import Image

from colorcli.errors import MediaError

_DEFLATE = 1032  # bytes from one, at best (zlib's technical details)
_BLOCKS = 16  # of a JPEG, from one byte: a block of the finest component has at least one bit; twice, to be sure
_RUNS = 255  # pixels of a run-length coded BMP from one byte: twice of what a run of two bytes gives
_SIZE = b"\xff\x4f\xff\x51"  # how a codestream of JPEG 2000 begins; its sizes stand 8 bytes further
_BITS = {"I;16": 16, "LA": 16, "RGB": 16, "RGBA": 32}  # the fewest that Pillow's mode stands for in a file; else 1


def check(image: Image.Image, stream: BinaryIO, name: str) -> None:
    """Refuse a picture whose pixels cannot be in its file.

    Args:
        image: as `PIL.Image.open` gave it, not loaded.
        stream: its file; its position is kept.
        name: the file's name for the message.

    Raises:
        MediaError: there is too little of the file.
    """
    here = stream.tell()
    size = stream.seek(0, os.SEEK_END)
    stream.seek(here)
    if max(least(image), _tiles(image, stream)) > size:
        says = f"{size:,} bytes cannot hold the {image.width}x{image.height} pixels that its header promises"
        raise MediaError(f"damaged or truncated {image.format} file: {name} ({says})", hint="fetch or scan it again")


def _tiles(image: Image.Image, stream: BinaryIO) -> int:
    """Return the fewest bytes that the tiles of a JPEG 2000 file take: 14 for the markers of each."""
    if image.format != "JPEG2000":
        return 0
    here = stream.tell()
    stream.seek(0)
    head = stream.read(1 << 16)
    stream.seek(here)
    place = head.find(_SIZE)
    if place < 0 or place + 40 > len(head):
        return 0
    width, height, _, _, wide, high, left, top = struct.unpack_from(">8I", head, place + 8)
    if not wide or not high:
        return 0
    return int(14 * -(-(width - left) // wide) * -(-(height - top) // high))


def least(image: Image.Image) -> int:
    """Return the fewest bytes that a file of an opened picture can have, as far as that is known."""
    width, height = image.size
    row = (width * _BITS.get(image.mode, 1) + 7) // 8
    match image.format:
        case "PNG":
            return height * (1 + row) // _DEFLATE
        case "JPEG" | "MPO":
            return -(-width // 8) * -(-height // 8) // _BLOCKS
        case "PPM":
            return height * row
        case "BMP" | "DIB":
            tile: Any = getattr(image, "tile", None)
            if tile and tile[0].codec_name == "bmp_rle":
                return width * height // _RUNS
            return height * row
    return 0
