"""PNG, PNM and JPEG 2000 of more than 8 bits per sample, which Pillow would cut down without a word."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorcli.errors import MediaError
from colorcli.media import jpeg2000, samples
from colorcli.media.samples import UnsupportedError


@cache
def opencv() -> Any:
    """Import OpenCV, once and only when it is needed (0.15 s), and keep it from writing to stderr.

    Raises:
        MediaError: the system lacks a library that OpenCV's wheel expects.
    """
    try:
        import cv2
    except ImportError as error:
        hint = "install libgl1 and libglib2.0-0, or put opencv-python-headless in the place of opencv-python"
        raise MediaError(f"OpenCV cannot be loaded ({error})", hint=hint) from error
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2


def is_deep(image: Image.Image, stream: BinaryIO) -> bool:
    """Tell whether an opened picture has more than 8 bits per sample in a way that Pillow would cut off."""
    if image.format == "PNG":
        return image.mode in _COLOR and _raw_mode(image).endswith("16B")
    if image.format == "PPM":
        return _maxval(image) > 255
    return image.format == "JPEG2000" and jpeg2000.bits(stream) > 8 and image.mode in _COLOR


def decode(image: Image.Image, stream: BinaryIO) -> tuple[NDArray[np.uint16], NDArray[np.uint16] | None]:
    """Decode a picture for which `is_deep` holds, orientation not applied.

    Returns:
        Pixels ``(H, W)`` or ``(H, W, 3)`` RGB and alpha ``(H, W)`` or None.
    """
    if image.format == "PPM":
        array = _decode_pnm(image, stream)
    elif image.format == "PNG":
        array = _decode_png(stream)
    else:
        array = jpeg2000.decode(stream)
    if array.dtype != np.uint16 or array.shape[:2] != image.size[::-1]:
        raise ValueError(f"decoded to {array.shape} of {array.dtype}")
    if array.ndim == 2 or array.shape[2] == 3:
        return np.ascontiguousarray(array), None
    if array.shape[2] not in (2, 4):
        raise UnsupportedError(f"{array.shape[2]} channels are not supported")
    color = array[..., 0] if array.shape[2] == 2 else array[..., :3]
    return np.ascontiguousarray(color), np.ascontiguousarray(array[..., -1])


def from_wide(image: Image.Image) -> NDArray[np.uint16]:
    """Turn Pillow's wide gray modes (``I;16``, ``I``) into 16 bits."""
    array = np.asarray(image)
    if image.mode == "F" or array.min() < 0 or array.max() > 65535:
        raise UnsupportedError("pixels outside of 0..65535 are not supported")
    return array.astype(np.uint16)


_COLOR = ("RGB", "RGBA", "LA", "RGBX", "RGBa")


def _bytes(stream: BinaryIO) -> bytes:
    if isinstance(stream, io.BytesIO):
        return stream.getvalue()
    stream.seek(0)
    return stream.read()


def _raw_mode(image: Image.Image) -> str:
    """The layout of the samples in the file, as Pillow names it for its decoder."""
    tile = getattr(image, "tile", None)
    args = tile[0].args if tile else ""
    return str(args[0] if isinstance(args, tuple) else args)


def _maxval(image: Image.Image) -> int:
    tile = getattr(image, "tile", None)
    codec, args = (tile[0].codec_name, tile[0].args) if tile else ("", ())
    return int(args[1]) if codec == "ppm" and isinstance(args, tuple) and len(args) > 1 else 255


def _decode_pnm(image: Image.Image, stream: BinaryIO) -> NDArray[np.uint16]:
    """Binary PGM or PPM of two bytes per sample."""
    width, height = image.size
    shape = (height, width, 3) if image.mode == "RGB" else (height, width)
    count = int(np.prod(shape))
    tile: Any = getattr(image, "tile", None)
    stream.seek(tile[0].offset)
    data = stream.read(2 * count)
    if len(data) < 2 * count:
        raise ValueError("the file ends too early")
    top = _maxval(image)
    found = np.frombuffer(data, ">u2").reshape(shape).astype(np.uint16)
    return found if top == 65535 else samples.scaled(found, top)


def _decode_png(stream: BinaryIO) -> NDArray[np.uint16]:
    """Decode a PNG of which `ends_with_metadata` has compared the checksums.

    libpng writes to stderr what it thinks of profiles and the like (OpenCV's of damaged pixels, too), and cannot be
    told not to. So it is shown nothing but the pixels.
    """
    import imagecodecs

    data, place, parts, alpha = memoryview(_bytes(stream)), 8, [b"\x89PNG\r\n\x1a\n"], False
    while place + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 12 + length
        if kind == b"IHDR":
            alpha = bool(data[place + 17] & 4)
            if length != 13 or any(data[place + 18 : place + 20]) or data[place + 20] > 1:
                raise ValueError("the header of the PNG is damaged")
        if kind in (b"IHDR", b"PLTE", b"IDAT", b"IEND") or (kind == b"tRNS" and not alpha):
            parts.append(bytes(data[place:end]))
        place = end
    found: NDArray[np.uint16]
    if data[28]:  # interlaced, for which imagecodecs is not made
        found = opencv().imdecode(np.frombuffer(b"".join(parts), np.uint8), opencv().IMREAD_UNCHANGED)
        if found is None:
            raise ValueError("the PNG data cannot be decoded")
        return found[..., [2, 1, 0, *range(3, found.shape[2])]] if found.ndim == 3 else found
    found = imagecodecs.png_decode(b"".join(parts))
    return found


def ends_with_metadata(stream: BinaryIO) -> bool:
    """Walk the chunks of a PNG and tell whether texts or EXIF stand behind the pixels.

    Raises:
        ValueError: a chunk is damaged or cut off. (OpenCV would find it too, but say so on stderr.)
    """
    data, place, kinds = memoryview(_bytes(stream)), 8, list[bytes]()
    while b"IEND" not in kinds[-1:]:
        if place + 12 > len(data):
            raise ValueError("the file ends too early")
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 8 + length
        if end + 4 > len(data):
            raise ValueError("the file ends too early")
        if zlib.crc32(data[place + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            raise ValueError(f"the checksum of a {kind.decode('latin-1')} chunk is wrong")
        kinds.append(kind)
        place = end + 4
    behind = kinds[kinds.index(b"IDAT") :] if b"IDAT" in kinds else []
    return not {b"tEXt", b"zTXt", b"iTXt", b"eXIf"}.isdisjoint(behind)
