"""From a file's bytes to upright pixels in sRGB, whatever the format, depth and colour model.

`colorcli.media.sources` chooses the library that loses nothing; here orientation, ink and profiles are applied.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorcli.errors import MediaError
from colorcli.media import deep, metadata, opening, plausible, png_color, profiles, samples, sources, webp
from colorcli.media.metadata import Metadata
from colorcli.media.samples import UnsupportedError
from colorcli.media.sources import Source

Pixels = NDArray[Any]

_NO_INK_PROFILE = "the CMYK profile cannot be used; a plain conversion is made instead"

# EXIF orientation to Pillow's operation that undoes it; the last four change width and height.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass
class Decoded:
    """What `decode` found; see `colorcli.media.photo.Photo`."""

    pixels: Pixels
    alpha: Pixels | None
    format: str
    metadata: Metadata
    warnings: list[str] = field(default_factory=list)
    pages: int = 1
    source_icc: bytes | None = None


def decode(stream: BinaryIO, name: str, *, max_pixels: int, page: int = 0) -> Decoded:
    """Decode one picture.

    Args:
        stream: the file, seekable.
        name: what to call it in messages.
        max_pixels: refuse more, before any memory is taken for them.
        page: which page of a TIFF, from 0.

    Raises:
        MediaError: no picture, a damaged or truncated one, too large, or of a kind that is not supported.
        MemoryError: it does not fit.
        IndexError: there is no such page.
    """
    with opening.pillow_unbound(), _explained(name):
        source = sources.opened(stream, name, page)
        opening.check_size(*source.size, name, max_pixels)
        plausible.check(source.image, source.stream, name)
        with _explained(name, source.form):
            return _decoded(source)


@contextmanager
def _explained(name: str, form: str = "") -> Iterator[None]:
    try:
        yield
    except (MediaError, MemoryError, sources.NoPageError):
        raise
    except UnsupportedError as error:
        raise MediaError(f"{error}: {name}", hint="convert it to 8- or 16-bit PNG or TIFF first") from error
    except Exception as error:  # what a codec raises on damaged data is anyone's guess
        why = str(error).strip().rstrip(".") or type(error).__name__
        problem = f"damaged or truncated {form} file: {name} ({why})".replace("  ", " ")
        raise MediaError(" ".join(problem.splitlines()), hint="fetch or scan it again") from error


def _decoded(source: Source) -> Decoded:
    """Decode an opened picture; anything may be raised."""
    image, stream, notes = source.image, source.stream, source.notes
    if image.format == "PNG" and (not deep.is_deep(image, stream) or deep.ends_with_metadata(stream)):
        image.load()  # what a PNG says about its picture may stand behind it
    about, broken = metadata.gather(image, stream, swapped=source.orientation >= 5)
    notes += broken
    icc = about.icc or (png_color.profile(image.info) if image.format == "PNG" else None)
    raster = source.load(notes)
    pixels, alpha = raster.pixels, raster.alpha
    if isinstance(pixels, Image.Image):
        if not raster.upright and source.orientation != 1:
            info = pixels.info
            pixels = pixels.transpose(_UPRIGHT[source.orientation])
            pixels.info = info
        if pixels.mode in ("CMYK", "LAB"):
            pixels, icc = _from_four(pixels, icc, notes), None
        else:
            pixels, alpha = sources.gray_or_color(pixels)
    else:
        if pixels.ndim == 3 and pixels.shape[2] == 4:
            pixels, icc = _from_ink(pixels, icc, notes), None
        if not raster.upright and source.orientation != 1:
            pixels = _turned(pixels, source.orientation)
            alpha = None if alpha is None else _turned(alpha, source.orientation)
    pixels = _collapsed(pixels)
    if source.form == "WEBP" and pixels.ndim == 3 and webp.is_lossy(stream):
        pixels = webp.collapsed(pixels)
    before = icc if icc and profiles.space(icc) == "RGB" else None
    pixels, icc = _in_srgb(pixels, icc, notes)
    about = replace(about, icc=icc)
    came_in = before if icc and icc != before else None
    return Decoded(pixels, alpha, source.form, about, notes, source.pages, came_in)


def _from_four(image: Image.Image, icc: bytes | None, notes: list[str]) -> Pixels:
    """CMYK or Lab to sRGB, 8 bits."""
    if image.mode == "LAB":
        from PIL import ImageCms

        lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
        return sources.array(profiles.to_srgb(image, lab))
    if icc:
        try:
            return sources.array(profiles.to_srgb(image, icc))
        except profiles.BrokenProfileError:
            notes.append(_NO_INK_PROFILE)
    return sources.array(image.convert("RGB"))


def _from_ink(ink: Pixels, icc: bytes | None, notes: list[str]) -> Pixels:
    """CMYK to sRGB, any depth."""
    if icc:
        try:
            return profiles.colors_to_srgb(ink, icc)
        except profiles.BrokenProfileError:
            notes.append(_NO_INK_PROFILE)
    return samples.from_ink(ink)


def _collapsed(pixels: Pixels) -> Pixels:
    """Make ``(H, W)`` of ``(H, W, 3)`` whose pixels are all neutral; stop looking at the first strip that is not.

    Neighbours in memory are compared (fast), and the pairs that belong to two pixels masked out.
    """
    if pixels.ndim == 2:
        return pixels
    flat = pixels.reshape(-1)
    step = 3 << 17
    between = np.zeros(step - 1, bool)
    between[2::3] = True
    for start in range(0, flat.size, step):
        strip = flat[start : start + step]
        same = strip[1:] == strip[:-1]
        same |= between[: same.size]
        if not same.all():
            return pixels
    return np.ascontiguousarray(pixels[..., 0])


def _in_srgb(pixels: Pixels, icc: bytes | None, notes: list[str]) -> tuple[Pixels, bytes | None]:
    """Bring pixels from their profile to sRGB and name the profile that is true for the result."""
    if not icc:
        return pixels, None
    kind, gray = profiles.space(icc), pixels.ndim == 2
    if kind != "RGB" and not (gray and kind == "GRAY"):
        notes.append(f"an ICC profile that does not fit the pixels is left out ({kind or 'damaged'})")
        return pixels, None
    try:
        if kind == "RGB" and profiles.is_srgb(icc):
            return pixels, icc
        if gray:
            table = profiles.gray_table(icc, 256 if pixels.dtype == np.uint8 else 65536)
            pixels = pixels if table is None else table.astype(pixels.dtype)[pixels]
        else:
            pixels = profiles.colors_to_srgb(pixels, icc)
    except profiles.BrokenProfileError as error:
        notes.append(f"a damaged ICC profile is left out ({error})")
        return pixels, None
    return pixels, profiles.srgb()


def _turned(pixels: Pixels, orientation: int) -> Pixels:
    """Undo an EXIF orientation on an array."""
    if orientation in (5, 6, 7, 8):
        pixels = np.swapaxes(pixels, 0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def in_memory(stream: BinaryIO) -> BinaryIO:
    """Return the stream itself where it can seek, else all of it in memory."""
    return stream if stream.seekable() else io.BytesIO(stream.read())
