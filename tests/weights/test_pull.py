"""Downloads from a Hub of our own: the real client, redirects, broken lines, wrong files, licences, no network."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hub_server import COMMIT, TOKEN, Hub, Trouble
from published import published

from colorcli.errors import UsageError, WeightsError
from colorcli.weights import cache, inventory
from colorcli.weights.card import Card, Source, hub_source, non_commercial
from colorcli.weights.load import load
from colorcli.weights.pull import Fetching, fetch, pull, ready
from colorcli.weights.resolve import resolve

CARD = Card(
    name="colors", network="eccv16", sizes={"width": 3}, size=64, licence="BSD-2-Clause",
    source=Source(kind="hub", repository="ann/colors", file="pytorch_model.bin", megabytes=1),
)  # fmt: skip


def pickled(state: Any) -> bytes:
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


@pytest.fixture(scope="session")
def weights() -> bytes:
    torch.manual_seed(1)
    return pickled(published("eccv16", {"width": 3})[0])


class Said(list[str]):
    """Collects what is said; `how` is a Fetching that tells it."""

    def how(self, **values: Any) -> Fetching:
        return Fetching(say=self.append, **values)

    @property
    def text(self) -> str:
        return "\n".join(self)


@pytest.fixture
def said() -> Said:
    return Said()


def in_cache(tmp_path: Path) -> list[str]:
    """Names of the weights in both caches; not of what remains of a repository's folder."""
    found = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix not in (".lock", ".json", ".TAG")]
    return sorted(path.name for path in found if "refs" not in path.parts and ".no_exist" not in path.parts)


def changed(card: Card = CARD, **source: Any) -> Card:
    return dataclasses.replace(card, source=dataclasses.replace(card.source, **source))


def test_a_model_is_fetched_once_and_announced_before(hub: Hub, weights: bytes, said: Said, tmp_path: Path) -> None:
    hub.add("ann/colors", {"pytorch_model.bin": weights})
    told: list[int] = []
    how = Fetching(say=lambda text: (said.append(text), told.append(len(hub.downloads()))))  # type: ignore[arg-type]
    model = pull(CARD, how)
    assert said[0] == (
        f"colors: fetching pytorch_model.bin of {hub.address}/ann/colors at {COMMIT[:12]}, "
        f"{len(weights) / 1e6:,.0f} MB, licence: BSD-2-Clause, into the Hub's cache"
    )
    assert told[0] == 0  # before the first byte
    sha256 = hashlib.sha256(weights).hexdigest()
    assert f"no hash of it is known; SHA-256 {sha256} of commit {COMMIT[:12]} is recorded in" in said.text
    assert model.published == sha256 and model.weights.is_relative_to(tmp_path / "cache")
    assert (tmp_path / "hf/hub/models--ann--colors/snapshots" / COMMIT / "pytorch_model.bin").read_bytes() == weights
    load(model)
    hub.log.clear()
    said.clear()
    assert pull(CARD, said.how()).file == model.file and not hub.log


def test_a_repository_that_moved_is_followed(hub: Hub, weights: bytes, said: Said) -> None:
    hub.add("new/home", {"pytorch_model.bin": weights})
    hub.moved["ann/colors"] = "new/home"
    load(pull(CARD, said.how()))
    assert any(line.startswith("HEAD /new/home/resolve") for line in hub.log)


def test_a_broken_transfer_goes_on_where_it_broke(
    hub: Hub, weights: bytes, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)  # it goes on after the last whole chunk
    hub.add("ann/colors", {"pytorch_model.bin": weights})
    hub.troubles.append(Trouble(only="GET /cdn", share=0.4))
    load(pull(CARD, said.how()))
    first, second = hub.downloads()
    assert "bytes=" not in first and f"bytes={int(len(weights) * 0.4) // 1000 * 1000}-" in second


