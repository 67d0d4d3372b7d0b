"""From pixels to a file's bytes; nothing is changed but what the format cannot hold, and that is said."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorcli.media import avif, deep, heif, jpeg2000, keeping, profiles
from colorcli.media.formats import FORMATS
from colorcli.media.metadata import Metadata

Pixels = NDArray[Any]
Buffer = bytes | memoryview

_LARGE_JPEG = 4_000_000  # pixels; below, OpenCV's import would cost a single photo more than it saves
_PNG_LEVEL = 2  # 6 is three times as slow for 4 % of the size
_AVIF_SPEED = 8  # 6 is three times as slow for 6 % of the size
_TIFF_LEVEL = 3


def encode(
    pixels: Pixels, alpha: Pixels | None, about: Metadata, form: str, *, quality: int, into: bytes | None = None
) -> tuple[Buffer, list[str]]:
    """Encode a picture.

    Args:
        pixels: ``(H, W)`` or ``(H, W, 3)`` RGB, uint8 or uint16.
        alpha: ``(H, W)`` of the same type, or None.
        about: its metadata; a profile for another kind of pixels is left out.
        form: a key of `FORMATS`.
        quality: 1..100 for JPEG, WebP (100 is lossless there), AVIF and HEIC; the other formats are lossless.
        into: an RGB profile that colour is to be in; None for sRGB.

    Returns:
        The file, and a note on each thing that this format could not keep.

    Raises:
        OSError, ValueError: the codec refuses, because the picture is too large for the format for example.
    """
    able, notes = FORMATS[form], list[str]()
    if into and pixels.ndim == 3:
        if not able.profile:
            notes.append(f"{form} cannot keep the input's profile: its colours are written as sRGB")
        else:
            try:
                pixels, about = profiles.from_srgb(pixels, into), replace(about, icc=into)
            except profiles.BrokenProfileError:
                notes.append("the input's profile can only be read from: the colours are written as sRGB")
    if pixels.dtype == np.uint16 and not able.deep:
        pixels = to_eight_bits(pixels)
        alpha = None if alpha is None else to_eight_bits(alpha)
        notes.append(f"{form} holds 8 bits per sample: 16 bits are rounded to 8")
    if alpha is not None and not able.alpha:
        alpha = None
        notes.append(f"{form} cannot keep transparency")
    if about.icc and profiles.space(about.icc) != ("GRAY" if pixels.ndim == 2 else "RGB"):
        about = replace(about, icc=None)
    about, lost = keeping.prepared(about, form, width=pixels.shape[1], height=pixels.shape[0])
    notes += lost
    if form == "TIFF":
        data = _tiff(pixels, alpha)
        data, lost = keeping.into_tiff(data, about)
        return data, notes + lost
    words = keeping.arguments(about, form)
    file: Buffer
    if form == "HEIF":
        file, lost = heif.encoded(pixels, alpha, words, quality=quality)
        notes += lost
    elif form == "AVIF" and pixels.dtype == np.uint16:
        file = avif.encode(pixels, alpha, words, quality=quality, speed=_AVIF_SPEED)
        notes.append("AVIF holds 12 bits per sample: 16 bits are rounded to 12")
    elif pixels.dtype == np.uint16:
        file = _DEEP[form](pixels, alpha, words)
    elif form == "JPEG" and pixels.shape[0] * pixels.shape[1] >= _LARGE_JPEG:
        file = _large_jpeg(pixels, quality, words)
    else:
        file = _saved(_image(pixels, alpha), form, **_settings(form, quality, alpha is not None), **words)
    return keeping.finished(file, about, form), notes


def to_eight_bits(pixels: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Round 16 bits to 8: the nearest of 256 levels, 65535 being 255."""
    table = (np.arange(65536, dtype=np.uint32) * 255 + 32767) // 65535
    return table.astype(np.uint8)[pixels]


def _settings(form: str, quality: int, transparent: bool = False) -> dict[str, Any]:
    match form:
        case "JPEG":
            return {"quality": quality, "subsampling": 0}
        case "PNG":
            return {"compress_level": _PNG_LEVEL}
        case "WEBP" if quality >= 100:
            return {"lossless": True, "exact": True}
        case "WEBP":
            return {"quality": quality, "exact": True}
        case "AVIF":
            words = {"quality": quality, "subsampling": "4:4:4", "speed": _AVIF_SPEED}
            # libaom codes the transparency as a picture of its own, and without loss if asked.
            return words | ({"codec": "aom", "advanced": {"alpha:lossless": "1"}} if transparent else {})
    return {}


def _image(pixels: NDArray[Any], alpha: NDArray[Any] | None) -> Image.Image:
    return Image.fromarray(_joined(pixels, alpha))


