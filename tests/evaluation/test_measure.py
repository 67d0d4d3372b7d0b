from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
import torch

from colorcli.engine.options import ColorizeOptions
from colorcli.errors import MediaError, UsageError
from colorcli.evaluation.measure import measure
from colorcli.evaluation.request import Request
from colorcli.metrics._batch import Batch
from colorcli.registry import METRICS


class Ear:
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.note = self.warning = self.notes.append

    def progress(self, total: int, noun: str) -> AbstractContextManager[Callable[[], None]]:
        return nullcontext(lambda: None)


def _scores(request: Request, system: str) -> dict[str, float]:
    [found] = [one for one in measure(request).measurement.systems if one.name == system]
    return {name: score.value for name, score in found.scores.items()}


def _batches(folders: tuple[Path, Path]) -> list[Batch]:
    """Read the pairs without the code under test."""
    found = []
    for path in sorted(folders[1].rglob("*.png")):
        partner = folders[0] / path.relative_to(folders[1])
        rgb = [torch.from_numpy(cv2.imread(str(one))[..., ::-1].copy()).movedim(-1, 0)[None] for one in (partner, path)]
        found.append(Batch.of(*rgb))
    return found


def test_scores_are_those_of_the_library(pairs: tuple[Path, Path]) -> None:
    request = Request(results=pairs[:1], truth=pairs[1], metrics=("all",), workers=1)
    scores = _scores(request, str(pairs[0]))
    batches = _batches(pairs)
    assert len(batches) == 6
    for name, score in scores.items():
        metric = METRICS.load(name).METRIC()
        for batch in batches:
            metric.update(batch)
        if name != "auc-rebalanced-image":  # by itself it takes each picture's own prior, the runner that of all
            assert score == pytest.approx(metric.compute(), rel=1e-5, nan_ok=True), name
    assert len(scores) > 20


def test_processes_give_the_same(pairs: tuple[Path, Path]) -> None:
    ask: dict[str, Any] = {"results": pairs[:1], "truth": pairs[1], "bootstrap": 30, "per_picture": True}
    alone, shared = (measure(Request(workers=count, **ask)).measurement for count in (1, 2))
    for one, other in zip(alone.systems, shared.systems, strict=True):
        assert list(one.scores) == list(other.scores)
        for name, score in one.scores.items():
            again = other.scores[name]
            np.testing.assert_allclose((again.value, again.low, again.high), (score.value, score.low, score.high), 1e-6)
    assert [one.picture for one in alone.pictures] == [one.picture for one in shared.pictures]


def test_gray_stands_beside_results_and_all_anchors_when_asked(pairs: tuple[Path, Path]) -> None:
    ask: dict[str, Any] = {"results": pairs[:1], "truth": pairs[1], "workers": 1}
    systems = measure(Request(**ask)).measurement.systems
    assert [one.name for one in systems] == ["Ground truth", "Gray", str(pairs[0])]
    truth, gray, results = (one.scores for one in systems)
    assert set(gray) == {"auc", "auc-image", "auc-rebalanced", "auc-rebalanced-image"}
    assert set(truth) == {"cf", "cf-abs", "chroma", "clipping"}
    assert gray["auc"].value < results["auc"].value < 100
    full = measure(Request(anchors=True, **ask)).measurement.systems
    assert [one.name for one in full] == ["Ground truth", "Gray", "Random", "Mean", str(pairs[0])]
    assert all(set(one.scores) == set(results) for one in full)
    assert full[1].scores["auc"].value == pytest.approx(gray["auc"].value)


