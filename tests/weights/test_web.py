"""Files given by address: resumed, complete or not there, explained; and models whose cards name one."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
import torch
from hub_server import Hub, Trouble
from published import published

from colorcli.errors import WeightsError
from colorcli.weights import cache, web
from colorcli.weights.card import Card, Source
from colorcli.weights.load import load
from colorcli.weights.pull import Fetching, pull
from colorcli.weights.resolve import resolve

DATA = bytes(range(256)) * 9000  # 2.3 MB: three pieces


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def get(hub: Hub, tmp_path: Path, said: list[str]) -> Any:
    hub.plain["w.pth"] = DATA

    def run() -> Path:
        target = tmp_path / "got" / "w.pth"
        web.download(web.find(f"{hub.address}/files/w.pth", said.append), target, said.append, bars=False)
        return target

    return run


def ranges(hub: Hub) -> list[str]:
    return [line.partition("bytes=")[2] for line in hub.downloads()]


def test_a_file_comes_whole(hub: Hub, get: Any, said: list[str]) -> None:
    assert get().read_bytes() == DATA
    assert [path.name for path in get().parent.iterdir()] == ["w.pth"] and not said
    assert web.find(f"{hub.address}/files/w.pth", said.append).size == len(DATA)


def test_a_broken_transfer_goes_on(hub: Hub, get: Any, said: list[str]) -> None:
    hub.troubles += [Trouble(only="GET /files", share=0.5), Trouble(only="GET /files", share=0.5)]
    assert get().read_bytes() == DATA
    first, second, third = ranges(hub)
    assert first == "" and 0 < int(second[:-1]) < int(third[:-1]) < len(DATA)
    assert len(said) == 2 and "the line broke" in said[0]


def test_progress_earns_further_attempts(hub: Hub, get: Any) -> None:
    hub.troubles.append(Trouble(only="GET /files", share=0.5, count=9))  # more than there are attempts
    assert get().read_bytes() == DATA


def test_what_an_ended_process_left_is_used(hub: Hub, get: Any) -> None:
    hub.troubles += [Trouble(only="GET /files", share=0.5), Trouble(only="GET /files", status=404)]
    with pytest.raises(WeightsError, match="404"):
        get()
    hub.log.clear()
    assert get().read_bytes() == DATA
    assert ranges(hub)[0].endswith("-") and int(ranges(hub)[0][:-1]) > 0


def test_another_file_than_before_is_begun_anew(hub: Hub, get: Any) -> None:
    hub.troubles += [Trouble(only="GET /files", share=0.5), Trouble(only="GET /files", status=404)]
    with pytest.raises(WeightsError):
        get()
    hub.plain["w.pth"] = other = bytes(2_000_000)
    assert get().read_bytes() == other
    hub.plain["w.pth"] = b"short"
    (get().parent / "w.pth.part").write_bytes(DATA)
    assert get().read_bytes() == b"short"


@pytest.mark.parametrize("what", ["etags", "ranges"])
def test_servers_that_cannot_resume_are_asked_for_all_of_it(hub: Hub, get: Any, what: str) -> None:
    setattr(hub, what, False)
    hub.troubles.append(Trouble(only="GET /files", share=0.5))
    assert get().read_bytes() == DATA


@pytest.mark.parametrize(
    ("status", "count", "match", "asked"),
    [(404, 99, "not there, or not for everybody.*404", 1), (410, 99, "410", 1), (500, 99, "refuses.*500", 4)],
)
def test_refusals_are_explained(hub: Hub, get: Any, status: int, count: int, match: str, asked: int) -> None:
    hub.troubles.append(Trouble(status=status, count=count))
    with pytest.raises(WeightsError, match=match):
        get()
    assert len(hub.log) == asked


def test_passing_errors_are_sat_out(hub: Hub, get: Any, said: list[str]) -> None:
    hub.troubles += [Trouble(status=503, count=2), Trouble(only="GET", status=429)]
    assert get().read_bytes() == DATA
    assert len(said) == 3 and "(503); trying again" in said[0]


def test_servers_that_know_no_head_are_served_too(hub: Hub, get: Any) -> None:
    hub.troubles.append(Trouble(only="HEAD", status=405))
    assert get().read_bytes() == DATA


def test_a_silent_server_is_given_up(hub: Hub, get: Any, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "TIMEOUT", 0.1)
    hub.troubles.append(Trouble(pause=0.4, count=99))
    with pytest.raises(WeightsError, match=r"cannot be reached: .*timed out"):
        get()
    assert len(said) == 3


def test_only_the_web_is_asked(said: list[str], tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"x")
    with pytest.raises(WeightsError, match="not an address of the web"):
        web.find((tmp_path / "w.pth").as_uri(), said.append)


@pytest.fixture
def card(hub: Hub) -> Card:
    """Of weights of eccv16's kind at an address; with the right hash."""
    file = io.BytesIO()
    torch.save(published("eccv16", {"width": 3})[0], file)
    hub.plain["colors-v2.pth"] = file.getvalue()
    return Card(
        name="colors", network="eccv16", sizes={"width": 3}, licence="BSD-2-Clause", decoder="annealed",
        source=Source(kind="url", url=f"{hub.address}/files/colors-v2.pth", megabytes=1),
        sha256=hashlib.sha256(file.getvalue()).hexdigest(),
    )  # fmt: skip


def test_a_card_with_an_address_is_a_model(hub: Hub, card: Card, said: list[str], tmp_path: Path) -> None:
    (tmp_path / "card.toml").write_text(card.to_toml())
    model = resolve(tmp_path)
    assert model.file is None and model.card == card
    with pytest.raises(WeightsError, match="not here yet"):
        load(model)
    load(pull(model.card, Fetching(say=said.append)))
    assert said[0].startswith(f"colors: fetching {hub.address}/files/colors-v2.pth, ")
    assert "licence: BSD-2-Clause" in said[0] and "recorded" not in "".join(said)
    assert resolve(tmp_path).sha256 == card.sha256
    hub.log.clear()
    load(tmp_path)
    assert not hub.log


def test_a_wrong_file_is_refused_and_removed(hub: Hub, card: Card, said: list[str], tmp_path: Path) -> None:
    hub.troubles.append(Trouble(only="GET", flipped=True))
    with pytest.raises(
        WeightsError, match=r"and was removed\n  expected SHA-256 [0-9a-f]{64} \(says the card\)\n  found"
    ):
        pull(card, Fetching())
    assert not list((tmp_path / "cache/weights/urls").rglob("*.pth")) and cache.pin(card.source) is None
    load(pull(card, Fetching()))


def test_a_file_fetched_by_other_means(hub: Hub, card: Card, tmp_path: Path, said: list[str]) -> None:
    mine = tmp_path / "download.pth"
    mine.write_bytes(hub.plain["colors-v2.pth"] + b"x")
    with pytest.raises(WeightsError, match="is not the file it should be\n"):
        pull(card, Fetching(offline=True), local=mine)
    assert mine.is_file()  # a user's own is left alone
    mine.write_bytes(hub.plain["colors-v2.pth"])
    load(pull(card, Fetching(offline=True), local=mine))
    mine.unlink()
    load(pull(card, Fetching(offline=True)))
    assert not hub.log
    other = dataclasses.replace(card, sha256=None, source=dataclasses.replace(card.source, url="http://x/y.pth"))
    mine.write_bytes(hub.plain["colors-v2.pth"])
    pull(other, Fetching(say=said.append), local=mine)
    assert "no hash of it is known" in "".join(said)
