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
        """Develop the picture: ``(H, W, 3)`` RGB."""
        import rawpy

        with self._file as file:
            found: NDArray[np.uint16] = file.postprocess(
                use_camera_wb=True,
                no_auto_bright=True,
                output_bps=16,
                output_color=rawpy.ColorSpace.sRGB,
                gamma=(2.4, 12.92),  # the curve of sRGB
            )
        return np.ascontiguousarray(found)


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