def test_anchors_are_what_they_say(pairs: tuple[Path, Path], tiny_model: Path) -> None:
    models = (ColorizeOptions(model=str(tiny_model), device="cpu"),)
    request = Request(models=models, data=(pairs[1],), workers=1, seed=3)
    measurement = measure(request).measurement
    rows = {one.name: {name: score.value for name, score in one.scores.items()} for one in measurement.systems}
    assert list(rows) == ["Ground truth", "Gray", "Random", "Mean", str(tiny_model)]
    assert rows["Ground truth"]["auc"] == 100 and rows["Ground truth"]["psnr"] == float("inf")
    assert rows["Gray"]["chroma"] < 0.01 < 1 < rows["Random"]["chroma"]
    ab = torch.cat([batch.truth.ab.flatten(2)[0] for batch in _batches(pairs)], 1)
    assert f"({ab[0].mean():.2f}, {ab[1].mean():.2f})" in measurement.protocol["mean"]
    assert rows["Mean"]["chroma"] == pytest.approx(float(ab.mean(1).norm()), rel=0.1)  # less where it leaves sRGB
    # No constant colour has a smaller squared error than the mean; 8 bits and the gamut cost a little.
    assert rows["Mean"]["ab-mse"] == pytest.approx(float(ab.var(1, correction=0).mean()), rel=0.1)
    assert repr(measure(request).measurement) == repr(measurement)  # as text, where NaN equals itself
    other = measure(Request(models=models, data=(pairs[1],), workers=1, seed=4)).measurement
    assert [repr(one) == repr(two) for one, two in zip(other.systems, measurement.systems, strict=True)] == [
        True, True, False, True, True,
    ]  # fmt: skip


def test_results_without_truth(pairs: tuple[Path, Path]) -> None:
    [system] = measure(Request(results=pairs[:1], workers=1)).measurement.systems
    assert set(system.scores) == {"cf", "cf-abs", "chroma", "clipping"}
    with pytest.raises(UsageError, match="'auc' compares with the truth: give --truth"):
        measure(Request(results=pairs[:1], metrics=("auc",)))


def test_several_folders_are_measured_on_the_pictures_they_share(pairs: tuple[Path, Path], tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "0.png").write_bytes((pairs[1] / "0.png").read_bytes())
    (other / "2.png").write_bytes((pairs[1] / "2.png").read_bytes())
    ear = Ear()
    found = measure(Request(results=(pairs[0], other), truth=pairs[1], metrics=("ab-l2",), workers=1), ear)
    [first, second] = found.measurement.systems
    assert first.pictures == second.pictures == 2
    assert second.scores["ab-l2"].value == 0 < first.scores["ab-l2"].value
    assert any("4 pictures (4.png, deep/1.png" in note for note in ear.notes)
    assert any("4 pictures have no result in every folder" in note for note in ear.notes)


def test_sizes_may_differ(pairs: tuple[Path, Path]) -> None:
    path = pairs[0] / "0.png"
    cv2.imwrite(str(path), cv2.resize(cv2.imread(str(path)), (32, 24), interpolation=cv2.INTER_AREA))
    assert measure(Request(results=pairs[:1], truth=pairs[1], metrics=("psnr",), workers=1)).problems == []


def test_one_bad_picture_does_not_stop_the_others(pairs: tuple[Path, Path]) -> None:
    cv2.imwrite(str(pairs[0] / "0.png"), np.zeros((64, 64, 3), np.uint8))
    (pairs[0] / "2.png").write_bytes(b"no picture")
    (pairs[1] / "4.png").write_bytes(b"no picture")
    found = measure(Request(results=pairs[:1], truth=pairs[1], workers=1, bootstrap=10))
    problems = {name: error.message for name, error in found.problems}
    assert set(problems) == {"0.png", "2.png", "4.png"}
    assert "its aspect ratio is not that of 0.png (64 x 64 and 64 x 48)" in problems["0.png"]
    assert found.measurement.systems[-1].pictures == 3
    assert found.measurement.protocol["pictures"].startswith("3 of ")


def test_a_picture_with_holes(pairs: tuple[Path, Path]) -> None:
    path = pairs[0] / "0.png"
    picture = cv2.imread(str(path))[..., ::-1] / np.float32(255)
    picture[3:5, 3:5] = np.nan
    path.unlink()
    tifffile.imwrite(path.with_suffix(".tif"), picture.astype(np.float32), photometric="rgb")
    [(name, error)] = measure(Request(results=pairs[:1], truth=pairs[1], metrics=("psnr",), workers=1)).problems
    assert name == "0.png" and "NaN" in error.message and "0.tif" in error.message


def test_nothing_left_is_an_error(pairs: tuple[Path, Path], write: Any) -> None:
    for path in pairs[0].rglob("*.png"):
        path.write_bytes(b"no picture")
    with pytest.raises(MediaError, match="none of 6 pictures can be measured"):
        measure(Request(results=pairs[:1], truth=pairs[1], workers=1))


