"""What the network sees of a film's frames: the same as of a photo of them, however the film lies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import films
import numpy as np
import pytest

from colorcli.engine.clip.sight import Eye
from colorcli.engine.colorizer import ColorizeOptions, Colorizer
from colorcli.media.photo import Photo
from colorcli.media.video.reader import Reader


@pytest.mark.parametrize("matrix", [None, films.TURNED])
@pytest.mark.parametrize("size", [64, 32, 128])
def test_frames_are_seen_like_photos(
    make_model: Callable[..., str], tmp_path: Path, size: int, matrix: tuple[int, ...] | None
) -> None:
    color = Colorizer(ColorizeOptions(model=make_model(size=64), size=size))
    path = films.make(tmp_path / "a.mp4", frames=1, size=(128, 96), pix_fmt="gray", matrix=matrix)
    with Reader(path) as reader:
        picture = next(reader.pictures())
        frame = Eye(color, reader.film)(picture)
        turns = reader.film.turns
    assert bool(turns % 2) == (matrix is not None)
    luma = (picture.luma.astype(np.float64) - 16) / 219  # of limited range
    photo = Photo(np.rot90((luma.clip(0, 1) * 65535).round().astype(np.uint16), turns).copy())
    expected = color.prepare(photo)
    for seen, other in ((frame.prepared, expected), (frame.prepared.whole, expected.whole)):
        assert (seen is None) == (other is None)
        if seen is not None and other is not None:
            assert seen.geometry == other.geometry and seen.L.shape == other.L.shape
            assert (seen.L - other.L).abs().mean() < 1
    assert (expected.whole is None) == (size == 64)
