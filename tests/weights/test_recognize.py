"""Weights without a card: every network we have, under our names and the published ones, is known by its shapes."""

from __future__ import annotations

import collections
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from published import published
from safetensors.torch import save_file
from torch import Tensor

from colorcli.errors import UsageError, WeightsError
from colorcli.registry import NETWORKS
from colorcli.weights import cache, checkpoint
from colorcli.weights.load import load
from colorcli.weights.recognize import CONVERTERS, card_for, recognize
from colorcli.weights.resolve import resolve

#: Sizes that differ from the defaults in all that leaves a trace in the shapes.
SIZES: dict[str, list[dict[str, Any]]] = {
    "resnet-fusion": [{"width": 8, "blocks": 3, "bottom": 7}, {"width": 12, "blocks": 1, "bottom": 2}],
    "cifar-autoencoder": [{"width": 5}],
    "cifar-cnn": [{"width": 6, "depth": 4}],
    "cifar-linear": [{"hidden": []}, {"hidden": [7, 9]}],
    "ddcolor": [{"encoder": encoder, "shrink": 16, "queries": 7, "rounds": 2} for encoder in ("tiny", "large")],
    "deoldify": [{"variant": variant, "width": 8} for variant in ("artistic", "stable")],
    "eccv16": [{"width": 3}],
    "siggraph17": [{"width": 3}],
    "iizuka": [{"width": 4, "classes": 6, "whole": 64}],
    "koala": [
        {"width": 4, "backbone": "own", "features": 11},
        {"width": 4, "embedding": "logits", "classes": 21},
        {"width": 4, "embedding": "pool", "classes": 21},
    ],
    "vgg16-autoencoder": [{"vgg": 2, "width": 3, "skips": skips} for skips in (False, True)],
    "resnet18-ab": [{"width": 4, "fusion": fusion} for fusion in (False, True)],
    "resnet18-bins": [
        {"width": 4, "fusion": True, "marginals": True},
        {"width": 4, "fusion": False, "marginals": False},
    ],
    "zhang-ab": [{"width": 2, "student": student} for student in (False, True)],
    "zhang-bins": [{"width": 2, "student": student} for student in (False, True)],
}
CASES = [(name, sizes) for name, each in SIZES.items() for sizes in each]


def build(name: str, sizes: dict[str, Any]) -> dict[str, Tensor]:
    return dict(NETWORKS.load(name).build(**sizes).state_dict())


def test_every_network_is_among_the_cases() -> None:
    assert set(SIZES) == set(NETWORKS.names())


@pytest.mark.parametrize(("name", "sizes"), CASES)
def test_a_network_is_known_by_its_shapes(name: str, sizes: dict[str, Any]) -> None:
    state = build(name, sizes)
    found = recognize(state)
    assert found is not None and not found.lines
    assert (found.network, dict(found.sizes), found.origin) == (name, sizes, "")
    assert found.state.keys() == state.keys()


def test_an_incomplete_state_is_known_and_its_gaps_are_named() -> None:
    state = build("siggraph17", {"width": 3})
    del state["model5.0.weight"]
    found = recognize(state)
    assert found is not None and found.network == "siggraph17"
    assert found.lines == ("missing (1): model5.0.weight",)


def test_what_is_no_network_of_ours_is_none() -> None:
    assert recognize({"conv.weight": torch.zeros(3, 3), "fc.bias": torch.zeros(())}) is None


PUBLISHED = [
    ("eccv16", {"width": 3}, ""),
    ("siggraph17", {"width": 3}, ""),
    ("ddcolor", {"encoder": "tiny", "shrink": 16, "queries": 7, "rounds": 2}, ""),
    ("ddcolor", {"encoder": "large", "shrink": 16, "queries": 7, "rounds": 2}, ""),
    ("deoldify", {"variant": "artistic", "width": 8}, ""),
    ("deoldify", {"variant": "stable", "width": 8}, ""),
]
WRAPPERS = [
    lambda state: state,
    lambda state: {"params": state},
    lambda state: {"params_ema": state, "params": {key: value + 1 for key, value in state.items()}},
    lambda state: {"state_dict": {f"module.{key}": value for key, value in state.items()}, "epoch": 3},
    lambda state: {"model": collections.OrderedDict(state)},
]


