from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from colorcli.registry import NETWORKS
from colorcli.weights.card import Card, Source
from colorcli.weights.save import write_run

SIZES = {"width": 8, "blocks": 1}


@pytest.fixture(scope="session")
def state() -> dict[str, torch.Tensor]:
    """Random weights of a tiny network whose colours are strong and differ from place to place."""
    torch.manual_seed(0)
    network: torch.nn.Module = NETWORKS.load("resnet-fusion").build(**SIZES)
    found: dict[str, torch.Tensor] = network.state_dict()
    found["head.weight"] = found["head.weight"] * 100
    found["prior"] = torch.softmax(torch.randn(313), 0)
    return found


@pytest.fixture
def make_model(tmp_path: Path, state: dict[str, torch.Tensor]) -> Callable[..., str]:
    """Write a run folder whose card has the given fields; returns its name for ``--model``."""

    def make(**fields: object) -> str:
        values = {"name": "tiny", "network": "resnet-fusion", "sizes": SIZES, "size": 64, "decoder": "annealed"}
        card = Card(source=Source(kind="file", file="x"), **{**values, **fields})  # type: ignore[arg-type]
        folder = tmp_path / f"model-{len(list(tmp_path.glob('model-*')))}"
        folder.mkdir()
        write_run(folder, state, card)
        return str(folder)

    return make


@pytest.fixture
def model(make_model: Callable[..., str]) -> str:
    return make_model()
