"""Run-length coded BMPs, by OpenCV: Pillow decodes them byte by byte in Python, which a bad file makes take minutes."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from colorcli.media.deep import opencv


def coded(image: Image.Image) -> bool:
    """Tell whether an opened picture is a run-length coded BMP."""
    tile: Any = getattr(image, "tile", None)
    return bool(tile) and tile[0].codec_name == "bmp_rle"


def decoded(image: Image.Image, stream: BinaryIO) -> Image.Image:
    """Decode a picture for which `coded` holds.

    Returns:
        The picture of mode L or RGB, with what the file says about it.

    Raises:
        ValueError: the file is damaged or ends too early.
    """
    cv2 = opencv()
    stream.seek(0)
    try:
        array = cv2.imdecode(np.frombuffer(stream.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ValueError("the run-length codes cannot be decoded") from error
    if array is None or array.shape[1::-1] != image.size or array.dtype != np.uint8:
        raise ValueError("the run-length codes end too early")
    if array.ndim == 3:
        array = np.ascontiguousarray(array[..., 2::-1]) if array.shape[2] > 1 else array[..., 0]
    found = Image.fromarray(array)
    found.info = image.info
    found.format = image.format
    return found
