"""Pixels that Pillow cannot give, or not as 16 bits: colour of more than 8 bits, wide gray, floating point."""

from __future__ import annotations

import io
import logging
import struct
import zlib
from functools import cache
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorcli.errors import MediaError


class UnsupportedError(ValueError):
    """A sound file of a kind that is not supported; the message says which, without the file's name."""


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
    if image.format == "TIFF":
        bits, kinds = (getattr(image, "tag_v2", {}).get(tag) for tag in (258, 339))
        bits = bits or (1,)
        return max(bits) > 8 and len(bits) > 1 and set(kinds or (1,)) == {1} and image.mode in _COLOR
    if image.format == "PNG":
        return image.mode in _COLOR and _raw_mode(image).endswith("16B")
    if image.format == "PPM":
        return _maxval(image) > 255
    return image.format == "JPEG2000" and _jpeg2000_bits(stream) > 8 and image.mode in _COLOR


def decode(image: Image.Image, stream: BinaryIO) -> tuple[NDArray[np.uint16], NDArray[np.uint16] | None]:
    """Decode a picture for which `is_deep` holds, orientation not applied.

    Returns:
        Pixels ``(H, W)`` or ``(H, W, 3)`` RGB and alpha ``(H, W)`` or None.
    """
    if image.format == "TIFF":
        array = _decode_tiff(image, stream)
    elif image.format == "PPM":
        array = _decode_pnm(image, stream)
    else:
        array = _in_rgb(_imdecode(_bytes(stream), opencv().IMREAD_UNCHANGED), f"the {image.format} data")
        if image.format == "JPEG2000":
            array = _full_range(array, _jpeg2000_bits(stream))
    # Pillow gives the size of a turned TIFF as it will stand; other formats, and all decoders here, as it lies.
    if array.dtype != np.uint16 or array.shape[:2] not in (image.size, image.size[::-1]):
        raise ValueError(f"decoded to {array.shape} of {array.dtype}")
    if array.ndim == 2 or array.shape[2] == 3:
        return np.ascontiguousarray(array), None
    if array.shape[2] not in (2, 4):
        raise UnsupportedError(f"{array.shape[2]} channels are not supported")
    color = array[..., 0] if array.shape[2] == 2 else array[..., :3]
    return np.ascontiguousarray(color), np.ascontiguousarray(array[..., -1])


def from_wide(image: Image.Image, file: Image.Image) -> NDArray[np.uint16]:
    """Turn Pillow's wide gray modes (``I;16``, ``I``, ``F``) into 16 bits.

    Args:
        image: the pixels.
        file: the picture as it was opened, for its tags.
    """
    array = np.asarray(image)
    if image.mode == "F":
        if not np.isfinite(array).all():
            raise UnsupportedError("the picture holds NaN or infinite values")
        if array.min() < 0 or array.max() > 1:
            raise UnsupportedError("floating-point pixels outside of 0..1 are not supported")
        return (array * np.float32(65535) + np.float32(0.5)).astype(np.uint16)
    if array.min() < 0 or array.max() > 65535:
        raise UnsupportedError("whole-number pixels outside of 0..65535 are not supported")
    found = array.astype(np.uint16)
    if file.format == "TIFF":
        tags = getattr(file, "tag_v2", {})
        found = _full_range(found, max(tags.get(258) or (16,)))
        if tags.get(262) == 0:  # white is zero
            found = 65535 - found
    return found


_COLOR = ("RGB", "RGBA", "LA", "RGBX", "RGBa")


def _bytes(stream: BinaryIO) -> bytes:
    if isinstance(stream, io.BytesIO):
        return stream.getvalue()
    stream.seek(0)
    return stream.read()


def _imdecode(data: bytes, flags: int) -> NDArray[Any] | None:
    cv2 = opencv()
    try:
        found: NDArray[Any] | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None
    return found


def _in_rgb(array: NDArray[Any] | None, what: str) -> NDArray[np.uint16]:
    if array is None:
        raise ValueError(f"{what} cannot be decoded")
    if array.ndim == 3 and array.shape[2] >= 3:
        order = [2, 1, 0, *range(3, array.shape[2])]
        return array[..., order]
    return array


def _full_range(array: NDArray[np.uint16], bits: int) -> NDArray[np.uint16]:
    """Stretch samples of 9 to 15 bits to 16."""
    if not 8 < bits < 16:
        return array
    top = (1 << bits) - 1
    table = (np.minimum(np.arange(65536), top) * 65535 + top // 2) // top
    return table.astype(np.uint16)[array]


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
    samples = np.frombuffer(data, ">u2").reshape(shape).astype(np.uint16)
    if top == 65535:
        return samples
    table = (np.minimum(np.arange(65536), top) * 65535 + top // 2) // top
    return table.astype(np.uint16)[samples]


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


def _jpeg2000_bits(stream: BinaryIO) -> int:
    """Bits of the first component, from the codestream's SIZ marker; 8 where it cannot be found."""
    stream.seek(0)
    head = stream.read(1 << 16)
    place = head.find(b"\xff\x4f\xff\x51")
    if place < 0 or place + 42 >= len(head):
        return 8
    return (head[place + 42] & 0x7F) + 1


def _decode_tiff(image: Image.Image, stream: BinaryIO) -> NDArray[np.uint16]:
    """16-bit colour: tifffile where it knows the compression, else OpenCV's libtiff."""
    import tifffile

    logger = logging.getLogger("tifffile")  # it logs what it cannot read; we say it ourselves
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    tags = getattr(image, "tag_v2", {})
    photometric, extra = tags.get(262), tags.get(338, ())
    if photometric not in (1, 2):
        raise UnsupportedError("16-bit TIFFs of this colour model are not supported")
    stream.seek(0)
    try:
        with tifffile.TiffFile(stream, name="photo") as file:  # or it takes the descriptor for a name
            page: Any = file.pages[0]
            array: NDArray[Any] = page.asarray()
            if page.planarconfig == 2 and array.ndim == 3:
                array = np.moveaxis(array, 0, -1)
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        array = _in_rgb(_imdecode(_unturned(_bytes(stream)), opencv().IMREAD_UNCHANGED), "the TIFF data")
    samples = 1 if photometric == 1 else 3
    if array.ndim == 3:
        array = array[..., : samples + (1 if 2 in extra or 1 in extra else 0)]
        array = array[..., 0] if array.shape[2] == 1 else array
    if 1 in extra and array.ndim == 3 and array.shape[2] in (2, 4):
        array = _unmultiplied(array)
    return _full_range(array, max(tags[258]))


def _unmultiplied(array: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Take alpha out of colour that was multiplied by it."""
    alpha = np.maximum(array[..., -1:], 1).astype(np.uint64)
    color = np.minimum((array[..., :-1] * np.uint64(65535) + alpha // 2) // alpha, 65535)
    return np.concatenate((color.astype(np.uint16), array[..., -1:]), axis=-1)


def _unturned(data: bytes) -> bytes:
    """Set a classic TIFF's orientation to 1: OpenCV 5 refuses those that are turned by 90 degrees."""
    order = {b"II": "<", b"MM": ">"}[data[:2]]
    (first,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, first)
    for place in range(first + 2, first + 2 + 12 * count, 12):
        if struct.unpack_from(f"{order}H", data, place)[0] == 274:
            return data[: place + 8] + struct.pack(f"{order}H", 1) + data[place + 10 :]
    return data