def test_every_converter_of_whole_models_is_among_the_cases() -> None:
    whole = {name for name in CONVERTERS.names() if hasattr(CONVERTERS.load(name), "detect")}
    assert whole - {name for name, _, _ in PUBLISHED} == {"aml", "colornet"}  # of which parity tests have the files


@pytest.mark.parametrize(("converter", "sizes", "network"), PUBLISHED)
def test_published_names_are_known(converter: str, sizes: dict[str, Any], network: str) -> None:
    theirs, ours = published(converter, sizes, network=network)
    found = recognize(theirs)
    assert found is not None and not found.lines
    assert (found.network, dict(found.sizes), found.origin) == (converter, sizes, converter)
    for key, value in ours.items():
        torch.testing.assert_close(found.state[key], value, rtol=1e-5, atol=1e-6)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("fixture", "network", "sizes"),
    [
        ("eccv16", "eccv16", {"width": 64}),
        ("siggraph17", "siggraph17", {"width": 64}),
        ("ddcolor-tiny", "ddcolor", {"encoder": "tiny", "shrink": 1, "queries": 100, "rounds": 9}),
        ("deoldify-artistic", "deoldify", {"variant": "artistic", "width": 64}),
        ("aml-regression", "zhang-ab", {"width": 64, "student": True}),
        ("aml-classification", "zhang-bins", {"width": 64, "student": True}),
        ("colornet", "resnet18-ab", {"width": 64, "fusion": False}),
    ],
)
def test_the_published_keys_themselves_are_known(
    shared: Path, fixture: str, network: str, sizes: dict[str, Any]
) -> None:
    rows = json.loads((shared / "parity" / f"{fixture}.json").read_text())["keys"]
    state = {key: torch.zeros(shape, dtype=getattr(torch, kind)) for key, shape, kind in rows}
    found = recognize(state)
    assert found is not None and not found.lines
    assert (found.network, dict(found.sizes)) == (network, sizes)
    if network == found.origin:  # what other tests take for published files has these names and shapes
        theirs, _ = published(found.origin, sizes)
        ours = {key: tuple(value.shape) for key, value in theirs.items()}
        assert ours == {
            key: tuple(value.shape) for key, value in state.items() if key in ours or "num_batches" not in key
        }


@pytest.mark.parametrize("wrap", WRAPPERS)
@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_is_a_model(tmp_path: Path, wrap: Any, zipped: bool) -> None:
    theirs, ours = published("siggraph17", {"width": 3})
    path = tmp_path / "colour model.pth"
    torch.save(wrap(theirs), path, _use_new_zipfile_serialization=zipped)
    model = resolve(path)
    assert (model.card.name, model.card.network, dict(model.card.sizes)) == ("colour model", "siggraph17", {"width": 3})
    assert model.sha256 == cache.sha256_of(path)
    network = load(model)
    assert all(torch.equal(network.state_dict()[key], value) for key, value in ours.items())


def test_a_pickle_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.bin"
    torch.save(published("eccv16", {"width": 3})[0], path)
    first = resolve(path)
    monkeypatch.setattr(checkpoint, "read", None)
    os.utime(path)
    (tmp_path / "copy").mkdir()
    copy = path.rename(tmp_path / "copy" / "other.pth")
    assert resolve(copy).file == first.file and resolve(copy).card.name == "other"


def test_what_was_made_of_a_pickle_is_made_anew_when_it_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "m.pth"
    torch.save(published("eccv16", {"width": 3})[0], path)
    model = resolve(path)
    content = bytearray(model.weights.read_bytes())
    content[-5] ^= 1
    model.weights.write_bytes(content)
    with pytest.raises(WeightsError, match="is not as it was made, and was removed"):
        load(model)
    load(path)


