from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from colorcli.errors import UsageError, WeightsError
from colorcli.registry import DECODERS, NETWORKS, UPSAMPLERS
from colorcli.weights import resolve as module
from colorcli.weights.card import Card, Source
from colorcli.weights.resolve import names, resolve
from colorcli.weights.save import write_run

CARD = Card(name="tiny", network="resnet-fusion", source=Source(kind="file", file="x"), sizes={"width": 8})


@pytest.mark.parametrize("name", names())
def test_installed_cards_name_what_exists(name: str) -> None:
    model = resolve(name)
    assert model.card.name == name
    assert model.card.network in NETWORKS.names()
    assert model.card.decoder is None or model.card.decoder in DECODERS.names()
    assert model.card.upsampler in UPSAMPLERS.names()
    assert model.card.description and model.card.licence


def test_mrf_is_the_default_network_with_another_decoder() -> None:
    default, mrf = resolve("default"), resolve("mrf")
    assert mrf.card.decoder == "mrf"
    assert mrf.weights == default.weights
    assert mrf.card.sizes == default.card.sizes


def test_run_folder_and_single_file_name_the_same(tmp_path: Path) -> None:
    write_run(tmp_path, {"w": torch.ones(2, 2)}, CARD)
    from_folder = resolve(tmp_path)
    from_file = resolve(tmp_path / "model.safetensors")
    from_card = resolve(str(tmp_path / "card.toml"))
    assert from_folder.card == from_file.card == from_card.card
    assert from_folder.weights == from_file.weights == from_card.weights
    assert len(from_file.sha256) == 64


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("defalt", "unknown model 'defalt'.*did you mean 'default'"),
        ("zzz", "unknown model 'zzz'.*known: cautious, ddcolor, .*mrf, siggraph17"),
        ("runs/none", "no such file or folder"),
        ("none.safetensors", "no such file or folder"),
    ],
)
def test_unknown_names(name: str, match: str) -> None:
    with pytest.raises(UsageError, match=match):
        resolve(name)


def test_folder_without_a_card(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no readable card.toml"):
        resolve(tmp_path)


def test_file_without_a_card(tmp_path: Path) -> None:
    save_file({"w": torch.ones(2)}, tmp_path / "m.safetensors")
    with pytest.raises(WeightsError, match=r"not the weights of a network known here: w \(2,\)"):
        resolve(tmp_path / "m.safetensors")


@pytest.mark.parametrize("content", [b"", b"not safetensors at all", b"\xff" * 64])
def test_file_that_is_something_else(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match="not a safetensors file, or damaged"):
        resolve(tmp_path / "m.safetensors")


def test_missing_weights_are_found_out_when_they_are_needed(tmp_path: Path) -> None:
    write_run(tmp_path, {"w": torch.ones(2, 2)}, CARD)
    (tmp_path / "model.safetensors").unlink()
    model = resolve(tmp_path)
    with pytest.raises(WeightsError, match=r"cannot read .*model\.safetensors: No such file"):
        _ = model.sha256


def test_naming_models_imports_no_torch() -> None:
    code = f"import sys, {module.__name__} as m; m.resolve('mrf'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