def test_no_partner_at_all(pairs: tuple[Path, Path], write: Any, crops: Any) -> None:
    write("else/x.png", crops[0])
    write("else/y.png", crops[0])
    with pytest.raises(MediaError, match="has a partner in"):
        measure(Request(results=(pairs[0].parent / "else",), truth=pairs[1]))


def test_a_gray_truth(pairs: tuple[Path, Path], crops: Any, write: Any) -> None:
    write("truth/0.png", crops[0].mean(2).astype(np.uint8))
    ear = Ear()
    measure(Request(results=pairs[:1], truth=pairs[1], metrics=("auc-rebalanced",), workers=1), ear)
    assert ear.notes == ["the truth of 1 picture (0.png) is gray: there a gray answer is the right one"]
    for path in pairs[1].rglob("*.png"):
        write(path.relative_to(pairs[1].parent).as_posix(), crops[0].mean(2).astype(np.uint8))
    with pytest.raises(UsageError, match=r"the truth is gray: 6 pictures \(0.png, .* and 1 more\)"):
        measure(Request(results=pairs[:1], truth=pairs[1], metrics=("psnr",), workers=1))


def test_one_picture(pairs: tuple[Path, Path]) -> None:
    ear = Ear()
    one = pairs[0] / "0.png", pairs[1] / "0.png"
    found = measure(Request(results=one[:1], truth=one[1], bootstrap=50, anchors=True, workers=1), ear).measurement
    assert [system.name for system in found.systems] == ["Ground truth", "Gray", "Mean", str(one[0])]
    assert not found.systems[-1].scores["psnr"].has_interval and "intervals" not in found.protocol
    assert "one picture has no interval" in ear.notes[0]


def test_per_picture_scores_and_curves(pairs: tuple[Path, Path]) -> None:
    found = measure(Request(results=pairs[:1], truth=pairs[1], per_picture=True, workers=1)).measurement
    own = [one for one in found.pictures if one.system == str(pairs[0])]
    assert len(own) == 6
    system = found.systems[-1]
    for name in ("psnr", "auc-image", "auc-rebalanced-image", "cf"):
        mean = np.mean([one.scores[name] for one in own])
        assert mean == pytest.approx(system.scores[name].value)
    assert len(system.curves["auc"]) == 151
    assert len(system.samples["auc-image"]) == 6
    np.testing.assert_allclose(np.mean(system.samples["auc-image"], 0), system.curves["auc-image"])


def test_options_of_metrics(pairs: tuple[Path, Path]) -> None:
    ask: dict[str, Any] = {"results": pairs[:1], "truth": pairs[1], "metrics": ("auc-rebalanced", "auc"), "workers": 1}
    flat = _scores(Request(settings=("auc-rebalanced.mix=1",), **ask), str(pairs[0]))
    assert flat["auc-rebalanced"] == pytest.approx(flat["auc"], abs=1e-6)
    for setting, sentence in (
        ("auc-rebalanced.mix", "no setting"),
        ("auc-rebalanced.mxi=1", "no option 'mxi'"),
        ("auc-rebalanced.mix=x", "type float"),
        ("psnr.mix=1", "is not measured"),
    ):
        with pytest.raises(UsageError, match=sentence):
            measure(Request(settings=(setting,), **ask))


@pytest.mark.parametrize(
    "wrong, sentence",
    [
        ({}, "needs results or a model"),
        ({"results": (Path("a"),), "models": (ColorizeOptions(),)}, "exclude each other"),
        ({"models": (ColorizeOptions(),)}, "--model needs --data"),
        ({"results": (Path("a"),), "data": (Path("b"),)}, "--data goes with --model"),
        ({"models": (ColorizeOptions(),), "data": (Path("b"),), "truth": Path("c")}, "--truth goes with results"),
        ({"results": (Path("a"),), "anchors": True}, "--anchors needs --truth"),
        ({"results": (Path("a"), Path("a"))}, "two rows of one name"),
        ({"results": (Path("a"),), "bootstrap": -1}, "must not be negative"),
    ],
)
def test_mistakes(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        Request(**wrong)
