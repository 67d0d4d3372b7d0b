"""From a file's bytes to upright pixels in sRGB, whatever the format, depth and colour model.

Pillow opens everything and decodes most. Colour of more than 8 bits, which it would reduce to 8 without a word, is
decoded in `colorcli.media.deep`.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorcli.errors import MediaError
from colorcli.media import deep, jpeg_damage, metadata, opening, profiles
from colorcli.media.metadata import Metadata

Pixels = NDArray[Any]

_KNOWN_AS = {"MPO": "JPEG", "DIB": "BMP"}

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
    """
    with opening.pillow_unbound():
        image = opening.opened(stream, name)
        opening.check_size(image, name, max_pixels)
        try:
            notes = opening.check_frames(image, name)
            return _decode(image, stream, name, notes)
        except (MediaError, MemoryError):
            raise
        except deep.UnsupportedError as error:
            raise MediaError(f"{error}: {name}", hint="convert it to 8- or 16-bit PNG or TIFF first") from error
        except Exception as error:  # what a codec raises on damaged data is anyone's guess
            why = str(error).strip().rstrip(".") or type(error).__name__
            raise MediaError(
                f"damaged or truncated {image.format} file: {name} ({why})", hint="fetch or scan it again"
            ) from error


def _decode(image: Image.Image, stream: BinaryIO, name: str, notes: list[str]) -> Decoded:
    """Decode an opened picture; anything may be raised."""
    form = _KNOWN_AS.get(image.format or "", image.format or "")
    is_deep = deep.is_deep(image, stream)
    if image.format == "PNG" and (not is_deep or deep.ends_with_metadata(stream)):
        image.load()  # what a PNG says about its picture may stand behind it
    orientation = _orientation(image, notes)
    about, broken = metadata.gather(image, stream, swapped=orientation >= 5)
    notes += broken
    icc = about.icc
    if is_deep:
        pixels, alpha = deep.decode(image, stream)
        pixels, alpha = _turned(pixels, orientation), alpha if alpha is None else _turned(alpha, orientation)
    else:
        if form == "JPEG":
            notes += jpeg_damage.load(image, stream)
        else:
            image.load()
        # Pillow turns TIFFs by itself when it loads them.
        upright = image if image.format == "TIFF" or orientation == 1 else image.transpose(_UPRIGHT[orientation])
        upright.info = image.info
        pixels, alpha, icc = _from_pillow(upright, image, icc, notes)
    pixels = _collapsed(pixels)
    source_icc = icc if icc and profiles.space(icc) == "RGB" else None
    pixels, icc = _in_srgb(pixels, icc, notes)
    return Decoded(
        pixels,
        alpha,
        form,
        replace(about, icc=icc),
        notes,
        source_icc=source_icc if icc and icc != source_icc else None,
    )


def _from_pillow(
    image: Image.Image, file: Image.Image, icc: bytes | None, notes: list[str]
) -> tuple[Pixels, Pixels | None, bytes | None]:
    """Turn Pillow's modes into gray or RGB of 8 or 16 bits and alpha; CMYK and Lab become sRGB at once."""
    mode, keyed = image.mode, "transparency" in image.info
    if mode in ("I", "F") or mode.startswith("I;16"):
        pixels = deep.from_wide(image, file)
        key = image.info.get("transparency")
        return pixels, np.where(pixels == key, 0, 65535).astype(np.uint16) if isinstance(key, int) else None, icc
    if mode in ("CMYK", "LAB"):
        return *_from_four(image, icc, notes), None
    plain = {"1": "L", "P": "RGB", "PA": "RGBA", "La": "LA", "RGBa": "RGBA", "YCbCr": "RGB", "RGBX": "RGB"}
    mode = plain.get(mode, mode)
    if keyed and mode in ("L", "RGB"):
        mode = {"L": "LA", "RGB": "RGBA"}[mode]
    if mode not in ("L", "LA", "RGB", "RGBA"):
        raise deep.UnsupportedError(f"the colour model {mode} is not supported")
    array = _array(image if image.mode == mode else image.convert(mode))
    if mode in ("L", "RGB"):
        return array, None, icc
    color = array[..., 0] if mode == "LA" else array[..., :3]
    return np.ascontiguousarray(color), np.ascontiguousarray(array[..., -1]), icc


def _from_four(image: Image.Image, icc: bytes | None, notes: list[str]) -> tuple[Pixels, None]:
    """CMYK or Lab to sRGB."""
    if image.mode == "LAB":
        from PIL import ImageCms

        lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
        return _array(profiles.to_srgb(image, lab)), None
    if icc:
        try:
            return _array(profiles.to_srgb(image, icc)), None
        except profiles.BrokenProfileError:
            notes.append("the CMYK profile cannot be used; a plain conversion is made instead")
    return _array(image.convert("RGB")), None


def _array(image: Image.Image) -> NDArray[np.uint8]:
    """Copy pixels out of Pillow strip by strip: a third of the time of its own way, which holds them twice."""
    rows = max(1, (1 << 18) // max(image.width, 1))
    if image.height <= rows:
        return np.array(image)
    bands = len(image.getbands())
    shape = (image.height, image.width) if bands == 1 else (image.height, image.width, bands)
    array = np.empty(shape, np.uint8)
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        array[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    return array


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


def _orientation(image: Image.Image, notes: list[str]) -> int:
    try:
        # Not image.getexif(): a PNG without EXIF would be decoded to look for it behind the pixels.
        found = Image.Image.getexif(image).get(0x0112, 1)
    except Exception:  # noqa: BLE001 (EXIF is never worth failing for, and Pillow's parser raises many things)
        notes.append("the EXIF data is damaged")
        return 1
    return found if found in _UPRIGHT else 1


def in_memory(stream: BinaryIO) -> BinaryIO:
    """Return the stream itself where it can seek, else all of it in memory."""
    return stream if stream.seekable() else io.BytesIO(stream.read())
