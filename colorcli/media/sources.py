"""What a file is, and which library decodes it: Pillow most, others where Pillow would refuse, or lose something."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorcli.errors import MediaError
from colorcli.media import avif, deep, heif, isobmff, jpeg_damage, mending, opening, raw, runs, tiff, tiff_pages
from colorcli.media.ifd import BrokenDirectoryError
from colorcli.media.samples import UnsupportedError

Pixels = NDArray[Any]

_KNOWN_AS = {"MPO": "JPEG", "DIB": "BMP"}


class NoPageError(IndexError):
    """The file has not so many pages; a type of its own, since codecs raise ``IndexError`` on damaged files."""


@dataclass
class Raster:
    """Decoded pixels, on their way to sRGB.

    Attributes:
        pixels: ``(H, W)`` gray, ``(H, W, 3)`` RGB or ``(H, W, 4)`` ink, uint8 or uint16; or what Pillow decoded.
        alpha: ``(H, W)`` of the same type, or None. Pillow's picture has its own.
        upright: the orientation is applied.
    """

    pixels: Pixels | Image.Image
    alpha: Pixels | None = None
    upright: bool = False


@dataclass
class Source:
    """An opened file, of which nothing but headers has been read.

    Attributes:
        image: what the file says about its picture, for `colorcli.media.metadata.gather`.
        stream: the file; of a TIFF, the page as if it were the first.
        form: the key of `colorcli.media.formats.FORMATS` that is nearest to it.
        size: width and height, upright or not.
        orientation: 1..8, how EXIF has the picture turned.
        load: decodes the pixels; adds to the notes it is given.
        pages: how many there are.
        notes: what is not as it should be.
    """

    image: Image.Image
    stream: BinaryIO
    form: str
    size: tuple[int, int]
    orientation: int
    load: Callable[[list[str]], Raster]
    pages: int = 1
    notes: list[str] = field(default_factory=list)


def opened(stream: BinaryIO, name: str, page: int) -> Source:
    """Find out what a file is and read its headers.

    Raises:
        MediaError: it is no photo, a damaged one, or of a kind that is not supported.
        IndexError: there is no such page.
    """
    head = opening.head(stream, name)
    if raw.is_raw(stream, head):
        found = _raw(stream, head, name)
    elif head.startswith(tiff.MAGIC):
        found = _tiff(stream, name, page)
    elif heif.MAGIC.match(head):
        found = _heif(stream, name)
    else:
        found = _pillow(stream, name, head)
    if not 0 <= page < found.pages:
        raise NoPageError(f"page {page} of {found.pages}: {name}")
    return found


def _tiff(stream: BinaryIO, name: str, page: int) -> Source:
    try:
        found = tiff_pages.pages(stream)
        if not 0 <= page < len(found.offsets):
            raise NoPageError(f"page {page} of {len(found.offsets)}: {name}")
        view: Any = stream
        if page or found.offsets[0] != tiff.first(stream):
            view = tiff_pages.PageView(stream, found.offsets[page])
        fields = tiff.first_fields(view)
    except BrokenDirectoryError as error:
        raise MediaError(f"a damaged TIFF: {name} ({error})", hint="fetch or scan it again") from error
    notes = []
    if found.copies:
        notes.append(f"{found.copies} smaller copies or masks in this TIFF are left out")
    view.seek(0)
    image = opening.tried(view, ("TIFF",))
    if image is not None and tiff.suits_pillow(fields):
        load = functools.partial(_pixels_of_pillow, image)
    else:
        load = functools.partial(_pixels_of_tiff, view)
    if image is None:
        image = tiff.carrier(fields, view)
    return Source(image, view, "TIFF", tiff.size(fields), tiff.orientation(fields), load, len(found.offsets), notes)


def _pixels_of_tiff(stream: BinaryIO, notes: list[str]) -> Raster:
    found = tiff.load(stream, notes)
    return Raster(found.color, found.alpha)


def _pixels_of_pillow(image: Image.Image, notes: list[str]) -> Raster:
    image.load()
    return Raster(image, upright=image.format == "TIFF")  # Pillow turns TIFFs by itself when it loads them


def _raw(stream: BinaryIO, head: bytes, name: str) -> Source:
    with _damage_told("camera RAW", name):
        found = raw.opened(stream, head)
    notes = ["developed plainly from camera RAW: the camera's white balance, no automatic brightening"]
    return Source(
        found.image,
        stream,
        "TIFF",
        found.size,
        6 if found.turned else 1,
        lambda _: Raster(found.load(), upright=True),
        notes=notes,
    )


@contextmanager
def _damage_told(kind: str, name: str) -> Iterator[None]:
    try:
        yield
    except (MediaError, MemoryError):
        raise
    except Exception as error:  # what a codec raises on damaged data is anyone's guess
        problem = f"damaged or truncated {kind} file: {name} ({' '.join(str(error).split())})"
        raise MediaError(problem, hint="fetch it again") from error


def _strange_colors(stream: BinaryIO) -> list[str]:
    space = isobmff.strange_colors(stream)
    return [f"the colours are in {space} without a profile, and are taken for sRGB"] if space else []


def _heif(stream: BinaryIO, name: str) -> Source:
    with _damage_told("HEIC", name):
        found = heif.opened(stream)
    notes = _strange_colors(stream)
    if found.count > 1:
        notes.append(f"only the main one of {found.count} pictures in this HEIC is used")
    return Source(
        found.image,
        stream,
        "HEIF",
        found.size,
        6 if found.turned else 1,
        lambda _: Raster(*found.load(), upright=True),
        notes=notes,
    )


def _pillow(stream: BinaryIO, name: str, head: bytes) -> Source:
    image, stream, mended = mending.opened(stream, name, head)
    form = _KNOWN_AS.get(image.format or "", image.format or "")
    notes = mended + opening.check_frames(image, name)
    if form == "AVIF":
        notes += _strange_colors(stream)
    orientation = _orientation(image, notes)

    def load(notes: list[str]) -> Raster:
        if runs.coded(image):
            return Raster(runs.decoded(image, stream))
        if deep.is_deep(image, stream):
            return Raster(*deep.decode(image, stream))
        if form == "AVIF" and avif.bits(stream) > 8:
            return Raster(*avif.decode(stream))
        if form == "JPEG":
            notes += jpeg_damage.load(image, stream)
        return _pixels_of_pillow(image, notes)

    return Source(image, stream, form, image.size, orientation, load, notes=notes)


def _orientation(image: Image.Image, notes: list[str]) -> int:
    try:
        # Not image.getexif(): a PNG without EXIF would be decoded to look for it behind the pixels.
        found = Image.Image.getexif(image).get(0x0112, 1)
    except Exception:  # noqa: BLE001 (EXIF is never worth failing for, and Pillow's parser raises many things)
        notes.append("the EXIF data is damaged")
        return 1
    return found if found in range(1, 9) else 1


def gray_or_color(image: Image.Image) -> tuple[Pixels, Pixels | None]:
    """Turn Pillow's modes into gray or RGB of 8 or 16 bits, and alpha; not CMYK and Lab, which want a profile.

    Raises:
        UnsupportedError: a mode that is none of these.
    """
    mode, key = image.mode, image.info.get("transparency")
    if mode in ("I", "F") or mode.startswith("I;16"):
        pixels = deep.from_wide(image)
        return pixels, np.where(pixels == key, 0, 65535).astype(np.uint16) if isinstance(key, int) else None
    plain = {"1": "L", "P": "RGB", "PA": "RGBA", "La": "LA", "RGBa": "RGBA", "YCbCr": "RGB", "RGBX": "RGB"}
    mode = plain.get(mode, mode)
    if key is not None and mode in ("L", "RGB"):
        mode = {"L": "LA", "RGB": "RGBA"}[mode]
    if mode not in ("L", "LA", "RGB", "RGBA"):
        raise UnsupportedError(f"the colour model {mode} is not supported")
    found = array(image if image.mode == mode else image.convert(mode))
    if mode in ("L", "RGB"):
        return found, None
    color = found[..., 0] if mode == "LA" else found[..., :3]
    return np.ascontiguousarray(color), np.ascontiguousarray(found[..., -1])


def array(image: Image.Image) -> NDArray[np.uint8]:
    """Copy pixels out of Pillow strip by strip: a third of the time of its own way, which holds them twice."""
    rows = max(1, (1 << 18) // max(image.width, 1))
    if image.height <= rows:
        return np.array(image)
    bands = len(image.getbands())
    shape = (image.height, image.width) if bands == 1 else (image.height, image.width, bands)
    found = np.empty(shape, np.uint8)
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        found[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    return found
