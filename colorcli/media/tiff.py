"""TIFF: the pixels of a page, by tifffile and imagecodecs, and what the directory says about them (TIFF 6.0)."""

from __future__ import annotations

import io
import logging
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorcli.media import ifd, samples
from colorcli.media.ifd import Field
from colorcli.media.samples import UnsupportedError
from colorcli.media.tiff_pages import number, numbers

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

# All but this and a few colour models goes past libtiff, which writes to stderr what it thinks of damaged files, and
# cannot be told not to.
_OLD_JPEG = 6
# What a byte can become at best, by compression: none, LZW, deflate, PackBits.
_BEST_RATIO = {1: 1, 5: 4096, 8: 1032, 32946: 1032, 32773: 64}
_MOST_SAMPLES, _LARGE_TILE = 16, 1 << 24
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES = 256, 257, 258, 259, 262, 277
_ORIENTATION, _EXTRA, _FORMAT = 274, 338, 339
_XMP, _IPTC, _PHOTOSHOP, _ICC = 700, 33723, 34377, 34675
_OF_PIXELS = frozenset(
    (*range(256, 267), *range(273, 280), 284, 292, 293, *range(317, 326), 338, 339, 347, *range(512, 533))
)
_GRAY, _RGB, _PALETTE, _INK, _YCBCR, _LAB = (0, 1), 2, 3, 5, 6, (8, 9)


def first(stream: BinaryIO) -> int:
    """Return where the first directory stands."""
    return ifd.header(stream).first


def first_fields(stream: BinaryIO) -> dict[int, Field]:
    """Read the first directory."""
    head = ifd.header(stream)
    return ifd.fields(stream, head, head.first, needed=_OF_PIXELS)


def size(fields: dict[int, Field]) -> tuple[int, int]:
    """Return width and height as they lie in the file."""
    return number(fields, _WIDTH, 0), number(fields, _HEIGHT, 0)


def orientation(fields: dict[int, Field]) -> int:
    """Return the orientation that the directory asks for, 1..8."""
    found = number(fields, _ORIENTATION, 1)
    return found if 1 <= found <= 8 else 1


def suits_pillow(fields: dict[int, Field]) -> bool:
    """Tell whether only Pillow decodes the page, if it opens it at all, or decodes it just as well in fewer bits."""
    return (
        max(numbers(fields, _BITS) or (1,)) <= 8
        and set(numbers(fields, _FORMAT)) <= {1}
        and (number(fields, _COMPRESSION, 1) == _OLD_JPEG or number(fields, _PHOTOMETRIC, 1) in _LAB)
    )


def carrier(fields: dict[int, Field], stream: BinaryIO) -> Image.Image:
    """Make an empty picture that says what the directory says, for a page that Pillow cannot open."""
    image: Any = Image.Image()
    order = ifd.header(stream).order
    image.format = "TIFF"
    image.tag_v2 = {tag: fields[tag].data for tag in (_PHOTOSHOP, _IPTC) if tag in fields}
    if _IPTC in fields and fields[_IPTC].kind == 4 and order == ">":  # bytes written as if they were numbers
        image.tag_v2[_IPTC] = np.frombuffer(fields[_IPTC].data, "<u4").astype(">u4").tobytes()
    for key, tag in (("xmp", _XMP), ("icc_profile", _ICC)):
        if tag in fields:
            image.info[key] = fields[tag].data
    if 282 in fields and 283 in fields:
        ratios = [struct.unpack("<II", fields[tag].data[:8]) for tag in (282, 283) if len(fields[tag].data) >= 8]
        unit = {2: 1.0, 3: 2.54}.get(number(fields, 296, 2))
        if unit and len(ratios) == 2 and all(below for _, below in ratios):
            image.info["dpi"] = tuple(unit * above / below for above, below in ratios)
    found: Image.Image = image
    return found


@dataclass
class Channels:
    """What a page holds, as it lies.

    Attributes:
        color: ``(H, W)`` gray, ``(H, W, 3)`` RGB or ``(H, W, 4)`` ink (CMYK, 0 is none), uint8 or uint16.
        alpha: ``(H, W)`` of the same type, or None.
    """

    color: NDArray[Any]
    alpha: NDArray[Any] | None


