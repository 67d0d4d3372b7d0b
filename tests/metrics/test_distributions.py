"""FID, KID and LPIPS, run through torchmetrics on small networks and compared with their formulas.

The published backbones need torchvision and weights that are not here: Inception and AlexNet are played by stand-ins
with the same interface and random weights.
"""

from __future__ import annotations

import importlib.util
import math
import pickle
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from colorcli.errors import UsageError, WeightsError
from colorcli.metrics import _classifier, _features, lpips
from colorcli.metrics._batch import Batch, Pictures
from colorcli.metrics.fid import FID
from colorcli.metrics.kid import KID
from colorcli.models.backbones import resnet

pytest.importorskip("torchmetrics")
every = pytest.mark.parametrize("kind", [FID, KID])


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network of 6 features."""
    torch.manual_seed(0)
    state = resnet.ResNet(resnet.BasicBlock, (1, 1, 1, 1), classes=6, width=4).state_dict()
    state["fc.weight"] = torch.randn(state["fc.weight"].shape)
    path = tmp_path_factory.mktemp("features") / "net.safetensors"
    save_file(state, path)
    return path


def sets(count: int = 24, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Results and truths: noise of many brightnesses; results duller and redder."""
    generator = torch.Generator().manual_seed(seed)
    truth = torch.rand(count, 3, 32, 32, generator=generator) * torch.rand(count, 3, 1, 1, generator=generator)
    result = 0.7 * truth + 0.3 * truth.mean(1, keepdim=True)
    result[:, 0] = (result[:, 0] + 0.1).clamp(0, 1)
    return result, truth


def measured(kind, network, result, truth, step=None):
    metric = kind(network, size=32)
    for start in range(0, len(result), step or len(result)):
        rows = slice(start, start + (step or len(result)))
        metric.update(Batch.of(result[rows], truth[rows]))
    return metric


def features(network: Path, rgb: torch.Tensor) -> np.ndarray:
    return _classifier.load(network, 32).scores(Pictures(rgb=rgb)).double().numpy()


def test_fid_is_its_formula(network: Path) -> None:
    linalg = pytest.importorskip("scipy.linalg")
    result, truth = sets()
    x, y = features(network, result), features(network, truth)
    cov_x, cov_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = np.asarray(linalg.sqrtm(cov_x @ cov_y)).real
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(cov_x + cov_y - 2 * root)
    found = measured(FID, network, result, truth).compute()
    assert found == pytest.approx(expected, rel=1e-3)
    assert found > 0.01
    assert measured(FID, network, truth, truth).compute() == pytest.approx(0, abs=1e-3)


def test_kid_is_its_formula(network: Path) -> None:
    result, truth = sets()
    x, y = features(network, result), features(network, truth)
    n, d = x.shape
    xx, yy, xy = ((u @ v.T / d + 1) ** 3 for u, v in ((x, x), (y, y), (x, y)))
    expected = (xx.sum() - np.trace(xx) + yy.sum() - np.trace(yy)) / (n * (n - 1)) - 2 * xy.mean()
    found = measured(KID, network, result, truth).compute()
    assert found == pytest.approx(expected, rel=1e-3)
    assert measured(KID, network, *sets(24, seed=1)).compute() != found


