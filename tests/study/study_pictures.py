"""A study of small pictures: true ones of skimage's cat, colorized ones duller."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from skimage import data


def cat(size: tuple[int, int] = (96, 64), place: int = 0) -> np.ndarray:
    """A part of the cat, RGB."""
    crop = data.chelsea()[10 * place : 10 * place + 200, 20 * place : 20 * place + 300]
    return cv2.resize(crop, size, interpolation=cv2.INTER_AREA)


def dull(picture: np.ndarray) -> np.ndarray:
    gray = picture.mean(-1, keepdims=True)
    return np.clip(0.4 * picture + 0.6 * gray, 0, 255).astype(np.uint8)


def save(path: Path, picture: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture[..., ::-1] if picture.ndim == 3 else picture)
    return path


def folders(root: Path, count: int = 5) -> tuple[Path, Path]:
    """Folders of results and of truths; one scene lies deeper, one result has another suffix."""
    for place in range(count):
        name = f"deep/{place}" if place == 1 else str(place)
        save(root / f"photos/{name}.jpg", cat(place=place))
        save(root / f"out/{name}.{'png' if place == 2 else 'jpg'}", dull(cat(place=place)))
    return root / "out", root / "photos"
