from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorcli.engine.options import ColorizeOptions
from colorcli.evaluation.gallery import galleries
from colorcli.evaluation.measure import measure
from colorcli.evaluation.request import Request
from colorcli.report.page import Gallery


def _open(data: bytes | None) -> np.ndarray:
    assert data is not None
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def test_extremes_and_their_pictures(pairs: tuple[Path, Path]) -> None:
    names = ("ab-mse", "psnr-ab", "ab-l2", "cf")
    measured = measure(Request(results=pairs[:1], truth=pairs[1], metrics=names, per_picture=True, workers=1))
    found = galleries(measured)
    own = {one.picture: one.scores for one in measured.measurement.pictures if one.system == str(pairs[0])}
    by = {name: gallery for gallery in found for name in gallery.metrics}
    assert set(by) == {"ab-mse", "psnr-ab", "ab-l2"}  # colourfulness has no better end
    assert by["ab-mse"] is by["psnr-ab"]
    order = sorted(own, key=lambda name: own[name]["ab-mse"])
    gallery = by["ab-mse"]
    assert (gallery.first, gallery.last) == ("best", "worst")
    assert [shot.picture for shot in gallery.ahead] == order[:3]
    assert [shot.picture for shot in gallery.behind] == order[:-4:-1]
    shot = gallery.ahead[0]
    assert f"ab-mse {own[order[0]]['ab-mse']:.2f}" in shot.score
    truth = np.asarray(Image.open(pairs[1] / shot.picture)).astype(int)
    assert np.abs(_open(shot.truth) - truth).mean() < 6
    gray = _open(shot.gray)
    assert np.ptp(gray, axis=2).max() <= 2
    assert np.ptp(gray, axis=2).mean() < np.ptp(_open(shot.result), axis=2).mean() < np.ptp(truth, axis=2).mean()


def test_of_models(pairs: tuple[Path, Path], tiny_model: Path) -> None:
    models = (ColorizeOptions(model=str(tiny_model), device="cpu"),)
    ask = Request(models=models, data=(pairs[1],), metrics=("psnr",), per_picture=True, workers=1)
    [gallery] = galleries(measure(ask))
    assert gallery.system == str(tiny_model) and len(gallery.ahead) == len(gallery.behind) == 3


@pytest.mark.parametrize("count, ahead, behind", [(1, 1, 0), (2, 1, 1), (5, 2, 2)])
def test_few_pictures(pairs: tuple[Path, Path], count: int, ahead: int, behind: int) -> None:
    paths = sorted(pairs[0].rglob("*.png"))
    for path in paths[count:]:
        path.unlink()
    measured = measure(Request(results=pairs[:1], truth=pairs[1], metrics=("psnr",), per_picture=True, workers=1))
    [gallery] = galleries(measured)
    assert (len(gallery.ahead), len(gallery.behind)) == (ahead, behind)


def test_without_truth(pairs: tuple[Path, Path]) -> None:
    found: list[Gallery] = galleries(
        measure(Request(results=pairs[:1], metrics=("chroma",), per_picture=True, workers=1))
    )
    assert (found[0].first, found[0].last) == ("highest", "lowest")
    assert found[0].ahead[0].truth is None and found[0].ahead[0].gray is None