def _joined(pixels: Pixels, alpha: Pixels | None) -> Pixels:
    if alpha is None:
        return np.ascontiguousarray(pixels)
    if pixels.ndim == 2 and pixels.dtype == np.uint16:  # hardly a program reads gray and alpha of 16 bits
        pixels = np.dstack((pixels, pixels, pixels))
    return np.dstack((pixels, alpha))


def _saved(image: Image.Image, form: str, **words: Any) -> memoryview:
    buffer = io.BytesIO()
    image.save(buffer, form, **words)
    return buffer.getbuffer()


def _tiff(pixels: Pixels, alpha: Pixels | None) -> bytes:
    """Encode pixels alone; 8 bits with Pillow's libtiff (LZW), 16 bits with tifffile (deflate)."""
    if pixels.dtype == np.uint8:
        image = _image(pixels, alpha)
        return bytes(_saved(image, "TIFF", compression="tiff_lzw", tiffinfo={317: 2}))
    import tifffile

    buffer, array = io.BytesIO(), _joined(pixels, alpha)
    tifffile.imwrite(
        buffer,
        array,
        byteorder="<",
        photometric="rgb" if array.ndim == 3 else "minisblack",
        planarconfig="contig" if array.ndim == 3 else None,
        extrasamples=["unassalpha"] if alpha is not None else None,
        compression="zlib",
        compressionargs={"level": _TIFF_LEVEL},
        predictor=True,
        rowsperstrip=max(1, (1 << 18) // max(pixels.shape[1], 1)),
        metadata=None,
        software=False,
    )
    return buffer.getvalue()


def _large_jpeg(pixels: NDArray[np.uint8], quality: int, words: dict[str, Any]) -> bytes:
    """Encode with OpenCV: the same bytes as Pillow's a tenth faster, since it makes no copy of four bytes per pixel.

    The header with the metadata is Pillow's own, taken from a picture of one pixel.
    """
    cv2 = deep.opencv()
    array = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else np.ascontiguousarray(pixels)
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    done, data = cv2.imencode(".jpg", array, options)
    if not done:
        raise ValueError("the JPEG encoder refused the picture")
    small = Image.new("L" if pixels.ndim == 2 else "RGB", (1, 1))
    head, body = _saved(small, "JPEG", **_settings("JPEG", quality), **words), memoryview(data)
    return b"".join((head[: _tables(head)], body[_tables(body) :]))


def _tables(jpeg: Buffer) -> int:
    """Find where a JPEG's header ends: the first marker that is neither SOI, APPn nor a comment."""
    place = 2
    while jpeg[place] == 0xFF and (0xE0 <= jpeg[place + 1] <= 0xEF or jpeg[place + 1] == 0xFE):
        place += 2 + int.from_bytes(bytes(jpeg[place + 2 : place + 4]), "big")
    return place


def _deep_png(pixels: NDArray[np.uint16], alpha: NDArray[np.uint16] | None, words: dict[str, Any]) -> bytes:
    """Encode with OpenCV, and put in the chunks that Pillow makes of the metadata for a picture of one pixel."""
    cv2 = deep.opencv()
    array = _joined(pixels, alpha)
    if array.ndim == 3:
        array = cv2.cvtColor(array, cv2.COLOR_RGB2BGR if alpha is None else cv2.COLOR_RGBA2BGRA)
    done, found = cv2.imencode(".png", array, [cv2.IMWRITE_PNG_COMPRESSION, _PNG_LEVEL])
    if not done:
        raise ValueError("the PNG encoder refused the picture")
    data = bytes(found.tobytes())
    small = bytes(_saved(Image.new("L", (1, 1)), "PNG", **words))
    start = 33  # signature and IHDR
    return b"".join((data[:start], small[start : small.index(b"IDAT") - 4], data[start:]))


def _deep_pnm(pixels: NDArray[np.uint16], alpha: NDArray[np.uint16] | None, words: dict[str, Any]) -> bytes:
    height, width = pixels.shape[:2]
    head = f"P{6 if pixels.ndim == 3 else 5}\n{width} {height}\n65535\n".encode()
    return head + pixels.astype(">u2").tobytes()


def _deep_jpeg2000(pixels: NDArray[np.uint16], alpha: NDArray[np.uint16] | None, words: dict[str, Any]) -> bytes:
    return jpeg2000.encode(pixels, alpha)


_DEEP: dict[str, Callable[[NDArray[np.uint16], NDArray[np.uint16] | None, dict[str, Any]], bytes]] = {
    "PNG": _deep_png,
    "PPM": _deep_pnm,
    "JPEG2000": _deep_jpeg2000,
}
