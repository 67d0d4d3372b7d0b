"""``colorcli weights pull`` and all that fetches by the way: from HTTP to a colorized picture."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hub_server import Hub, Trouble
from published import published

from colorcli.weights.card import Card, Source

PHOTO = Path(__file__).parents[1] / "photos" / "cameraman.jpg"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "gray.png"
    cv2.imwrite(str(path), cv2.resize(cv2.imread(str(PHOTO), cv2.IMREAD_GRAYSCALE), (96, 80)))
    return path


@pytest.fixture
def model(hub: Hub, tmp_path: Path) -> Path:
    """A card whose weights, of the kind of siggraph17, lie at an address."""
    torch.manual_seed(3)
    torch.save(bold(), tmp_path / "s.pth")
    hub.plain["s.pth"] = (tmp_path / "s.pth").read_bytes()
    (tmp_path / "s.pth").unlink()
    card = Card(
        name="calm", network="siggraph17", sizes={"width": 4}, size=64, licence="BSD-2-Clause",
        source=Source(kind="url", url=f"{hub.address}/files/s.pth", megabytes=1),
    )  # fmt: skip
    folder = tmp_path / "calm"
    folder.mkdir()
    (folder / "card.toml").write_text(card.to_toml())
    return folder


def bold() -> dict[str, torch.Tensor]:
    """A published state of siggraph17's kind; untrained, its colours would be all but gray."""
    state = published("siggraph17", {"width": 4})[0]
    state["model_out.0.weight"] *= 100
    return state


def colourful(path: Path) -> bool:
    picture = cv2.imread(str(path)).astype(int)
    return bool(np.ptp(picture, axis=2).max() > 8)


def test_a_photo_fetches_what_it_needs_once(hub: Hub, model: Path, photo: Path, invoke: Any, tmp_path: Path) -> None:
    done = invoke("photo", photo, "-o", tmp_path / "a.png", "-m", model)
    assert done.exit_code == 0, done.stderr
    lines = done.stderr.splitlines()
    assert lines[0].startswith(f"calm: fetching {hub.address}/files/s.pth") and "BSD-2-Clause" in lines[0]
    assert colourful(tmp_path / "a.png") and "calm: ready" in done.stderr
    hub.log.clear()
    again = invoke("photo", photo, "-o", tmp_path / "b.png", "-m", model, "--offline")
    assert again.exit_code == 0 and not hub.log and "calm:" not in again.stderr
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_folder_fetches_too_and_a_dry_run_does_not(
    hub: Hub, model: Path, photo: Path, invoke: Any, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    photo.rename(tmp_path / "in" / "gray.png")
    words = ("folder", tmp_path / "in", "-o", tmp_path / "out", "-m", model)
    plan = invoke(*words, "-n")
    assert plan.exit_code == 0 and "(to be fetched first, 1 MB)" in plan.stderr and not hub.log
    refused = invoke(*words, "--offline")
    assert refused.exit_code == 4 and "its weights are not here, and this is offline" in refused.stderr
    assert not (tmp_path / "out" / "gray.png").exists() and not hub.log
    done = invoke(*words)
    assert done.exit_code == 0 and colourful(tmp_path / "out" / "gray.png")
    assert "nothing" not in invoke(*words).stderr and len(hub.downloads()) == 1
    assert "1 to skip" in invoke(*words, "-n").stderr


def test_a_blend_fetches_the_parts_that_are_not_here(
    hub: Hub, model: Path, tiny_model: Path, photo: Path, invoke: Any, tmp_path: Path
) -> None:
    words = ("photo", photo, "-o", tmp_path / "a.png", "--blend", f"{tiny_model}:0.5,{model}:0.5")
    plan = invoke(*words, "-n")
    assert plan.exit_code == 0 and "(to be fetched first, 1 MB)" in plan.stderr and not hub.log
    done = invoke(*words)
    assert done.exit_code == 0, done.stderr
    assert colourful(tmp_path / "a.png") and len(hub.downloads()) == 1


def test_models_are_fetched_to_be_measured(hub: Hub, model: Path, invoke: Any, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "data" / "a.png"), picture)
    done = invoke("metric", "--model", model, "--data", tmp_path / "data", "--metrics", "psnr", "--workers", 1)
    assert done.exit_code == 0, done.stderr
    assert "calm: fetching" in done.stderr and len(hub.downloads()) == 1


def test_a_photo_that_is_not_there_fetches_nothing_for_a_misspelt_model(hub: Hub, photo: Path, invoke: Any) -> None:
    wrong = invoke("photo", photo, "-m", "ddcolour")
    assert wrong.exit_code == 2 and "did you mean 'ddcolor'?" in wrong.stderr and not hub.log


