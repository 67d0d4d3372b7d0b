from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from colorcli.errors import UsageError, WeightsError
from colorcli.registry import NETWORKS
from colorcli.weights.card import Card, Source
from colorcli.weights.load import info, load
from colorcli.weights.resolve import Model, names, resolve
from colorcli.weights.save import write_run

CARD = Card(name="tiny", network="resnet-fusion", source=Source(kind="file", file="x"), sizes={"width": 8, "blocks": 1})


@pytest.fixture
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    module: torch.nn.Module = NETWORKS.load(CARD.network).build(**CARD.sizes)
    for layer in module.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):  # as after training: not the identity
            torch.nn.init.uniform_(layer.weight, 0.5, 1.5)
            torch.nn.init.uniform_(layer.running_var, 0.5, 2.0)
            torch.nn.init.normal_(layer.running_mean, std=0.1)
            torch.nn.init.normal_(layer.bias, std=0.1)
    return module.eval()


@pytest.fixture
def run(tmp_path: Path, network: torch.nn.Module) -> Path:
    write_run(tmp_path, network.state_dict(), CARD)
    return tmp_path


def changed(model: Model, **values: object) -> Model:
    return dataclasses.replace(model, card=dataclasses.replace(model.card, **values))  # type: ignore[arg-type]


def test_loaded_network_gives_the_same(run: Path, network: torch.nn.Module) -> None:
    L = torch.rand(1, 1, 64, 32) * 100
    loaded = load(run)
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    with torch.inference_mode():
        torch.testing.assert_close(loaded(L), network(L), rtol=1e-4, atol=1e-5)


def test_half_precision_file_comes_back_in_fp32(tmp_path: Path, network: torch.nn.Module) -> None:
    prior = network.get_buffer("prior")
    prior[0] = 1e-9  # below the smallest fp16
    write_run(tmp_path, network.state_dict(), CARD, half=True)
    loaded = load(tmp_path)
    assert all(tensor.dtype == torch.float32 for tensor in loaded.parameters())
    assert torch.equal(loaded.get_buffer("prior"), prior)
    L = torch.rand(1, 1, 32, 32) * 100
    with torch.inference_mode():
        torch.testing.assert_close(loaded(L), network(L), rtol=0.01, atol=0.01)


def test_hash_is_checked(run: Path) -> None:
    model = resolve(run)
    load(changed(model, sha256=model.sha256.upper()))
    with pytest.raises(WeightsError, match="is not the file its card names"):
        load(changed(model, sha256="0" * 64))


def test_truncated_weights(run: Path) -> None:
    path = run / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="is damaged") as caught:
        load(run)
    assert caught.value.exit_code == 4


def test_missing_weights(run: Path) -> None:
    (run / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match="cannot read"):
        load(run)


def test_other_sizes_give_a_readable_difference(run: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        load(changed(resolve(run), sizes={"width": 8, "blocks": 2}))
    message = caught.value.message
    assert "missing (" in message and "stage1.1." in message and "more" in message
    with pytest.raises(WeightsError, match=r"other shape.*\(4, 1, 3, 3\), network \(8, 1, 3, 3\)"):
        load(changed(resolve(run), sizes={"width": 16, "blocks": 1}))


def test_surplus_keys_are_refused(tmp_path: Path, network: torch.nn.Module) -> None:
    write_run(tmp_path, {**network.state_dict(), "extra": torch.ones(1)}, CARD)
    with pytest.raises(WeightsError, match=r"not in the network \(1\): extra"):
        load(tmp_path)


def test_sizes_that_the_network_does_not_know(run: Path) -> None:
    with pytest.raises(WeightsError, match=r"sizes.*do not fit network"):
        load(changed(resolve(run), sizes={"depth": 3}))


def test_unknown_network(run: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown network.*did you mean 'resnet-fusion'"):
        info(changed(resolve(run), network="resnet-fuson"))


def test_writing_leaves_no_temporary_files(run: Path) -> None:
    assert sorted(path.name for path in run.iterdir()) == ["card.toml", "model.safetensors"]


@pytest.mark.parametrize("name", names())
def test_installed_weights_load(name: str) -> None:
    model = resolve(name)
    if model.card.source.remote:
        pytest.skip("has to be downloaded")
    load(model)