def test_a_wrong_hash_is_refused_and_the_file_removed(hub: Hub, weights: bytes, said: Said, tmp_path: Path) -> None:
    hub.add("ann/colors", {"pytorch_model.bin": weights})
    card = dataclasses.replace(CARD, sha256="0" * 64)
    with pytest.raises(WeightsError, match="is not the file it should be, and was removed") as caught:
        pull(card, said.how())
    assert "0" * 64 in caught.value.message and cache.pin(card.source) is None
    found = caught.value.message.split()[-1]
    assert len(found) == 64 and found != "0" * 64
    assert in_cache(tmp_path) == []
    load(pull(dataclasses.replace(CARD, sha256=found), said.how()))


def test_the_right_hash_needs_no_record_on_the_screen(hub: Hub, weights: bytes, said: Said) -> None:
    hub.add("ann/colors", {"pytorch_model.bin": weights})
    sha256 = pull(CARD, said.how()).sha256
    inventory_free = cache.forget(CARD.source)
    said.clear()
    pull(dataclasses.replace(CARD, sha256=sha256.upper()), said.how())
    assert inventory_free and "recorded" not in said.text


def test_what_arrives_is_what_the_hub_says_it_is(hub: Hub, weights: bytes, said: Said, tmp_path: Path) -> None:
    hub.add("ann/colors", {"pytorch_model.bin": weights})
    hub.troubles.append(Trouble(only="GET /cdn", flipped=True))
    with pytest.raises(WeightsError, match=r"\(says the Hub\)"):
        pull(CARD, said.how())
    assert in_cache(tmp_path) == []
    load(pull(CARD, said.how()))


def test_the_first_download_is_held_to(hub: Hub, weights: bytes, said: Said, tmp_path: Path) -> None:
    repo = hub.add("ann/colors", {"pytorch_model.bin": weights})
    name = f"hf:{CARD.source.repository}"
    first = ready(name, said.how())
    inventory.remove(name)
    assert in_cache(tmp_path) == []
    other = pickled(published("eccv16", {"width": 3})[0])
    repo.files["pytorch_model.bin"] = other
    with pytest.raises(WeightsError, match=r"\(says the first download\)") as caught:
        ready(name, said.how())
    assert caught.value.hint is not None and f"weights rm {name} --forget" in caught.value.hint
    repo.commit = "f" * 40  # its owner went on: the commit that was fetched first is still asked for
    with pytest.raises(WeightsError, match="no revision") as caught:
        ready(name, said.how())
    inventory.remove(name, forget=True)
    assert ready(name, said.how()).sha256 != first.sha256


@pytest.mark.parametrize(
    ("source", "match", "hint"),
    [
        ({"file": "other.bin"}, "the repository has no such file", r"it has pytorch_model\.bin, v2\.pth; name one"),
        ({"repository": "ann/nothing"}, "has no repository ann/nothing", "HF_TOKEN"),
        ({"revision": "v7"}, "no revision 'v7'", "commits/main"),
        ({"repository": "ann/secret"}, "has no repository ann/secret, or not for everybody", "HF_TOKEN"),
        ({"repository": "ann/gated"}, "gated", "HF_TOKEN"),
    ],
)
def test_what_is_not_there_is_explained(
    hub: Hub, weights: bytes, said: Said, source: dict[str, str], match: str, hint: str
) -> None:
    files = {"pytorch_model.bin": weights, "v2.pth": b"", "config.json": b"{}"}
    hub.add("ann/colors", files)
    hub.add("ann/secret", files, private=True)
    hub.add("ann/gated", files, gated=True)
    with pytest.raises(WeightsError, match=match) as caught:
        pull(changed(**source), said.how())
    assert caught.value.hint is not None
    assert re.search(hint, caught.value.hint)
    assert not said and not hub.downloads()  # nothing was tried again, and nothing fetched


