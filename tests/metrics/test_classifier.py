"""Classifier accuracy, with classifiers that are trained here to tell drawn pictures by their colour."""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from colorcli.color import lab
from colorcli.errors import MediaError, UsageError, WeightsError
from colorcli.metrics import _classifier
from colorcli.metrics._batch import Batch, Pictures
from colorcli.metrics.classifier_top1 import Top1
from colorcli.metrics.classifier_top5 import Top5
from colorcli.models.backbones import resnet, vgg
from colorcli.weights.card import Source

CLASSES = 6
NAMES = [f"hue{k}" for k in range(CLASSES)]
SIDE = 32


def drawn(count: int, seed: int, *, chroma: float = 45.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Discs on a textured ground, all alike but for the hue of the disc, which is the class: RGB and labels."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % CLASSES
    L = 50 + 12 * F.interpolate(torch.randn(count, 1, 6, 6, generator=generator), (SIDE, SIDE), mode="bicubic")
    row, column = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    place = torch.randint(12, 20, (count, 2), generator=generator)[..., None, None]
    disc = ((row - place[:, 0]) ** 2 + (column - place[:, 1]) ** 2 < 100).float()
    hue = 2 * math.pi * labels / CLASSES
    ab = chroma * torch.stack((hue.cos(), hue.sin()), 1)[..., None, None] * disc[:, None]
    return lab.lab_to_rgb(torch.cat((L.clamp(20, 80), ab), 1)).clamp(0, 1), labels


def recoloured(rgb: torch.Tensor, turn: float = 0.0, strength: float = 1.0) -> torch.Tensor:
    """The same lightness with all hues turned by ``turn`` (radians) and chroma times ``strength``."""
    values = lab.rgb_to_lab(rgb)
    a, b = strength * values[:, 1], strength * values[:, 2]
    cos, sin = math.cos(turn), math.sin(turn)
    return lab.lab_to_rgb(torch.stack((values[:, 0], cos * a - sin * b, sin * a + cos * b), 1)).clamp(0, 1)


def trained(network: nn.Module, steps: int) -> nn.Module:
    rgb, labels = drawn(96, seed=0)
    pictures = vgg.normalize(_classifier.centre(rgb, SIDE))
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        chosen = torch.randint(len(rgb), (24,), generator=generator)
        loss = F.cross_entropy(network(pictures[chosen]), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


def narrow(classes: int = CLASSES) -> nn.Module:
    return resnet.ResNet(resnet.BasicBlock, (1, 1, 1, 1), classes=classes, width=6)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small ResNet, trained: safetensors under torchvision's names."""
    torch.manual_seed(0)
    network = trained(narrow(), 70)
    path = tmp_path_factory.mktemp("classifier") / "resnet.safetensors"
    save_file(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of no known architecture, trained and exported."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 16, 5, 2, 2), nn.ReLU(), nn.Conv2d(16, 24, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(24, CLASSES),
    )  # fmt: skip
    trained(network, 150)
    path = tmp_path_factory.mktemp("classifier") / "net.pt2"
    torch.export.save(torch.export.export(network, (torch.zeros(1, 3, SIDE, SIDE),)), path)
    return path


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    path = tmp_path / "classes.txt"
    path.write_text("\n".join(NAMES) + "\n")
    return path


def by_folder(result: torch.Tensor, truth: torch.Tensor, labels: torch.Tensor) -> Batch:
    names = tuple(f"set/{NAMES[k]}/{i}.jpg" for i, k in enumerate(labels))
    return Batch(result=Pictures(rgb=result), reference=Pictures(rgb=truth), names=names)


def score(metric: Top1, batch: Batch) -> float:
    metric.reset()
    metric.update(batch)
    return metric.compute()


@pytest.mark.parametrize("kind", ["weights", "program"])
def test_the_right_colours_are_recognised_and_others_are_not(
    kind: str, classes: Path, request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue(kind)
    rgb, labels = drawn(60, seed=1)
    top1, top5 = (metric(path, size=SIDE, classes=classes) for metric in (Top1, Top5))
    gray, next_hue = recoloured(rgb, strength=0), recoloured(rgb, turn=2 * math.pi / CLASSES)
    results = {"truth": rgb, "duller": recoloured(rgb, strength=0.8), "gray": gray, "next": next_hue}
    scores = {
        name: [score(metric, by_folder(result, rgb, labels)) for metric in (top1, top5)]
        for name, result in results.items()
    }
    assert scores["truth"][0] >= 95 and scores["truth"][1] >= scores["truth"][0]
    assert scores["duller"][0] >= 85
    assert scores["gray"][0] <= 40  # 17 by chance
    assert scores["next"][0] <= 10
    assert scores["gray"][0] < scores["gray"][1] < 100  # five guesses of six


def test_without_labels_the_answer_to_the_truth_is_right(weights: Path) -> None:
    rgb, _ = drawn(40, seed=2)
    metric = Top1(weights, size=SIDE)
    assert score(metric, Batch.of(rgb, rgb)) == 100
    wrong = rgb.roll(1, 0)
    assert score(metric, Batch.of(rgb, wrong)) <= 5
    # Counted by hand: the network by itself, on the same pictures.
    network = narrow()
    network.load_state_dict(_classifier.checkpoint.read(weights).state)
    dull = recoloured(rgb, strength=0.25)
    answers = [network.eval()(vgg.normalize(_classifier.centre(x, SIDE))).argmax(1) for x in (dull, rgb)]
    assert score(metric, Batch.of(dull, rgb)) == pytest.approx(100 * float((answers[0] == answers[1]).float().mean()))


def test_batches_parts_and_pickles_give_the_same(weights: Path) -> None:
    rgb, _ = drawn(12, seed=3)
    dull = recoloured(rgb, strength=0.2)
    whole = Top1(weights, size=SIDE)
    whole.update(Batch.of(dull, rgb))
    parts = [whole.fresh(), pickle.loads(pickle.dumps(whole)).fresh()]
    for part, rows in zip(parts, (slice(0, 5), slice(5, 12)), strict=True):
        part.update(Batch.of(dull[rows], rgb[rows]))
    parts[0].merge(parts[1])
    assert parts[0].compute() == whole.compute() and parts[0].pictures == 12
    assert parts[0].classifier is whole.classifier  # loaded once
    assert whole.statistics(Batch.of(dull[:2], rgb[:2])).dtype == torch.float64


def test_it_looks_once_at_each_picture(weights: Path) -> None:
    rgb, _ = drawn(3, seed=4)
    top1, top5 = Top1(weights, size=SIDE), Top5(weights, size=SIDE)
    seen: list[int] = []
    handle = top1.classifier._network.register_forward_hook(lambda _, given, answer: seen.append(len(answer)))
    batch = Batch.of(recoloured(rgb, strength=0.5), rgb)
    for metric in (top1, top5):
        metric.update(batch)
    top1.update(Batch(result=batch.truth, reference=batch.truth))
    handle.remove()
    assert sum(seen) == 6  # three pictures and three truths, whoever asks


def test_what_it_says_of_itself(weights: Path, program: Path, classes: Path) -> None:
    words = Top1(weights, size=SIDE).words()
    assert words.startswith("resnet10, weights ") and "(resnet.safetensors)" in words
    assert "shorter side to 37" in words and "centre 32 x 32, ImageNet mean and deviation" in words
    assert words.endswith("right is its own answer on the truth")
    assert "exported program" in Top1(program, size=SIDE).words()
    assert Top1(weights, size=SIDE, classes=classes).words().endswith("right is the picture's folder")


def test_the_centre_is_cut_from_the_shorter_side() -> None:
    wide = torch.zeros(1, 3, 256, 512)
    wide[..., 128:384] = 1  # the middle square
    found = _classifier.centre(wide, 224)
    assert found.shape == (1, 3, 224, 224) and found.min() == 1
    assert _classifier.centre(torch.rand(1, 3, 3, 200), 224).shape == (1, 3, 224, 224)
    whole = torch.rand(1, 3, 256, 256)
    assert torch.equal(_classifier.centre(whole, 224), whole[..., 16:240, 16:240])


def test_vgg_under_both_libraries_names(tmp_path: Path) -> None:
    network = vgg.VGG16(7, width=4, hidden=16).eval()
    state = network.state_dict()
    save_file(state, tmp_path / "torchvision.safetensors")
    timm = {}
    for key, value in state.items():
        key = key.replace("classifier.0", "pre_logits.fc1").replace("classifier.3", "pre_logits.fc2")
        key = key.replace("classifier.6", "head.fc")
        if key == "pre_logits.fc1.weight":
            value = value.reshape(16, 32, 7, 7)
        if key == "pre_logits.fc2.weight":
            value = value.reshape(16, 16, 1, 1)
        timm[key] = value
    torch.save({"state_dict": timm}, tmp_path / "timm.pth")
    rgb = torch.rand(2, 3, 40, 60)
    expected = network(vgg.normalize(_classifier.centre(rgb, 64)))
    for name in ("torchvision.safetensors", "timm.pth"):
        found = _classifier.Classifier(tmp_path / name, 64)
        assert found.name == "vgg16"
        torch.testing.assert_close(found.scores(Pictures(rgb=rgb)), expected, rtol=1e-4, atol=1e-5)


def test_published_vgg_is_this_large() -> None:
    with torch.device("meta"):
        network = vgg.VGG16()
    assert sum(weight.numel() for weight in network.parameters()) == 138_357_544  # torchvision's documentation
    assert list(network.state_dict())[-1] == "classifier.6.bias"


def test_a_resnet_with_bottlenecks_is_known(tmp_path: Path) -> None:
    network = resnet.ResNet(resnet.Bottleneck, (3, 4, 6, 3), classes=9, width=4)
    torch.save(network.state_dict(), tmp_path / "deep.pth")
    assert _classifier.Classifier(tmp_path / "deep.pth", 32).name == "resnet50"


def test_vgg_is_taken_from_the_hubs_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_file(vgg.VGG16(7, width=4, hidden=16).state_dict(), tmp_path / "model.safetensors")
    asked = []

    def cached(source: Source, revision: str) -> Path:
        asked.append((source.repository, source.file, revision))
        return tmp_path / "model.safetensors"

    monkeypatch.setattr(_classifier.hub, "cached", cached)
    assert Top1().words().startswith("vgg16, weights ")
    assert asked == [("timm/vgg16.tv_in1k", "model.safetensors", "")]


def test_mistakes_are_told(
    weights: Path, program: Path, classes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_classifier.hub, "cached", lambda source, revision: None)
    with pytest.raises(WeightsError, match="no classifier is named") as error:
        Top1()
    assert "classifier.weights" in error.value.hint and "hf download timm/vgg16.tv_in1k" in error.value.hint
    with pytest.raises(UsageError, match="no such file"):
        Top1(tmp_path / "gone.pth")
    with pytest.raises(UsageError, match="at least 32"):
        Top1(weights, size=8)
    save_file({"x": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match="no classifier that is known"):
        Top1(tmp_path / "other.safetensors")
    state = _classifier.checkpoint.read(weights).state
    save_file({key: value for key, value in state.items() if "layer3.0.bn1" not in key}, tmp_path / "half.safetensors")
    with pytest.raises(WeightsError, match=r"does not fit resnet10[\s\S]*missing"):
        Top1(tmp_path / "half.safetensors")
    (tmp_path / "bad.pt2").write_bytes(b"no")
    with pytest.raises(WeightsError, match="not readable as an exported program"):
        Top1(tmp_path / "bad.pt2")
    rgb, labels = drawn(2, seed=5)
    with pytest.raises(WeightsError, match=r"fails on \(1, 3, 64, 64\)"):
        Top1(program, size=64).update(Batch.of(rgb, rgb))
    few = narrow(5)
    save_file(few.state_dict(), tmp_path / "few.safetensors")
    with pytest.raises(UsageError, match="knows 5 classes"):
        Top5(tmp_path / "few.safetensors", size=SIDE).update(Batch.of(rgb, rgb))
    with pytest.raises(UsageError, match="6 classes are named"):
        Top1(tmp_path / "few.safetensors", size=SIDE, classes=classes).update(by_folder(rgb, rgb, labels))
    nan = {key: value * float("nan") if key == "fc.bias" else value for key, value in few.state_dict().items()}
    save_file(nan, tmp_path / "nan.safetensors")
    with pytest.raises(WeightsError, match="finite scores"):
        Top1(tmp_path / "nan.safetensors", size=SIDE).update(Batch.of(rgb, rgb))


def test_mistakes_about_classes_are_told(weights: Path, classes: Path, tmp_path: Path) -> None:
    rgb, _ = drawn(1, seed=6)
    metric = Top1(weights, size=SIDE, classes=classes)
    stray = Batch(result=Pictures(rgb=rgb), reference=Pictures(rgb=rgb), names=("set/cats/1.jpg",))
    with pytest.raises(UsageError, match="its folder 'cats' is no class"):
        metric.update(stray)
    with pytest.raises(ValueError, match="names"):
        metric.update(Batch.of(rgb, rgb))
    for content in ("a\na\n", "\n"):
        (tmp_path / "bad.txt").write_text(content)
        with pytest.raises(UsageError, match="missing or repeat"):
            Top1(weights, size=SIDE, classes=tmp_path / "bad.txt")
    with pytest.raises(MediaError, match="cannot be read"):
        Top1(weights, size=SIDE, classes=tmp_path / "gone.txt")
