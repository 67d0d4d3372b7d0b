"""HEIC, through pillow-heif, which is an extra: pip install 'colorcli[heif]'."""

from __future__ import annotations

import contextlib
import io
import re
import threading
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorcli.errors import MediaError
from colorcli.media import samples

MAGIC = re.compile(rb"....ftyp(heic|heix|heim|heis|hevc|hevx|(mif1|msf1)(?!.{4,200}avi[fs]))", re.S)
"""How a HEIC file begins. (AVIF may call itself mif1 too, but then names itself among what follows.)"""
_twelve_bits = threading.Lock()


def library() -> Any:
    """Import pillow-heif.

    Raises:
        MediaError: it is not installed.
    """
    try:
        import pillow_heif
    except ImportError as error:
        problem = "HEIC files need pillow-heif"
        raise MediaError(problem, hint="pip install 'colorcli[heif]', or save it as JPEG or PNG first") from error
    return pillow_heif


@dataclass
class Heif:
    """An opened HEIC file, upright as libheif gives it.

    Attributes:
        image: an empty picture that says what the file says about itself.
        size: width and height, upright.
        count: how many pictures the file holds (bursts, and sequences of them).
        turned: the picture was turned by 90 degrees on the way, so that the EXIF block has width and height the other
            way round.
    """

    image: Image.Image
    size: tuple[int, int]
    count: int
    turned: bool
    _file: Any

    def load(self) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Decode the pixels: gray or RGB, and alpha, of 8 or 16 bits."""
        array = np.asarray(self._file)
        bits = int(self._file.info.get("bit_depth", 8))
        if array.dtype == np.uint16 and bits < 16:  # libheif has put zeros behind the 10 or 12 bits
            array = samples.full_range(array >> (16 - bits), bits)
        if array.ndim == 2 or array.shape[2] == 3:
            return np.ascontiguousarray(array), None
        color, alpha = array[..., :-1], np.ascontiguousarray(array[..., -1])
        color = np.ascontiguousarray(color[..., 0] if color.shape[2] == 1 else color)
        return color, alpha


def opened(stream: BinaryIO) -> Heif:
    """Open a HEIC file without decoding it.

    Raises:
        MediaError: pillow-heif is not installed.
        Exception: what pillow-heif raises on damaged files.
    """
    heif = library()
    stream.seek(0)
    file = heif.open_heif(stream, convert_hdr_to_8bit=False)
    first = file[file.primary_index]
    image: Any = Image.Image()
    image.format = "HEIF"
    image.info = {key: first.info[key] for key in ("exif", "xmp", "icc_profile") if first.info.get(key)}
    # What EXIF says about orientation is a note on what libheif has done already (ISO/IEC 23008-12, A.2.1).
    turned = _exif_orientation(image.info.get("exif")) in (5, 6, 7, 8)
    return Heif(image, first.size, len(file), turned, first)


def _exif_orientation(block: bytes | None) -> int:
    exif = Image.Exif()
    with contextlib.suppress(Exception):  # damaged EXIF is noticed, and spoken of, where it is gathered
        exif.load(block or b"")
        return int(exif.get(0x0112, 1))
    return 1


def encoded(
    pixels: NDArray[Any], alpha: NDArray[Any] | None, words: dict[str, Any], *, quality: int
) -> tuple[bytes, list[str]]:
    """Encode a HEIC file, 4:4:4; 16 bits become 12.

    Args:
        pixels: ``(H, W)`` or ``(H, W, 3)``, uint8 or uint16.
        alpha: ``(H, W)`` of the same type, or None.
        words: metadata for pillow-heif: ``exif``, ``xmp``, ``icc_profile``.
        quality: 1..100.

    Raises:
        MediaError: pillow-heif is not installed, or was built without an encoder.
    """
    heif = library()
    notes = []
    if not heif.libheif_info()["encoders"]:
        raise MediaError("this pillow-heif cannot write HEIC", hint="choose another format, JPEG or AVIF for example")
    mode = {1: "L", 3: "RGB"}[1 if pixels.ndim == 2 else 3] + ("A" if alpha is not None else "")
    if pixels.dtype == np.uint16:
        mode += ";16"
        notes.append("HEIC holds 12 bits per sample: 16 bits are rounded to 12")
    if alpha is not None:
        notes.append("HEIC keeps transparency only nearly, at the quality of the picture")
    array = np.ascontiguousarray(pixels if alpha is None else np.dstack((pixels, alpha)))
    buffer = io.BytesIO()
    with _twelve_bits:
        heif.options.SAVE_HDR_TO_12_BIT = True  # a setting of the whole library, there is no other way
        heif.encode(mode, (array.shape[1], array.shape[0]), array.data, buffer, quality=quality, chroma=444, **words)
    return buffer.getvalue(), notes
