"""Sheets of pictures for the eye: rows of gray, truth and prediction."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


def write_sheet(rows: Sequence[Sequence[Pixels]], path: Path, *, cell: int = 160, groups: int = 3) -> None:
    """Write a JPEG sheet of pictures.

    Args:
        rows: each a sequence of RGB pictures ``(H, W, 3)`` that belong together, for example gray, truth, prediction.
        path: the file to write; it is complete when it has this name.
        cell: side of the square each picture is fitted into, its centre cut.
        groups: how many rows stand side by side.
    """
    strips = [np.concatenate([_fit(picture, cell) for picture in row], 1) for row in rows]
    blank = np.full_like(strips[0], 255)
    gap = np.full((cell, 6, 3), 255, np.uint8)
    lines = []
    for start in range(0, len(strips), groups):
        line = [*strips[start : start + groups], *[blank] * groups][:groups]
        lines.append(np.concatenate([part for strip in line for part in (strip, gap)][:-1], 1))
    sheet = np.concatenate(lines, 0)
    ok, data = cv2.imencode(".jpg", sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    if not ok:
        raise ValueError(f"cannot encode a sheet of shape {sheet.shape}")
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data.tobytes())
    part.replace(path)


def _fit(picture: Pixels, cell: int) -> Pixels:
    height, width = picture.shape[:2]
    side = min(height, width)
    y, x = (height - side) // 2, (width - side) // 2
    square = picture[y : y + side, x : x + side]
    return np.asarray(cv2.resize(square, (cell, cell), interpolation=cv2.INTER_AREA), np.uint8)