def test_kid_takes_subsets_of_many_and_gives_the_same_again(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from colorcli.metrics import kid

    monkeypatch.setattr(kid, "LARGEST", 18)
    metric = measured(KID, network, *sets())
    state = torch.get_rng_state()
    first = metric.compute()
    assert metric.compute() == first
    assert torch.equal(torch.get_rng_state(), state)
    monkeypatch.setattr(kid, "LARGEST", 1000)
    assert metric.compute() != first
    assert metric.compute() == pytest.approx(first, rel=0.5)


@every
def test_batches_and_parts_give_the_same(kind, network: Path) -> None:
    result, truth = sets()
    whole = measured(kind, network, result, truth)
    assert measured(kind, network, result, truth, 7).compute() == pytest.approx(whole.compute(), rel=1e-4)
    part = measured(kind, network, result[:15], truth[:15])
    other = pickle.loads(pickle.dumps(measured(kind, network, result[15:], truth[15:])))
    before, empty = other.compute(), whole.fresh()
    part.merge(other)
    part.merge(empty)
    empty.merge(part)
    assert part.compute() == pytest.approx(whole.compute(), rel=1e-4)
    assert empty.compute() == pytest.approx(part.compute(), rel=1e-6)
    assert other.compute() == before
    assert part.pictures == empty.pictures == 24
    assert part.features is whole.features and other.features is whole.features  # the network is loaded once


@every
def test_facts_and_words(kind, network: Path) -> None:
    metric = kind(network, size=32)
    assert metric.name == kind.name and metric.group == "network" and metric.place == "main" and not metric.by_rows
    assert metric.higher_is_better is False and metric.over == "set"
    words = metric.words()
    assert words.startswith("features of resnet10, weights ") and "centre 32 x 32" in words
    with pytest.raises(ValueError, match="at least one picture"):
        metric.compute()
    result, truth = sets(1)
    metric.update(Batch.of(result, truth))
    assert math.isnan(metric.compute())
    with pytest.raises(TypeError, match="no rows"):
        metric.statistics(Batch.of(result, truth))
    with pytest.raises(ValueError, match="compares with the truth"):
        metric.update(Batch.of(result))


def test_other_kinds_do_not_merge(network: Path) -> None:
    with pytest.raises(TypeError, match="cannot be merged"):
        FID(network, size=32).merge(KID(network, size=32))


@every
def test_what_is_missing_is_told(kind, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without(monkeypatch, "torch_fidelity")
    with pytest.raises(UsageError, match="needs torch_fidelity, which is not installed") as error:
        kind()
    assert error.value.hint == "pip install 'colorcli[metrics]'"
    there(monkeypatch, "torch_fidelity")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(WeightsError, match="weights of the Inception network of FID are not here") as missing:
        kind()
    assert "weights-inception-2015-12-05" in missing.value.hint and str(tmp_path / "checkpoints") in missing.value.hint
    with pytest.raises(UsageError, match="no such file"):
        kind(tmp_path / "gone.safetensors")
    with pytest.raises(UsageError, match="at least 32"):
        kind(size=8)
    without(monkeypatch, "torchmetrics")
    with pytest.raises(UsageError, match="needs torchmetrics"):
        kind()


def without(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == library else real(name, *rest))


def there(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: name if name == library else real(name, *rest))


class StandIn(nn.Module):
    """Has the interface of torchmetrics' Inception; its features are the means of the channels."""

    def __init__(self, name: str, features_list: list[str], path: str) -> None:
        super().__init__()
        assert (name, features_list) == ("inception-v3-compat", ["2048"]) and Path(path).is_file()
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.dtype == torch.uint8
        self.calls += 1
        return x.float().mean((2, 3)) / 255


def test_inception_gets_eight_bits_and_is_asked_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    there(monkeypatch, "torch_fidelity")
    monkeypatch.setattr("torchmetrics.image.fid.NoTrainInceptionV3", StandIn)
    (tmp_path / "checkpoints").mkdir()
    path = tmp_path / "checkpoints/weights-inception-2015-12-05-6726825d.pth"
    torch.save({_features._INCEPTION_KEY: torch.zeros(1)}, path)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    _features.load.cache_clear()
    fid, kid = FID(), KID(path)
    assert isinstance(fid.features, _features.Inception)
    result, truth = sets()
    batch = Batch.of(result, truth)
    for metric in (fid, kid):
        metric.update(batch)
    assert fid.features._network.calls == 2  # results and truths; `kid` names the same file, and its own copy
    x, y = ((255 * rgb).round().byte().double().mean((2, 3)).numpy() / 255 for rgb in (result, truth))
    assert fid.compute() > ((x.mean(0) - y.mean(0)) ** 2).sum()
    assert "inception-v3-compat" in fid.words() and path.name in fid.words()


class _AlexNet(nn.Module):
    """torchvision's layers, with random weights."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(64, 192, 5, 1, 2), nn.ReLU(),
            nn.MaxPool2d(3, 2), nn.Conv2d(192, 384, 3, 1, 1), nn.ReLU(), nn.Conv2d(384, 256, 3, 1, 1), nn.ReLU(),
            nn.Conv2d(256, 256, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(3, 2),
        )  # fmt: skip


@pytest.fixture
def torchvision(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A stand-in for torchvision; returns the folder where it would keep its weights."""
    there(monkeypatch, "torchvision")
    torch.manual_seed(0)
    network = _AlexNet()
    weights = types.SimpleNamespace(
        IMAGENET1K_V1=types.SimpleNamespace(url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"),
        DEFAULT=0,
    )
    models = types.ModuleType("torchvision.models")
    models.get_model_weights = {"alexnet": weights}.__getitem__
    models.AlexNet_Weights, models.alexnet = weights, lambda weights: network
    library = types.ModuleType("torchvision")
    library.models = models
    monkeypatch.setitem(sys.modules, "torchvision", library)
    monkeypatch.setitem(sys.modules, "torchvision.models", models)
    for place in ("torchmetrics.image.lpip", "torchmetrics.functional.image.lpips"):
        importlib.import_module(place)
        monkeypatch.setattr(f"{place}._TORCHVISION_AVAILABLE", True)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints/alexnet-owt-7be5be79.pth").touch()
    return tmp_path / "checkpoints"


def by_hand(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """LPIPS in its formula: unit length over channels, squared difference, published weights, mean over places."""
    import torchmetrics

    folder = Path(torchmetrics.__file__).parent / "functional/image/lpips_models"
    linear = torch.load(folder / "alex.pth", map_location="cpu", weights_only=True)
    torch.manual_seed(0)
    layers = _AlexNet().features
    shift, scale = (torch.tensor(x)[:, None, None] for x in ([-0.030, -0.088, -0.188], [0.458, 0.448, 0.450]))
    maps = [((2 * rgb - 1) - shift) / scale for rgb in (first, second)]
    total, place = torch.zeros(len(first)), 0
    for number, layer in enumerate(layers[:12]):
        maps = [layer(x) for x in maps]
        if number in (1, 4, 7, 9, 11):  # after each ReLU
            unit = [x / (x.square().sum(1, keepdim=True).sqrt() + 1e-8) for x in maps]
            total += ((unit[0] - unit[1]).square() * linear[f"lin{place}.model.1.weight"]).sum(1).mean((1, 2))
            place += 1
    return total


def test_lpips_is_its_formula(torchvision: Path) -> None:
    metric = lpips.LPIPS()
    first, second = torch.rand(2, 3, 3, 64, 48)
    batch = Batch.of(first, second)
    with torch.no_grad():
        expected = by_hand(first, second)
    assert metric.values(batch).tolist() == pytest.approx(expected.tolist(), rel=1e-4)
    metric.update(batch)
    assert metric.compute() == pytest.approx(float(expected.mean()), rel=1e-4)
    assert metric.values(Batch.of(first, first)).tolist() == pytest.approx([0, 0, 0], abs=1e-6)
    assert math.isnan(metric.values(Batch.of(first[..., :20], second[..., :20]))[0])
    assert metric.words().startswith("alexnet of torchvision (alexnet-owt-7be5be79.pth), linear weights 0.1")
    assert metric.fresh()._lpips is metric._lpips


def test_lpips_says_what_is_missing(torchvision: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (torchvision / "alexnet-owt-7be5be79.pth").unlink()
    with pytest.raises(WeightsError, match="weights of LPIPS's alexnet are not here") as error:
        lpips.LPIPS()
    assert "download https://download.pytorch.org/models/alexnet-owt-7be5be79.pth to" in error.value.hint
    with pytest.raises(UsageError, match="unknown network 'alexx'") as wrong:
        lpips.LPIPS("alexx")
    assert wrong.value.hint == "did you mean 'alex'?"
    without(monkeypatch, "torchvision")
    with pytest.raises(UsageError, match="needs torchvision"):
        lpips.LPIPS()
