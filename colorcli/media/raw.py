"""Camera RAW, developed by LibRaw through rawpy, which is an extra: pip install 'colorcli[raw]'.

The picture is developed plainly: the camera's white balance, no automatic brightening, sRGB, 16 bits, upright.
"""

from __future__ import annotations

import contextlib
import io
import re
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorcli.errors import MediaError
from colorcli.media import ifd, tiff, tiff_pages
from colorcli.media.ifd import BrokenDirectoryError, Field

# RAW files that are no TIFFs, or say in their first bytes that they are RAW.
_HEADS = re.compile(
    rb"II\*\0.{4}CR|IIRO|IIRS|MMOR|IIU\0|FUJIFILMCCD-RAW|FOVb|\0MRM|....ftypcrx ",
    re.S,
)
_DNG_VERSION, _SUB_DIRECTORIES, _MAKE, _PHOTOMETRIC = 50706, 330, 271, 262
_STRIPS, _TILES = (273, 279), (324, 325)
_MOSAIC = frozenset((32803, 34892))  # colour filter array; linear raw


def is_raw(stream: BinaryIO, head: bytes) -> bool:
    """Tell from a file's first bytes, and a TIFF's directories, whether it holds what a sensor saw."""
    if _HEADS.match(head):
        return True
    if not head.startswith(tiff.MAGIC):
        return False
    try:
        start = ifd.header(stream)
        first = ifd.fields(stream, start, start.first)
        if _DNG_VERSION in first or tiff_pages.number(first, _PHOTOMETRIC, 0) in _MOSAIC:
            return True
        if _MAKE not in first or _SUB_DIRECTORIES not in first:
            return False
        below = first[_SUB_DIRECTORIES]
        offsets = np.frombuffer(below.data, "<u4").tolist() if below.kind in (4, 13) else []
        return any(_is_mosaic(stream, start, offset) for offset in offsets[:16])
    except BrokenDirectoryError:
        return False


def _is_mosaic(stream: BinaryIO, start: ifd.Header, offset: int) -> bool:
    with contextlib.suppress(BrokenDirectoryError):
        fields: dict[int, Field] = ifd.fields(stream, start, offset)
        return tiff_pages.number(fields, _PHOTOMETRIC, 0) in _MOSAIC
    return False


@dataclass
class Raw:
    """An opened RAW file.

    Attributes:
        image: a picture that says what the file says about itself, as far as that can be read.
        size: width and height, upright.
        turned: the picture is turned by 90 degrees when it is developed.
    """

    image: Image.Image
    size: tuple[int, int]
    turned: bool
    _file: Any

    def load(self) -> NDArray[np.uint16]:
        """Develop the picture: ``(H, W, 3)`` RGB, or ``(H, W)`` gray."""
        import rawpy

        with self._file as file:
            found: NDArray[np.uint16] = file.postprocess(
                use_camera_wb=True,
                no_auto_bright=True,
                output_bps=16,
                output_color=rawpy.ColorSpace.sRGB,
                gamma=(2.4, 12.92),  # the curve of sRGB
            )
        if found.ndim == 3 and found.shape[2] == 1:  # a sensor without colour filters
            found = found[..., 0]
        if found.ndim == 3 and found.shape[2] != 3:
            raise ValueError(f"developed to {found.shape[2]} channels")
        return np.ascontiguousarray(found)


def _check_complete(stream: BinaryIO, head: bytes) -> None:
    """Refuse a file of TIFF's structure that is cut off: LibRaw takes zeros for what is missing.

    Raises:
        ValueError: strips or tiles lie outside the file.
    """
    if not head.startswith(tiff.MAGIC):
        return
    size = stream.seek(0, io.SEEK_END)
    with contextlib.suppress(BrokenDirectoryError):
        start = ifd.header(stream)
        first = ifd.fields(stream, start, start.first)
        below = first.get(_SUB_DIRECTORIES)
        offsets = np.frombuffer(below.data, "<u4").tolist() if below and below.kind in (4, 13) else []
        for fields in (first, *(_fields(stream, start, offset) for offset in offsets[:16])):
            for places, counts in (_STRIPS, _TILES):
                where, how_many = (np.array(_all_numbers(fields.get(tag)), np.int64) for tag in (places, counts))
                if len(where) == len(how_many) and (where + how_many > size).any():
                    raise ValueError("the file ends too early")


def _fields(stream: BinaryIO, start: ifd.Header, offset: int) -> dict[int, Field]:
    with contextlib.suppress(BrokenDirectoryError):
        return ifd.fields(stream, start, offset)
    return {}


def _all_numbers(field: Field | None) -> list[int]:
    kind = {3: "<u2", 4: "<u4"}.get(field.kind) if field else None
    return np.frombuffer(field.data, kind).tolist() if field and kind else []


def opened(stream: BinaryIO, head: bytes) -> Raw:
    """Open a RAW file without developing it.

    Raises:
        MediaError: rawpy is not installed.
        ValueError: LibRaw cannot read it.
    """
    try:
        import rawpy
    except ImportError as error:
        problem = "camera RAW files need rawpy"
        raise MediaError(problem, hint="pip install 'colorcli[raw]', or develop it to TIFF first") from error
    _check_complete(stream, head)
    stream.seek(0)
    try:
        file = rawpy.imread(stream)
        sizes = file.sizes
    except rawpy.LibRawError as error:
        raise ValueError(_plain(error)) from error
    turned = sizes.flip in (5, 6)
    size = (sizes.iheight, sizes.iwidth) if turned else (sizes.iwidth, sizes.iheight)
    image = _about(stream, head, file)
    return Raw(image, size, turned, file)


def _about(stream: BinaryIO, head: bytes, file: Any) -> Image.Image:
    """Find the EXIF data: in the file's own directories, or in the preview that it carries."""
    if head.startswith(tiff.MAGIC) or head[:4] in (b"IIRO", b"IIRS", b"MMOR"):
        with contextlib.suppress(BrokenDirectoryError):
            return tiff.carrier(tiff.first_fields(stream), stream)
    image: Image.Image = Image.Image()
    image.format = "JPEG"
    with contextlib.suppress(Exception):  # a file without a preview, or with a strange one, is still a photo
        preview = file.extract_thumb()
        with Image.open(io.BytesIO(preview.data), formats=("JPEG",)) as found:
            image.info = {key: found.info[key] for key in ("exif", "xmp") if key in found.info}
    return image


def _plain(error: Exception) -> str:
    said = error.args[0] if error.args else error
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
