"""Uploads to a Hub of our own on this machine: the real client, the real protocol, no network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hub_server import TOKEN, Hub

from colorcli.errors import UsageError, WeightsError
from colorcli.weights import hub, package


@pytest.fixture
def exported(tiny_model: Path, tmp_path: Path) -> Path:
    package.export(tiny_model, tmp_path / "model", licence="Apache-2.0")
    (tmp_path / "model" / "notes.txt").write_text("mine alone")
    return tmp_path / "model"


def test_a_model_is_uploaded_whole(server: Hub, exported: Path, colorcli: Any) -> None:
    done = colorcli("weights", "push", exported, "ann/places", "--private", "-m", "first", HF_TOKEN=TOKEN)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{server.address}/ann/places/commit/{'1' * 40}"
    there = server.repositories["ann/places"].files
    assert sorted(there) == ["README.md", "card.toml", "model.safetensors"]
    assert all(content == (exported / name).read_bytes() for name, content in there.items())
    assert server.repositories["ann/places"].private and server.summaries == ["first"]


def test_a_hub_that_refuses_is_explained(server: Hub, exported: Path, colorcli: Any) -> None:
    done = colorcli("weights", "push", exported, "ann/places", HF_TOKEN="hf_bad")
    assert done.returncode == 4
    assert "error: ann/places: the Hub refused" in done.stderr and "HF_TOKEN" in done.stderr
    assert not server.repositories


def test_a_hub_that_cannot_be_reached_is_explained(exported: Path, colorcli: Any) -> None:
    done = colorcli("weights", "push", exported, "ann/places", HF_TOKEN=TOKEN, HF_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode == 4
    assert "error: ann/places: the Hub cannot be reached" in done.stderr


def test_what_is_wrong_is_found_before_the_hub_is_asked(exported: Path, tiny_model: Path) -> None:
    with pytest.raises(UsageError, match="does not name a repository"):
        hub.push(exported, "places")
    with pytest.raises(UsageError, match="no exported model"):
        hub.push(tiny_model.parent, "ann/places")
    (exported / "model.safetensors").write_bytes(b"x")
    with pytest.raises(WeightsError, match="not the file its card names"):
        hub.push(exported, "ann/places")


def test_offline_is_offline(exported: Path) -> None:
    with pytest.raises(WeightsError, match="HF_HUB_OFFLINE is set"):
        hub.push(exported, "ann/places")
