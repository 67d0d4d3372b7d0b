"""Opening a file: what it is, whether it may be decoded, and Pillow's habits kept in check meanwhile."""

from __future__ import annotations

import logging
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from PIL import Image, PngImagePlugin, UnidentifiedImageError

from colorcli.errors import MediaError

# Pillow logs some of what it cannot read, and what nobody listens to lands on stderr; we say it ourselves.
logging.getLogger("PIL").addHandler(logging.NullHandler())

_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "JPEG2000", "BMP", "DIB", "PPM")
_READS = "JPEG, PNG, TIFF, WebP, AVIF, JPEG 2000, BMP and PNM; HEIC and camera RAW with the extras heif and raw"

# What stands at the beginning of files that people hand in and that hold no photo we read.
_OTHERS: tuple[tuple[re.Pattern[bytes], str, str | None], ...] = (
    (re.compile(rb"\s*<(!doctype html|html|head|!--)", re.I), "a web page", "download the picture itself"),
    (re.compile(rb"\s*<(\?xml|svg)", re.I), "XML or SVG", "export it as PNG first"),
    (re.compile(rb"GIF8"), "a GIF", "save it as PNG first"),
    (re.compile(rb"%PDF"), "a PDF", "export its pages as TIFF or PNG first"),
    (re.compile(rb"8BPS"), "a Photoshop file", "save it as TIFF first"),
    (re.compile(rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI ", re.S), "a video", "it is no still picture"),
    (re.compile(rb"PK\x03\x04|\x1f\x8b|Rar!|7z\xbc\xaf"), "a packed archive", "unpack it first"),
)


def head(stream: BinaryIO, name: str) -> bytes:
    """Read a file's first bytes.

    Raises:
        MediaError: there are none.
    """
    stream.seek(0)
    found = stream.read(512)
    stream.seek(0)
    if not found:
        raise MediaError(f"the file is empty: {name}", hint="fetch or scan it again")
    return found


def tried(stream: BinaryIO, formats: tuple[str, ...]) -> Image.Image | None:
    """Open with Pillow if it can."""
    try:
        return Image.open(stream, formats=formats)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 (what Pillow raises on damaged data is anyone's guess; others are asked then)
        return None


def opened(stream: BinaryIO, name: str, head: bytes) -> Image.Image:
    """Open without decoding, or say what the file is instead of a photo."""
    try:
        return Image.open(stream, formats=_FORMATS)
    except UnidentifiedImageError:
        pass
    except MemoryError:
        raise
    except Exception as error:
        raise MediaError(f"damaged or truncated file: {name} ({error})", hint="fetch or scan it again") from error
    for pattern, what, hint in _OTHERS:
        if pattern.match(head):
            raise MediaError(f"{what}, not a photo that colorcli reads: {name}", hint=hint)
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"BM")):
        raise MediaError(f"damaged or truncated file: {name}", hint="fetch or scan it again")
    raise MediaError(f"not a photo that colorcli reads: {name}", hint=f"it reads {_READS}")


def check_size(width: int, height: int, name: str, max_pixels: int) -> None:
    """Refuse a picture without pixels, or with more than ``max_pixels``."""
    if min(width, height) < 1:
        raise MediaError(f"the picture has no pixels ({width}x{height}): {name}", hint="scan it again")
    if width * height > max_pixels:
        says = f"{width}x{height} pixels are more than the limit of {max_pixels:,}"
        raise MediaError(f"{says}: {name}", hint="if it really is that large, scale it down first")


def check_frames(image: Image.Image, name: str) -> list[str]:
    """Refuse what holds more than one picture, since all but the first would be lost."""
    count = getattr(image, "n_frames", 1)
    if count == 1:
        return []
    if image.format == "MPO":
        return [f"only the first of {count} pictures in this JPEG is used"]
    raise MediaError(f"{count} moving pictures in one file are not supported: {name}", hint="it is no still picture")


MAX_TEXT = 16 << 20
"""Bytes that one packed text or profile of a PNG may inflate to."""

_lock = threading.Lock()
_inside = 0
_callers_limit: int | None = None
_callers_text = 0


@contextmanager
def pillow_unbound() -> Iterator[None]:
    """Lift Pillow's own limit of pixels (ours takes its place) and its warnings while any thread decodes.

    The limit of packed texts and profiles in a PNG is raised: scanners' profiles can be larger than Pillow's megabyte.
    """
    global _inside, _callers_limit, _callers_text
    with _lock:
        if not _inside:
            _callers_limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            _callers_text, PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_CHUNK, MAX_TEXT
        _inside += 1
        # Not catch_warnings, which is not made for threads. What Pillow warns about we find out and say ourselves.
        if not _pillow_is_quiet():
            warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                Image.MAX_IMAGE_PIXELS = _callers_limit
                PngImagePlugin.MAX_TEXT_CHUNK = _callers_text


def _pillow_is_quiet() -> bool:
    first: tuple[Any, ...] = warnings.filters[0] if warnings.filters else ()
    return bool(first) and first[0] == "ignore" and getattr(first[3], "pattern", None) == r"PIL\."
