"""Reading pictures in tests, apart from the package under test."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np


def pixels(path: Path | bytes) -> np.ndarray:
    """Read a picture as RGB."""
    content = path if isinstance(path, bytes) else path.read_bytes()
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def colourfulness(path: Path | bytes) -> float:
    """Mean spread between the channels; 0 is gray."""
    rgb = pixels(path).astype(int)
    return float((rgb.max(-1) - rgb.min(-1)).mean())