def test_pull_list_verify_rm(hub: Hub, model: Path, invoke: Any, tmp_path: Path) -> None:
    hub.add("ann/calm", {"weights.pth": hub.plain["s.pth"]}, licence="mit")
    pulled = invoke("weights", "pull", "hf:ann/calm", model, "--json")
    assert pulled.exit_code == 0, pulled.stderr
    rows = [json.loads(line) for line in pulled.stdout.splitlines()]
    assert [row["model"] for row in rows] == ["hf:ann/calm", str(model)] and rows[0]["sha256"] == rows[1]["sha256"]
    table = [line.split("\t") for line in invoke("weights", "list").stdout.splitlines()]
    assert ["hf:ann/calm", "fetched"] in [row[:2] for row in table]
    assert next(row for row in table if row[0] == "hf:ann/calm")[3] == "mit"
    assert next(row for row in table if row[0] == "ddcolor")[1:3] == ["-", "912 MB to fetch"]
    checked = invoke("weights", "verify")
    assert checked.exit_code == 0 and checked.stdout.count("\tgood\t") >= 5
    there = Path(invoke("weights", "path", "hf:ann/calm").stdout.strip())
    there.write_bytes(there.read_bytes()[:-1])
    bad = invoke("weights", "verify", "hf:ann/calm", "--json")
    assert bad.exit_code == 4 and "1 file is not what it should be" in bad.stderr
    assert [json.loads(line)["status"] for line in bad.stdout.splitlines()] == ["good", "failed"]
    gone = invoke("weights", "rm", "hf:ann/calm", "--json")
    assert gone.exit_code == 0 and json.loads(gone.stdout)["bytes"] > 0 and not there.exists()
    assert "hf:ann/calm" not in invoke("weights", "list").stdout
    assert invoke("weights", "rm", "default").exit_code == 2
    assert invoke("weights", "verify", "hf:ann/calm").exit_code == 4
    assert invoke("weights", "pull", "default").exit_code == 0  # it is here


def test_a_file_of_ones_own_is_pulled_without_a_network(hub: Hub, model: Path, invoke: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.pth").write_bytes(hub.plain["s.pth"])
    done = invoke("weights", "pull", model, "--from", tmp_path / "mine.pth", "--offline", "-q")
    assert done.exit_code == 0 and not hub.log and not done.stderr and Path(done.stdout.strip()).is_file()
    assert invoke("weights", "pull", model, "--from", tmp_path / "none.pth").exit_code == 2
    assert invoke("weights", "pull", model, "mrf", "--from", tmp_path / "mine.pth").exit_code == 2
    assert "needs no download" in invoke("weights", "pull", "mrf", "--from", tmp_path / "mine.pth").stderr


def test_non_commercial_weights_ask_for_consent(
    hub: Hub, model: Path, photo: Path, invoke: Any, tmp_path: Path
) -> None:
    card = (model / "card.toml").read_text().replace("BSD-2-Clause", "CC BY-NC 4.0")
    (model / "card.toml").write_text(card)
    refused = invoke("photo", photo, "-o", tmp_path / "a.png", "-m", model)
    assert refused.exit_code == 4 and "CC BY-NC 4.0" in refused.stderr and "--accept-licence" in refused.stderr
    assert not hub.downloads()
    assert invoke("photo", photo, "-o", tmp_path / "a.png", "-m", model, "--accept-licence").exit_code == 0


class Evil:
    def __reduce__(self) -> Any:
        return os.getpid, ()


def test_convert_makes_a_model_of_one_file(photo: Path, invoke: Any, tmp_path: Path) -> None:
    path, out = tmp_path / "published.pth", tmp_path / "own.safetensors"
    torch.save({"model": bold(), "opt": Evil()}, path)
    refused = invoke("weights", "convert", path, "-o", out)
    assert refused.exit_code == 4 and f"colorcli weights convert '{path}' -o OUT.safetensors --unsafe" in refused.stderr
    assert not out.exists()
    done = invoke("weights", "convert", path, "-o", out, "--unsafe", "--half", "--licence", "MIT", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["network"] == "siggraph17" and out.stat().st_size < 0.7 * path.stat().st_size
    assert invoke("weights", "convert", path, "-o", out, "--unsafe").exit_code == 2
    assert invoke("weights", "convert", path, "-o", tmp_path / "own.pth", "--unsafe").exit_code == 2
    painted = invoke("photo", photo, "-o", tmp_path / "a.png", "-m", out, "--size", 64)
    assert painted.exit_code == 0 and colourful(tmp_path / "a.png")


def test_no_bars_and_no_words_where_nobody_looks(server: Hub, colorcli: Any, tmp_path: Path) -> None:
    torch.save(published("eccv16", {"width": 3})[0], tmp_path / "w.pth")
    server.add("ann/colors", {"w.pth": (tmp_path / "w.pth").read_bytes()})
    server.troubles.append(Trouble(only="GET /cdn", pause=0.5))
    done = colorcli("weights", "pull", "hf:ann/colors")
    assert done.returncode == 0 and Path(done.stdout.strip()).is_file()
    assert "\r" not in done.stderr and "%" not in done.stderr and len(done.stderr.splitlines()) == 4
    quiet = colorcli("weights", "pull", "hf:ann/colors", "-q", HF_HUB_OFFLINE="1")
    assert quiet.returncode == 0 and quiet.stderr == "" and quiet.stdout == done.stdout


@pytest.mark.slow
def test_ddcolor_tiny_from_http_to_a_picture(server: Hub, colorcli: Any, photo: Path, tmp_path: Path) -> None:
    # Random weights of the true shapes, in half precision, under the published names.
    torch.manual_seed(5)
    state = published("ddcolor", {"encoder": "tiny"})[0]
    state["refine_net.0.0.weight_u"] /= 100  # or an untrained network's colours would be all but gray
    torch.save({key: value.half() for key, value in state.items()}, tmp_path / "w.bin")
    server.add("piddnad/ddcolor_paper_tiny", {"pytorch_model.bin": (tmp_path / "w.bin").read_bytes()})
    pulled = colorcli("weights", "pull", "ddcolor-tiny")
    assert pulled.returncode == 0, pulled.stderr
    assert "110 MB, licence: Apache-2.0 (the code's" in pulled.stderr
    assert "no hash of it is known" in pulled.stderr and "of commit 0123456789ab is recorded in" in pulled.stderr
    done = colorcli("photo", photo, "-o", tmp_path / "a.png", "-m", "ddcolor-tiny", "--size", "64", HF_HUB_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    assert colourful(tmp_path / "a.png")
