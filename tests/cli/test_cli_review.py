"""``--blend``, ``--tta``, and the list of what a person should look at."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from cli_pictures import pixels

pytestmark = pytest.mark.usefixtures("tiny_by_default")


@pytest.fixture
def scans(gray_jpeg: Path, tmp_path: Path) -> Path:
    root = tmp_path / "scans"
    root.mkdir()
    shutil.copy(gray_jpeg, root / "cat.jpg")
    cv2.imwrite(str(root / "noise.png"), np.random.default_rng(0).integers(0, 255, (64, 80), dtype=np.uint8))
    cv2.imwrite(str(root / "flat.png"), np.full((64, 80), 120, np.uint8))
    return root


def scores(out: Path) -> dict[str, float]:
    lines = [json.loads(line) for line in (out / ".colorcli/manifest.jsonl").read_text().splitlines()]
    return {line["output"]: line["uncertainty"] for line in lines}


def test_the_doubtful_are_listed_least_sure_first(invoke: Any, scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = invoke("folder", scans, "-o", out, "--json")
    told = {Path(row["output"]).name: row["uncertainty"] for row in map(json.loads, first.stdout.splitlines())}
    known = scores(out)
    assert told == known and len(known) == 3 and all(0 < value < 1 for value in known.values())
    worst = sorted(known, key=lambda name: -known[name])
    limit = 1 - (known[worst[1]] + known[worst[2]]) / 2
    again = invoke("folder", scans, "-o", out, "--review-below", limit)  # nothing left to do: the manifest knows
    listed = out / ".colorcli/review.txt"
    assert listed.read_text().splitlines() == [str(out / name) for name in worst[:2]]
    assert f"2 of 3 photos have a confidence below {limit:g}: {listed}" in again.stderr
    invoke("folder", scans, "-o", out, "--review-below", 0)
    assert listed.read_text() == ""
    assert invoke("folder", scans, "-o", out, "--review-below", 1.5).exit_code == 2


def test_views_and_blends_are_settings(invoke: Any, scans: Path, tmp_path: Path, tiny_model: Path) -> None:
    out = tmp_path / "out"
    assert "3 done" in invoke("folder", scans, "-o", out).stderr
    entropy = scores(out)
    assert "3 done" in invoke("folder", scans, "-o", out, "--tta").stderr
    assert scores(out) != entropy
    assert "3 skipped: done already" in invoke("folder", scans, "-o", out, "--tta").stderr
    other = shutil.copy(tiny_model, tmp_path / "other.safetensors")
    mixed = invoke("folder", scans, "-o", out, "--blend", f"{tiny_model}:2,{other}:1", COLORCLI_MODEL="default")
    assert "3 done" in mixed.stderr, mixed.stderr
    names = [json.loads(line)["model"] for line in (out / ".colorcli/manifest.jsonl").read_text().splitlines()]
    assert names[-1] == "tiny:0.6667+tiny:0.3333"


def test_a_photo_by_a_blend_of_one_is_the_photo(invoke: Any, photo: Path, tmp_path: Path, tiny_model: Path) -> None:
    one, two = tmp_path / "one.png", tmp_path / "two.png"
    assert invoke("photo", photo, "-o", one).exit_code == 0
    result = invoke("photo", photo, "-o", two, "--blend", f"{tiny_model}:1", COLORCLI_MODEL="default")
    assert result.exit_code == 0, result.stderr
    assert np.array_equal(pixels(one), pixels(two))
    wrong = invoke("photo", photo, "--blend", "mfr:1", COLORCLI_MODEL="default")
    assert (wrong.exit_code, "did you mean 'mrf'" in wrong.stderr) == (2, True)
