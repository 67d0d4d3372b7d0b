"""Means of weights: what is averaged, and what must not be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from colorcli.errors import UsageError, WeightsError
from colorcli.registry import NETWORKS
from colorcli.weights.average import average, cosine
from colorcli.weights.card import Card, Source
from colorcli.weights.load import load
from colorcli.weights.resolve import resolve
from colorcli.weights.save import write_safetensors

State = dict[str, torch.Tensor]


def state_of(seed: int = 0, width: int = 8) -> State:
    torch.manual_seed(seed)
    state: State = NETWORKS.load("resnet-fusion").build(width=width, blocks=1).state_dict()
    return state


def moved(state: State, by: float) -> State:
    """Weights as further training might leave them."""
    torch.manual_seed(9)
    return {
        key: value + by * value.std() * torch.randn_like(value) if value.ndim >= 2 else value
        for key, value in state.items()
    }


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def make(name: str, state: State, **fields: object) -> Path:
        path = tmp_path / f"{name}.safetensors"
        source, sizes = Source(kind="file", file=path.name), {"width": 8, "blocks": 1}
        values = {"network": "resnet-fusion", "sizes": sizes, "licence": "MIT", "scores": {"auc": 90.0}, **fields}
        half = bool(values.pop("half", False))
        write_safetensors(path, state, Card(name=name, source=source, **values), half=half)  # type: ignore[arg-type]
        return path

    return make


def test_the_middle_of_a_run_and_its_start(write: Callable[..., Path], tmp_path: Path) -> None:
    begun = state_of()
    ended = moved(begun, 0.5)
    one = write("begun", begun, decoder="median", size=96)
    other = write("ended", ended, licence="CC-BY-4.0", data="places")
    card = average([one, other], tmp_path / "new" / "middle.safetensors")
    assert (card.name, card.decoder, card.size) == ("middle", "median", 96)
    assert (card.licence, card.data, dict(card.scores)) == ("MIT; CC-BY-4.0", "places", {})
    assert "begun" in card.description and "ended" in card.description
    found = load_file(tmp_path / "new" / "middle.safetensors")
    assert found.keys() == begun.keys()
    for key, value in found.items():
        torch.testing.assert_close(value, (begun[key] + ended[key]) / 2 if value.is_floating_point() else begun[key])
    model = resolve(tmp_path / "new" / "middle.safetensors")
    assert model.card.name == "middle" and load(model)(torch.full((1, 1, 32, 32), 40.0)).shape == (1, 313, 8, 8)


def test_half_stays_half_and_three_weigh_alike(write: Callable[..., Path], tmp_path: Path) -> None:
    states = [moved(state_of(), by) for by in (0.0, 0.1, 0.2)]
    paths = [write(f"m{k}", state, half=True) for k, state in enumerate(states)]
    average(paths, tmp_path / "mean.safetensors")
    found, stored = load_file(tmp_path / "mean.safetensors"), [load_file(path) for path in paths]
    key = "stem.0.0.weight"
    assert found[key].dtype == torch.float16
    mean = sum(state[key].float() for state in stored) / 3
    torch.testing.assert_close(found[key].float(), mean, rtol=1e-3, atol=1e-4)


def test_strangers_are_refused(write: Callable[..., Path], tmp_path: Path) -> None:
    one, stranger = write("one", state_of(0)), write("stranger", state_of(1))
    assert abs(cosine(state_of(0), state_of(1))) < 0.1
    with pytest.raises(UsageError, match="'one' and 'stranger' did not begin from each other"):
        average([one, stranger], tmp_path / "mean.safetensors")
    narrow = write("narrow", state_of(width=4), sizes={"width": 4, "blocks": 1})
    with pytest.raises(UsageError, match="differ in their sizes"):
        average([one, narrow], tmp_path / "mean.safetensors")
    with pytest.raises(UsageError, match="differ in their network"):
        average([one, "eccv16"], tmp_path / "mean.safetensors")
    assert not (tmp_path / "mean.safetensors").exists()


def test_mistakes_are_told(write: Callable[..., Path], tmp_path: Path) -> None:
    one = write("one", state_of())
    with pytest.raises(UsageError, match="two models or more"):
        average([one], tmp_path / "mean.safetensors")
    with pytest.raises(UsageError, match="exists"):
        average([one, one], one)
    with pytest.raises(UsageError, match="weights end in"):
        average([one, one], tmp_path / "mean.pt")
    (tmp_path / "cut.safetensors").write_bytes(one.read_bytes()[:-1000])
    with pytest.raises(WeightsError):
        average([one, tmp_path / "cut.safetensors"], tmp_path / "mean.safetensors")
    assert not (tmp_path / "mean.safetensors").exists()
    before = one.read_bytes()
    average([one, one], one, overwrite=True)
    assert one.read_bytes() != before  # its card tells of a mean now
    assert all(torch.equal(value, load_file(one)[key]) for key, value in state_of().items())
