from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

Write = Callable[..., Path]


@pytest.fixture(scope="session")
def crops() -> list[np.ndarray]:
    """Six small real pictures in colour, RGB 48 x 64."""
    sources = (data.chelsea(), data.astronaut(), data.coffee())
    small = [cv2.resize(source[:300, :400], (128, 96), interpolation=cv2.INTER_AREA) for source in sources]
    return [picture[:48, start : start + 64].copy() for picture in small for start in (0, 64)]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write RGB or gray pictures below the test's folder; returns the path."""

    def call(name: str, pixels: np.ndarray) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), pixels[..., ::-1] if pixels.ndim == 3 else pixels)
        return path

    return call


@pytest.fixture
def pairs(write: Write, crops: list[np.ndarray], tmp_path: Path) -> tuple[Path, Path]:
    """A folder of truths and one of duller results, one below the other in a sub-folder too."""
    for i, rgb in enumerate(crops):
        folder = "deep/" if i % 2 else ""
        write(f"truth/{folder}{i}.png", rgb)
        gray = np.repeat(rgb.mean(2, keepdims=True), 3, 2)
        write(f"results/{folder}{i}.png", (0.5 * rgb + 0.5 * gray).round().astype(np.uint8))
    return tmp_path / "results", tmp_path / "truth"
