"""Metrics that hold a network, through the whole measurement: options, names of pictures, words beside the score."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
import torch
from safetensors.torch import save_file

from colorcli.engine.options import ColorizeOptions
from colorcli.errors import UsageError, WeightsError
from colorcli.evaluation.measure import Measured, measure
from colorcli.evaluation.request import Request
from colorcli.metrics import _classifier
from colorcli.metrics._batch import Batch
from colorcli.metrics.classifier_top1 import Top1
from colorcli.models.backbones import resnet
from colorcli.registry import METRICS

BOTH = ("classifier-top1", "classifier-top5")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """An untrained classifier of 8 classes: its answers mean nothing, but it has some."""
    network = resnet.ResNet(resnet.BasicBlock, (1, 1, 1, 1), classes=8, width=8)
    state = network.state_dict()
    state["fc.weight"] = 50 * torch.randn(state["fc.weight"].shape)
    save_file(state, tmp_path / "net.safetensors")
    return tmp_path / "net.safetensors"


def row(measured: Measured, system: str) -> dict[str, float]:
    [found] = [one for one in measured.measurement.systems if one.name == system]
    return {name: score.value for name, score in found.scores.items()}


@pytest.mark.parametrize("workers", [1, 2])
def test_both_take_one_classifier_and_say_so(pairs: tuple[Path, Path], weights: Path, workers: int) -> None:
    settings = (f"classifier.weights={weights}", "classifier.size=64")
    measured = measure(
        Request(results=pairs[:1], truth=pairs[1], metrics=BOTH, settings=settings, anchors=True, workers=workers,
                bootstrap=20, per_picture=True)
    )  # fmt: skip
    assert row(measured, "Ground truth") == dict.fromkeys(BOTH, 100.0)
    ours = row(measured, str(pairs[0]))
    assert 0 <= ours["classifier-top1"] <= ours["classifier-top5"] <= 100
    for name in BOTH:
        words = measured.measurement.protocol[f"metric {name}"]
        assert "resnet10" in words and "centre 64 x 64" in words and "ImageNet" in words
        single = [one.scores[name] for one in measured.measurement.pictures if one.system == str(pairs[0])]
        assert set(single) <= {0.0, 100.0} and sum(single) / 6 == pytest.approx(ours[name])


def test_labels_by_folder(write, crops, tmp_path: Path, weights: Path) -> None:
    """The labels are what the classifier says itself, so the truth must score 100; and shifted by one 0."""
    for shift, expected in ((0, 100.0), (1, 0.0)):
        for i, rgb in enumerate(crops):
            picture = torch.from_numpy(rgb.copy()).movedim(-1, 0)[None]
            metric = Top1(weights, size=64)
            label = (int(metric.classifier.scores(Batch.of(picture).result).argmax()) + shift) % 8
            for folder in ("truth", "results"):
                write(f"{shift}/{folder}/label-{label}/{i}.png", rgb)
        (tmp_path / "classes.txt").write_text("\n".join(f"label-{k}" for k in range(8)))
        settings = (f"classifier-top1.weights={weights}", "classifier-top1.size=64",
                    f"classifier-top1.classes={tmp_path / 'classes.txt'}")  # fmt: skip
        results, truth = (tmp_path / str(shift) / folder for folder in ("results", "truth"))
        measured = measure(Request(results=(results,), truth=truth, metrics=BOTH[:1], settings=settings))
        assert row(measured, str(results)) == {"classifier-top1": expected}


def test_models_are_scored_with_it(pairs: tuple[Path, Path], weights: Path, tiny_model: Path) -> None:
    settings = (f"classifier.weights={weights}", "classifier.size=64")
    request = Request(models=(ColorizeOptions(model=str(tiny_model)),), data=(pairs[1],), metrics=BOTH[:1],
                      settings=settings, workers=1)  # fmt: skip
    found = measure(request)
    assert [one.name for one in found.measurement.systems][:2] == ["Ground truth", "Gray"]
    assert row(found, "Ground truth") == {"classifier-top1": 100.0}


def test_mistakes(pairs: tuple[Path, Path], weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_classifier.hub, "cached", lambda source, revision: None)

    def ask(*settings: str) -> None:
        measure(Request(results=pairs[:1], truth=pairs[1], metrics=BOTH, settings=settings, workers=1))

    with pytest.raises(WeightsError, match="no classifier is named"):
        ask()
    with pytest.raises(UsageError, match="'classifer' is not measured"):
        ask(f"classifer.weights={weights}")
    with pytest.raises(UsageError, match="has no option 'weigths'") as error:
        ask(f"classifier.weigths={weights}")
    assert error.value.hint == "did you mean 'weights'?"
    with pytest.raises(UsageError, match="not a value of type int"):
        ask(f"classifier.weights={weights}", "classifier.size=big")


@pytest.mark.parametrize("workers", [1, 2])
def test_sets_are_compared_by_a_network_of_ones_own(pairs: tuple[Path, Path], weights: Path, workers: int) -> None:
    """What the runner gives is what the library gives, for every system; and there is no interval."""
    pytest.importorskip("torchmetrics")
    settings = (f"fid.weights={weights}", "fid.size=64", f"kid.weights={weights}", "kid.size=64")
    measured = measure(
        Request(results=pairs[:1], truth=pairs[1], metrics=("fid", "kid"), settings=settings, anchors=True,
                workers=workers, bootstrap=20, per_picture=True)
    )  # fmt: skip
    [ours] = [one for one in measured.measurement.systems if one.name == str(pairs[0])]
    assert row(measured, "Ground truth")["fid"] == pytest.approx(0, abs=0.01 * ours.scores["fid"].value)
    assert ours.scores["fid"].value < row(measured, "Gray")["fid"]
    assert not ours.scores["fid"].has_interval
    assert "features of resnet10" in measured.measurement.protocol["metric fid"]
    for name in ("fid", "kid"):
        metric = METRICS.load(name).METRIC(weights, 64)
        for path in sorted(pairs[1].rglob("*.png")):
            both = (pairs[0] / path.relative_to(pairs[1]), path)
            rgb = [torch.from_numpy(cv2.imread(str(one))[..., ::-1].copy()).movedim(-1, 0)[None] for one in both]
            metric.update(Batch.of(*rgb))
        assert ours.scores[name].value == pytest.approx(metric.compute(), rel=1e-3)