def test_safetensors_without_a_card_are_a_model(tmp_path: Path) -> None:
    state = build("zhang-bins", {"width": 2})
    save_file(state, tmp_path / "m.safetensors")
    model = resolve(tmp_path / "m.safetensors")
    assert (model.card.network, model.card.name) == ("zhang-bins", "m")
    assert torch.equal(load(model).state_dict()["head.weight"], state["head.weight"])


def test_a_checkpoint_of_a_run_is_a_model_with_its_average(tmp_path: Path) -> None:
    state = build("zhang-ab", {"width": 2})
    average = {key: value + 1 for key, value in state.items()}
    torch.save({"step": 3, "network": state, "ema": average, "optimizer": {}}, tmp_path / "last.pt")
    found = load(tmp_path / "last.pt").state_dict()
    assert torch.equal(found["head.weight"], average["head.weight"])


def test_a_card_made_up_is_that_of_the_published_model() -> None:
    for name, encoder in (("ddcolor", "large"), ("ddcolor-tiny", "tiny")):
        card = resolve(name).card
        made = card_for("ddcolor", {"encoder": encoder, "shrink": 1, "queries": 100, "rounds": 9}, "x", licence="MIT")
        assert (made.size, made.decoder, made.upsampler) == (card.size, card.decoder, card.upsampler)
        assert (made.name, made.licence) == ("x", "MIT")
    assert card_for("deoldify", {"variant": "stable", "width": 64}, "x").size == 560
    assert card_for("eccv16", {"width": 64}, "x").temperature == resolve("eccv16").card.temperature
    assert card_for("zhang-ab", {"width": 64}, "x").decoder is None


class Evil:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path: Path, zipped: bool) -> None:
    path, trap = tmp_path / "m.pth", tmp_path / "trap"
    content = {"model": published("eccv16", {"width": 3})[0], "opt": Evil(trap)}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsError, match=r"asks to run more than weights need \(posix.mkdir\)") as caught:
        resolve(path)
    assert caught.value.hint is not None and f"colorcli weights convert '{path}'" in caught.value.hint
    assert not trap.exists()
    assert "model3.0.weight" in checkpoint.read(path, unsafe=True).state and trap.is_dir()


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ({"epoch": 3}, "holds no weights"),
        ([torch.zeros(2)], "holds no weights"),
        (b"PK\x03\x04 torn", "not readable as weights"),
        (b"", "not readable as weights"),
        (b"<html>404</html>", "not readable as weights"),
    ],
)
def test_files_that_hold_no_weights(tmp_path: Path, content: Any, match: str) -> None:
    path = tmp_path / "m.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(WeightsError, match=match):
        resolve(path)


def test_weights_of_an_unknown_network_are_said_to_be(tmp_path: Path) -> None:
    torch.save({f"conv{n}.weight": torch.zeros(3, n) for n in range(1, 9)}, tmp_path / "m.pth")
    with pytest.raises(
        WeightsError, match=r"not the weights of a network known here: conv1.weight \(3, 1\).*and 3 more"
    ):
        resolve(tmp_path / "m.pth")
    with pytest.raises(UsageError, match="no such file"):
        resolve(tmp_path / "none.pth")


def test_a_file_that_misses_something_is_told_with_what_it_misses(tmp_path: Path) -> None:
    theirs, _ = published("ddcolor", {"encoder": "tiny", "shrink": 16, "queries": 7, "rounds": 2})
    del theirs["decoder.color_decoder.decoder_norm.weight"]
    torch.save(theirs, tmp_path / "m.pth")
    with pytest.raises(WeightsError, match=r"looks like network 'ddcolor'.*\n.*missing \(1\): colors.norm.weight"):
        resolve(tmp_path / "m.pth")
    torch.save(theirs | {"decoder.extra.weight": torch.zeros(1)}, tmp_path / "m.pth")
    with pytest.raises(WeightsError, match=r"not a checkpoint of DDColor: unknown keys decoder.extra.weight"):
        resolve(tmp_path / "m.pth")
