"""Exported models: everything others need, nothing of this machine."""

import json
import tomllib
from pathlib import Path

import pytest
import torch

from colorcli.errors import UsageError, WeightsError
from colorcli.weights import package
from colorcli.weights.card import Card, Source
from colorcli.weights.load import load
from colorcli.weights.resolve import resolve
from colorcli.weights.save import write_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """What a run of ``zhang-l2`` leaves: it went on once, and was measured on test pictures."""
    from colorcli.registry import NETWORKS

    folder = tmp_path / "runs" / "places"
    (folder / "samples").mkdir(parents=True)
    state = NETWORKS.load("zhang-ab").build(width=8).state_dict()
    card = Card(
        name="places", network="zhang-ab", source=Source(kind="file", file="x"), sizes={"width": 8}, size=64,
        data="/home/ann/places", recipe="zhang-l2", seed=3, description="a test",
    )  # fmt: skip
    write_run(folder, state, card)
    rows = [
        {"step": 0, "event": "start", "device": "cpu (x86)", "threads": 2, "precision": "float32", "torch": "2.13"},
        {"step": 10, "val_auc": 80.5, "val_gray": 79.0, "val_chroma": 0.4, "seconds": 1800.0},
        {"step": 10, "event": "start", "device": "cpu (x86)", "threads": 1, "precision": "float32", "torch": "2.13"},
        {"step": 20, "val_auc": 81.5, "val_gray": 79.0, "val_chroma": 0.5, "seconds": 1700.0},
        {"step": 20, "test_auc": 80.9, "test_gray": 78.5, "test_chroma": 0.45, "seconds": 1799.0},
        {"step": 20, "event": "end", "seconds": 1800.0},
    ]
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"step": 2')
    facts = {"training": 60, "validation": 20, "test": 20, "report": {"kept": 100, "corrupt": 2, "gray": 0},
             "sources": ["/home/ann/places"], "left_out": {"corrupt": ["ann/private.jpg"]}}  # fmt: skip
    (folder / "data.json").write_text(json.dumps(facts))
    (folder / "splits.json").write_text(json.dumps({"train": ["ann/private.jpg"]}))
    (folder / "recipe.toml").write_text('name = "zhang-l2"\n[validation]\npictures = 12\n')
    (folder / "samples" / "0000020.jpg").write_bytes(b"a picture of someone")
    return folder


def test_an_exported_run_is_a_model_with_its_scores(run: Path, tmp_path: Path) -> None:
    target = tmp_path / "places-colorizer"
    card = package.export(run, target, licence="Apache-2.0")
    assert sorted(path.name for path in target.iterdir()) == [
        "README.md", "card.toml", "model.safetensors", "recipe.toml",
    ]  # fmt: skip
    assert card.name == "places-colorizer" and card.licence == "Apache-2.0" and card.data == "60 pictures of places"
    scores = dict(card.scores)
    assert (scores["auc"], scores["auc_gray"], scores["chroma_share"]) == (80.9, 78.5, 0.45)
    assert scores["parameters"] == sum(p.numel() for p in load(resolve(run)).parameters())
    found = resolve(target)
    assert found.card == card and found.sha256 == card.sha256
    L = torch.full((1, 1, 32, 32), 40.0)
    assert torch.equal(load(found)(L), load(resolve(run))(L))
    # The weights file alone is a model too.
    assert resolve(target / "model.safetensors").card.licence == "Apache-2.0"


def test_the_readme_is_a_card_for_the_hub(run: Path, tmp_path: Path) -> None:
    package.export(run, tmp_path / "out", licence="CC-BY-4.0", data="my own | photographs")
    text = (tmp_path / "out" / "README.md").read_text()
    front, body = text.removeprefix("---\n").split("\n---\n", 1)
    keys = dict(line.split(": ", 1) for line in front.splitlines())
    assert json.loads(keys["license"]) == "cc-by-4.0" and json.loads(keys["pipeline_tag"]) == "image-to-image"
    assert "colorization" in json.loads(keys["tags"])
    for fact in ("On 12 test pictures of the run", "80.9", "78.5", "| steps | 20 |", "| hours | 1.00 |",
                 "| left out | 2 corrupt |", "cpu (x86)",
                 "my own / photographs", "Zhang et al. 2016", "60 to train on, 20 to validate on"):  # fmt: skip
        assert fact in body, fact


def test_nothing_of_this_machine_goes_along(run: Path, tmp_path: Path) -> None:
    package.export(run, tmp_path / "out", licence="MIT")
    for path in (tmp_path / "out").iterdir():
        content = path.read_bytes()
        for private in (b"/home/ann", b"private.jpg", b"someone", str(tmp_path).encode()):
            assert private not in content, (path.name, private)


def test_licences_the_hub_does_not_know_are_others(run: Path, tmp_path: Path) -> None:
    package.export(run, tmp_path / "out", licence="ask: me")
    assert 'license: "other"\n' in (text := (tmp_path / "out" / "README.md").read_text())
    assert 'license_name: "ask: me"\n' in text


def test_an_installed_model_can_be_exported_too(tiny_model: Path, tmp_path: Path) -> None:
    card = package.export(tiny_model, tmp_path / "mine")
    assert card.licence == "Apache-2.0" and card.scores["parameters"] > 1000
    assert "## Training" not in (tmp_path / "mine" / "README.md").read_text()


def test_mistakes_are_explained(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="names no licence") as caught:
        package.export(run, tmp_path / "out")
    assert "--licence" in str(caught.value.hint)
    with pytest.raises(UsageError, match="exists"):
        package.export(run, run, licence="MIT", overwrite=True)  # a run is no export: it is not replaced
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="exists"):
        package.export(run, tmp_path / "file", licence="MIT", overwrite=True)
    with pytest.raises(UsageError, match="no model at"):
        package.export(tmp_path / "nothing", tmp_path / "out")
    (run / "model.safetensors").write_bytes((run / "model.safetensors").read_bytes()[:900])
    with pytest.raises(WeightsError, match="damaged"):
        package.export(run, tmp_path / "out", licence="MIT")
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".out*"))


def test_an_export_is_replaced_when_asked(run: Path, tmp_path: Path) -> None:
    package.export(run, tmp_path / "out", licence="MIT")
    with pytest.raises(UsageError, match="--force"):
        package.export(run, tmp_path / "out", licence="CC0-1.0")
    package.export(run, tmp_path / "out", licence="CC0-1.0", overwrite=True)
    assert tomllib.loads((tmp_path / "out" / "card.toml").read_text())["licence"] == "CC0-1.0"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "runs"]


def test_only_a_whole_export_passes_the_check(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"it has no README\.md"):
        package.check(run)
    package.export(run, tmp_path / "out", licence="MIT")
    assert package.check(tmp_path / "out").card.name == "out"
    content = bytearray((tmp_path / "out" / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "out" / "model.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match="not the file its card names"):
        package.check(tmp_path / "out")