@pytest.mark.parametrize("name", ["ann/secret", "ann/gated"])
def test_a_token_opens_what_is_closed(
    hub: Hub, weights: bytes, said: Said, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("ann/secret", {"pytorch_model.bin": weights}, private=True)
    hub.add("ann/gated", {"pytorch_model.bin": weights}, gated=True)
    monkeypatch.setenv("HF_TOKEN", "hf_stranger")
    with pytest.raises(WeightsError, match=r"gated|not for everybody"):
        pull(changed(repository=name), said.how())
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    with pytest.raises(WeightsError, match="401"):
        pull(changed(repository=name), said.how())
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    load(pull(changed(repository=name), said.how()))


@pytest.mark.parametrize("only", ["HEAD /ann", "GET /cdn"])
def test_a_server_that_fails_is_asked_again(hub: Hub, weights: bytes, said: Said, only: str) -> None:
    hub.add("ann/colors", {"pytorch_model.bin": weights})
    hub.troubles.append(Trouble(status=503, only=only, count=2))
    load(pull(CARD, said.how()))
    assert said.text.count("the Hub answers with an error of its own (503); trying again in 0.01 s") == 2


def test_a_server_that_fails_for_good_is_given_up_and_explained(hub: Hub, said: Said) -> None:
    hub.troubles.append(Trouble(status=500, count=99))
    with pytest.raises(WeightsError, match=r"the Hub refuses \(500\)") as caught:
        pull(CARD, said.how())
    assert caught.value.hint is not None and "later" in caught.value.hint
    assert len(said) == 3 and len(hub.log) == 4


def test_a_server_that_does_not_answer_is_given_up_and_explained(
    hub: Hub, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 0.1)
    hub.troubles.append(Trouble(pause=0.5, count=99))
    with pytest.raises(WeightsError, match="the Hub cannot be reached") as caught:
        pull(CARD, said.how())
    assert len(said) == 3 and caught.value.hint is not None and "network" in caught.value.hint


def test_no_server_at_all_is_explained(hub: Hub, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(WeightsError, match="the Hub cannot be reached"):
        pull(CARD, said.how())


@pytest.mark.parametrize("by", ["option", "variable"])
def test_offline_asks_nobody(hub: Hub, weights: bytes, said: Said, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("ann/colors", {"pytorch_model.bin": weights})
    if by == "variable":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    how = said.how(offline=by == "option")
    for card in (CARD, changed(kind="url", url=f"{hub.address}/files/colors.pth")):
        with pytest.raises(WeightsError, match="its weights are not here, and this is offline") as caught:
            pull(card, how)
        assert caught.value.hint is not None and "colorcli weights pull colors" in caught.value.hint
    assert not hub.log and not said


def test_offline_finds_what_is_here_also_what_others_fetched(hub: Hub, weights: bytes, said: Said) -> None:
    from huggingface_hub import hf_hub_download

    hub.add("ann/colors", {"pytorch_model.bin": weights})
    hf_hub_download("ann/colors", "pytorch_model.bin", endpoint=hub.address)
    hub.log.clear()
    load(pull(CARD, said.how(offline=True)))
    pin = cache.pin(CARD.source)
    assert pin is not None and pin.revision == COMMIT
    load(ready("hf:ann/colors", said.how(offline=True)))
    assert not hub.log


def test_a_commit_that_is_here_is_not_asked_for(hub: Hub, weights: bytes, said: Said) -> None:
    from huggingface_hub import hf_hub_download

    hub.add("ann/colors", {"pytorch_model.bin": weights})
    hf_hub_download("ann/colors", "pytorch_model.bin", revision=COMMIT, endpoint=hub.address)
    hub.log.clear()
    load(pull(changed(revision=COMMIT), said.how()))
    assert not hub.log


def test_two_processes_fetch_once(server: Hub, weights: bytes, environment: dict[str, str]) -> None:
    server.add("ann/colors", {"pytorch_model.bin": weights})
    server.troubles.append(Trouble(only="GET /cdn", pause=3))
    command = [sys.executable, "-m", "colorcli", "weights", "pull", "hf:ann/colors"]
    both = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert len(server.downloads()) == 1
    assert told[0][0] == told[1][0] and Path(told[0][0].strip()).is_file()
    assert sum("waiting for another process that fetches hf:ann/colors" in err for _, err in told) == 1


def test_non_commercial_weights_are_fetched_only_when_the_licence_is_accepted(
    hub: Hub, weights: bytes, said: Said
) -> None:
    hub.add("ann/colors", {"pytorch_model.bin": weights}, licence="cc-by-nc-sa-4.0")
    with pytest.raises(WeightsError, match=r"non-commercial use only: its licence is cc-by-nc-sa-4\.0") as caught:
        ready("hf:ann/colors", said.how())
    assert caught.value.hint is not None and "--accept-licence" in caught.value.hint and not hub.downloads()
    model = ready("hf:ann/colors", said.how(accept_licence=True))
    assert model.card.licence == "cc-by-nc-sa-4.0" and "licence: cc-by-nc-sa-4.0" in said.text
    inventory.remove("hf:ann/colors", forget=True)
    ready("hf:ann/colors", said.how())  # remembered
    hub.repositories["ann/colors"].licence = "cc-by-nc-4.0"  # another one
    inventory.remove("hf:ann/colors", forget=True)
    with pytest.raises(WeightsError, match=r"its licence is cc-by-nc-4\.0"):
        ready("hf:ann/colors", said.how())
    with pytest.raises(WeightsError, match="non-commercial"):
        pull(dataclasses.replace(CARD, name="c", licence="CC BY-NC 4.0"), said.how(offline=True))


@pytest.mark.parametrize(
    ("licence", "bound"),
    [
        ("cc-by-nc-4.0", True), ("CC BY-NC-SA 4.0", True), ("S-Lab NC", True), ("Non-commercial", True),
        ("noncommercial research", True), ("research only", True), ("MIT", False), ("BSD-2-Clause", False),
        ("Apache-2.0 (the code's; not verified)", False), ("", False), ("cc-by-4.0", False), ("ncsa", False),
    ],
)  # fmt: skip
def test_licences_that_exclude_commerce_are_known(licence: str, bound: bool) -> None:
    assert non_commercial(licence) is bound


def test_a_model_of_ours_comes_with_its_card(hub: Hub, tiny_model: Path, said: Said, tmp_path: Path) -> None:
    hub.add("ann/places", {"model.safetensors": tiny_model.read_bytes(), "card.toml": b"", "README.md": b""})
    model = ready(f"hf:ann/places@{COMMIT}", said.how())
    assert model.card.name == f"hf:ann/places@{COMMIT}" and model.card.network == "resnet-fusion"
    assert model.card.decoder == "annealed" and model.card.licence == "Apache-2.0"
    assert model.sha256 == cache.sha256_of(tiny_model) == model.card.sha256
    assert "converting" not in said.text and not (tmp_path / "cache/weights/converted").exists()
    load(model)
    assert resolve(f"hf:ann/places@{COMMIT}") == model
    model.weights.resolve().write_bytes(b"something else")
    with pytest.raises(WeightsError):
        load(f"hf:ann/places@{COMMIT}")


def test_the_hubs_names_say_file_and_revision(hub: Hub, weights: bytes, said: Said) -> None:
    hub.add("ann/two", {"a.pth": weights, "b.pth": weights, "x.txt": b""})
    with pytest.raises(WeightsError, match=r"which of its files\? a\.pth, b\.pth") as caught:
        ready("hf:ann/two", said.how())
    assert caught.value.hint == "name one: hf:ann/two:FILE"
    model = ready("hf:ann/two@main:b.pth", said.how())
    assert (model.card.network, dict(model.card.sizes)) == ("eccv16", {"width": 3})
    assert model.card.temperature == resolve("eccv16").card.temperature  # what goes for the network goes for it
    assert resolve("hf:ann/two@main:b.pth").file == model.file
    with pytest.raises(WeightsError, match="not here yet") as caught:
        resolve("hf:ann/two:a.pth")
    assert caught.value.hint == "colorcli weights pull hf:ann/two:a.pth"


@pytest.mark.parametrize("text", ["hf:", "hf:ann", "hf:ann/x y", "hf:a/b/c", "hf:ann/../x", "hf:ann/x@", "hf:ann/x:"])
def test_names_that_the_hub_cannot_have(text: str) -> None:
    with pytest.raises(UsageError, match="names no file on the Hub"):
        hub_source(text)


def test_a_file_of_another_network_gives_the_difference(hub: Hub, said: Said) -> None:
    sizes = {"shrink": 16, "queries": 7, "rounds": 2}
    large = pickled({"params": published("ddcolor", {"encoder": "large", **sizes})[0]})
    hub.add("ann/colors", {"pytorch_model.bin": large})
    card = dataclasses.replace(CARD, network="ddcolor", sizes={"encoder": "tiny", **sizes})
    with pytest.raises(WeightsError, match=r"not in the network \(\d+\): encoder\.stages\.2\.blocks\.\d+") as caught:
        pull(card, said.how())
    assert "other shape" in caught.value.message
    assert caught.value.hint is not None and "'encoder': 'large'" in caught.value.hint
    assert cache.pin(card.source) is None  # another file may come in its place
    load(pull(dataclasses.replace(card, sizes={"encoder": "large", **sizes}), said.how()))


def test_files_for_training_come_as_they_are(hub: Hub, said: Said, tmp_path: Path) -> None:
    from safetensors.torch import save

    from colorcli.models.backbones.resnet import resnet18
    from colorcli.registry import NETWORKS
    from colorcli.weights import start
    from colorcli.weights.pull import begin

    state = resnet18(in_channels=3, stages=4, width=4).state_dict()
    hub.add("timm/resnet18.a1_in1k", {"model.safetensors": save(state), "pytorch_model.bin": b""})
    path = begin("hf:timm/resnet18.a1_in1k", said.how())
    assert "licence: apache-2.0" in said[0]
    network = NETWORKS.load("resnet18-ab").build(width=4)
    assert "tensors from" in start.start(network, "resnet18-ab", start.read(path))
    hub.log.clear()
    assert fetch("hf:timm/resnet18.a1_in1k", said.how()) == Path(path) and not hub.log
    assert begin("runs/places", said.how()) == "runs/places" and begin("default", said.how()) == "default"


def test_inventory_says_what_is_here_verifies_and_removes(hub: Hub, weights: bytes, said: Said, tmp_path: Path) -> None:
    hub.add("ann/colors", {"pytorch_model.bin": weights})
    before = {entry.name: entry for entry in inventory.entries()}
    assert before["default"].here and before["default"].bytes > 1e7
    assert not before["ddcolor"].here and before["ddcolor"].bytes == 0
    model = ready("hf:ann/colors", said.how())
    [entry] = [entry for entry in inventory.entries() if entry.name.startswith("hf:")]
    assert entry.name == "hf:ann/colors" and entry.here and entry.bytes > len(weights)
    assert [found.good for found in inventory.verify("hf:ann/colors")] == [True, True]
    content = bytearray(model.weights.read_bytes())
    content[-1] ^= 1
    model.weights.write_bytes(content)
    bad = [found for found in inventory.verify("hf:ann/colors") if not found.good]
    assert [found.path for found in bad] == [model.weights]
    model.weights.write_bytes(content[:-9])
    load(ready("hf:ann/colors", said.how(offline=True)))  # made anew of what was fetched
    assert inventory.remove("hf:ann/colors") == len(weights) + len(content)
    assert in_cache(tmp_path) == [] and len(inventory.entries()) == len(before)
    with pytest.raises(UsageError, match="was not downloaded"):
        inventory.remove("default")
    assert json.loads(next((tmp_path / "cache/weights/pins").glob("*.json")).read_text())["revision"] == COMMIT
    assert os.environ["COLORCLI_CACHE"] == str(tmp_path / "cache")