def load(stream: BinaryIO, notes: list[str]) -> Channels:
    """Decode the first page with tifffile and imagecodecs; orientation and profile not applied.

    Args:
        stream: the file, or a `PageView` of it.
        notes: gets what was cut off or left out.

    Raises:
        UnsupportedError: the colour model or the kind of numbers.
        ValueError and others: it is damaged or ends too early.
    """
    import tifffile

    logger = logging.getLogger("tifffile")  # it logs what it cannot read; we say it ourselves
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logger.propagate = False
    end = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    with tifffile.TiffFile(stream, name="photo") as file:  # without a name it takes the descriptor for one
        page: Any = file.pages[0]
        _check_complete(page, end)
        array: NDArray[Any] = page.asarray(squeeze=False, maxworkers=1)  # (planes, depth, H, W, samples)
        if array.ndim != 5 or array.shape[1] != 1:
            raise UnsupportedError("pictures of more than two dimensions are not supported")
        array = np.moveaxis(array[:, 0], 0, -1).reshape(*array.shape[2:4], -1) if array.shape[0] > 1 else array[0, 0]
        bits = page.bitspersample
        extra = tuple(int(kind) for kind in page.extrasamples)
        model, inks, compression = int(page.photometric), page.tags.valueof(332, default=1), int(page.compression)
        colormap = page.colormap
    if model == _PALETTE and colormap is not None:
        array, model = _in_colors(array[..., 0], colormap), _RGB
        bits = 8 * array.itemsize
    if model == _YCBCR and compression not in (6, 7, 33007, 34712, 50001):
        raise UnsupportedError("a TIFF of YCbCr colour in this compression is not supported")
    if model == _INK and int(inks) != 1:
        raise UnsupportedError("a TIFF of inks other than CMYK is not supported")
    if model in _LAB and bits == 16 and array.shape[-1] >= 3:
        color = samples.from_lab(np.ascontiguousarray(array[..., :3]).astype(np.uint16), icc_encoded=model == _LAB[1])
        array, model = np.concatenate((color, array[..., 3:]), axis=-1), _RGB
    count = {0: 1, 1: 1, _RGB: 3, _YCBCR: 3, _INK: 4}.get(model)
    if count is None or array.shape[-1] < count:
        raise UnsupportedError(f"TIFFs of this colour model ({model}) are not supported")
    return _channels(array, count, bits, extra, notes, inverted=model == 0)


def _in_colors(array: NDArray[Any], colormap: NDArray[Any]) -> NDArray[Any]:
    """Look up a palette of 16 bits; the result has 8 where the palette holds no more."""
    high, low = colormap >> 8, colormap & 255
    if not low.any() or np.array_equal(low, high):
        colormap = high.astype(np.uint8)
    found: NDArray[Any] = np.moveaxis(colormap, 0, -1)[array]
    return found


def _check_complete(page: Any, end: int) -> None:
    """Refuse a page of which parts are missing, which tifffile would fill with black, or cannot be in the file."""
    if page.imagedepth != 1 or page.samplesperpixel > _MOST_SAMPLES:
        raise UnsupportedError("pictures of more than two dimensions, or of many channels, are not supported")
    if page.is_tiled and page.tilewidth * page.tilelength > max(_LARGE_TILE, 4 * page.imagewidth * page.imagelength):
        raise ValueError(f"tiles of {page.tilewidth}x{page.tilelength} pixels")
    needed = int(np.prod(page.chunked))
    offsets, counts = page.dataoffsets[:needed], page.databytecounts[:needed]
    if len(offsets) < needed or len(counts) < needed or not all(offsets) or not all(counts):
        raise ValueError("parts of the picture are missing")
    if any(offset + count > end for offset, count in zip(offsets, counts, strict=True)):
        raise ValueError("the file ends too early")
    best = _BEST_RATIO.get(int(page.compression))
    size = page.imagewidth * page.imagelength * page.samplesperpixel * page.bitspersample // 8
    if best and size > best * sum(counts):
        raise ValueError(f"{sum(counts):,} bytes cannot hold {page.imagewidth}x{page.imagelength} pixels")


def _channels(
    array: NDArray[Any], count: int, bits: int, extra: tuple[int, ...], notes: list[str], *, inverted: bool
) -> Channels:
    """Part colour from alpha, and bring both to 8 or 16 bits."""
    more = array.shape[-1] - count
    kinds = (extra + (0,) * more)[:more] if extra else (2,) * (more == 1) + (0,) * (more if more > 1 else 0)
    # 1: the colour is multiplied by it; 2: it is not; 0: nobody knows what it is.
    which = next((place for place, kind in enumerate(kinds) if kind in (1, 2)), None)
    if more > (which is not None):
        notes.append(f"{more - (which is not None)} channels of unknown meaning are left out")
    color = samples.levels(np.ascontiguousarray(array[..., 0] if count == 1 else array[..., :count]), bits, notes)
    most = np.iinfo(color.dtype).max
    if inverted:
        color = most - color
    if which is None:
        return Channels(color, None)
    alpha = samples.levels(np.ascontiguousarray(array[..., count + which]), bits, [])
    if alpha.dtype != color.dtype:
        raise UnsupportedError("transparency of another depth than the colours is not supported")
    return Channels(samples.unmultiplied(color, alpha) if kinds[which] == 1 else color, alpha)
