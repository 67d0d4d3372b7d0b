"""``--hints``, and the files of hints beside photos."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_pictures import pixels
from PIL import Image

pytestmark = pytest.mark.usefixtures("tiny_by_default")
RED, BLUE = (
    json.dumps({"rectangles": [{"x": 0, "y": 0, "width": 96, "height": 64, "color": color}]})
    for color in ("#c04040", "#4040c0")
)


def redness(path: Path) -> float:
    rgb = pixels(path).astype(float)
    return float((rgb[..., 0] - rgb[..., 2]).mean())


def test_hints_of_a_photo(invoke: Any, photo: Path, tmp_path: Path) -> None:
    known, out = tmp_path / "known.json", tmp_path / "out.png"
    known.write_text(RED)
    result = invoke("photo", photo, "-o", out, "--hints", known)
    assert result.exit_code == 0, result.stderr
    assert "1 photo with hints: decoder mrf" in result.stderr
    assert redness(out) > 40
    known.write_text(BLUE)
    result = invoke("photo", photo, "-o", out, "--hints", known, "--decoder", "mean", "--overwrite", "--json")
    assert "decoder mrf" not in result.stderr
    assert redness(out) < -40


def test_hints_beside_photos_are_found_and_a_change_is_seen(invoke: Any, photo: Path, tmp_path: Path) -> None:
    scans, out = tmp_path / "scans", tmp_path / "out"
    scans.mkdir()
    for name in ("a.jpg", "b.jpg"):
        shutil.copy(photo, scans / name)
    plain = invoke("folder", scans, "-o", out)
    assert "2 done" in plain.stderr
    before = redness(out / "a.jpg")
    (scans / "a.jpg.hints.json").write_text(RED)
    shown = invoke("folder", scans, "-o", out, "-n")
    assert "(the hints have changed)" in shown.stdout
    assert "1 done" in invoke("folder", scans, "-o", out).stderr
    assert redness(out / "a.jpg") > before + 20
    assert "2 skipped: done already" in invoke("folder", scans, "-o", out).stderr
    (scans / "a.jpg.hints.json").write_text(BLUE)
    assert "1 done" in invoke("folder", scans, "-o", out).stderr
    assert redness(out / "a.jpg") < -20
    (scans / "a.jpg.hints.json").unlink()
    assert "1 done" in invoke("folder", scans, "-o", out).stderr
    assert redness(out / "a.jpg") == pytest.approx(before)
    lines = [json.loads(line) for line in (out / ".colorcli/manifest.jsonl").read_text().splitlines()]
    assert [bool(line["hints"]) for line in lines if line["input"] == "a.jpg"] == [False, True, True, False]


def test_a_picture_of_hints_is_no_photo(invoke: Any, photo: Path, tmp_path: Path) -> None:
    scans, out = tmp_path / "scans", tmp_path / "out"
    scans.mkdir()
    shutil.copy(photo, scans / "a.jpg")
    drawn = np.zeros((64, 96, 4), np.uint8)
    drawn[10:50, 20:70] = (192, 64, 64, 255)
    Image.fromarray(drawn).save(scans / "a.jpg.hints.png")
    result = invoke("folder", scans, "-o", out, "--json")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [Path(row["input"]).name for row in rows] == ["a.jpg"]
    assert redness(out / "a.jpg") > 15


def test_bad_hints_stop_their_photo_alone(invoke: Any, photo: Path, tmp_path: Path) -> None:
    scans, out = tmp_path / "scans", tmp_path / "out"
    scans.mkdir()
    for name in ("a.jpg", "b.jpg"):
        shutil.copy(photo, scans / name)
    (scans / "a.jpg.hints.json").write_text('{"points": [{"x": 96, "y": 0, "color": "#ff0000"}]}')
    result = invoke("folder", scans, "-o", out)
    assert result.exit_code == 3
    assert "reaches beyond the photo of 96 x 64" in result.stderr
    assert (out / "b.jpg").exists() and not (out / "a.jpg").exists()


@pytest.mark.parametrize(
    ("content", "code", "message"), [("{", 5, "no valid JSON"), ('{"pints": []}', 5, "did you mean 'points'")]
)
def test_bad_hints_are_told_before_any_work(
    invoke: Any, photo: Path, tmp_path: Path, content: str, code: int, message: str
) -> None:
    known = tmp_path / "known.json"
    known.write_text(content)
    result = invoke("photo", photo, "--hints", known)
    assert (result.exit_code, message in result.stderr) == (code, True)


def test_hints_are_for_one_photo(invoke: Any, photo: Path, tmp_path: Path) -> None:
    other = shutil.copy(photo, tmp_path / "other.jpg")
    result = invoke("photo", photo, other, "--hints", tmp_path / "none.json")
    assert result.exit_code == 2
    assert "--hints is for one photo, not 2" in result.stderr
    assert invoke("photo", photo, "--hints", tmp_path / "none.json").exit_code == 5
