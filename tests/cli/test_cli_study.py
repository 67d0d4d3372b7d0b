"""``colorcli study``: words and exit codes; the page itself is tested in tests/study."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import pytest
from skimage import data


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name in ("a.jpg", "b.jpg"):
        for folder in ("out", "photos"):
            (tmp_path / folder).mkdir(exist_ok=True)
            cv2.imwrite(str(tmp_path / folder / name), data.chelsea()[:64, :96])
    return tmp_path


def test_build_then_score(invoke: Any, folders: Path) -> None:
    built = invoke("study", "build", folders / "out", "--truth", folders / "photos", "-o", folders / "study", "--json")
    assert built.exit_code == 0, built.stderr
    record = json.loads(built.stdout)
    assert record["scenes"] == 2 and Path(record["output"]).is_file() and Path(record["key"]).is_file()
    assert "keep" in built.stderr

    scenes = json.loads(Path(record["key"]).read_text())["scenes"]
    rows = [{"picture": scenes[0]["colorized"], "real": True}, {"picture": scenes[1]["real"], "real": False}]
    answers = {"colorcli-study": 1, "study": record["study"], "participant": "ann", "answers": rows}
    file = folders / "answers-ann.json"
    file.write_text(json.dumps(answers))
    scored = invoke("study", "score", file)  # the key lies one folder below
    assert scored.exit_code == 0, scored.stderr
    assert scored.stdout.splitlines()[0] == (
        "fooling rate     100.0 % [20.7, 100.0], 1/1 of the colorized pictures judged real"
    )
    assert "ann" in scored.stdout and "a.jpg" in scored.stdout and "none judged" in scored.stdout
    assert json.loads(invoke("study", "score", file, "--json").stdout)["fooling_rate"] == 1.0

    foreign = folders / "answers-x.json"
    foreign.write_text("{}")
    partly = invoke("study", "score", file, foreign)
    assert partly.exit_code == 3 and "not the answers of a study" in partly.stderr and "100.0 %" in partly.stdout
    assert invoke("study", "score", foreign).exit_code == 5
    (folders / "study/key.json").unlink()
    assert invoke("study", "score", file).exit_code == 2


def test_what_is_left_out_is_said(invoke: Any, folders: Path) -> None:
    cv2.imwrite(str(folders / "photos/b.jpg"), cv2.cvtColor(data.chelsea()[:64, :96], cv2.COLOR_RGB2GRAY))
    cv2.imwrite(str(folders / "out/c.jpg"), data.chelsea()[:64, :96])
    built = invoke("study", "build", folders / "out", "--truth", folders / "photos", "-o", folders / "study", "-q")
    assert built.exit_code == 3
    assert built.stdout.strip() == str(folders / "study/page/index.html")
    said = invoke("study", "build", folders / "out", "--truth", folders / "photos", "-o", folders / "again").stderr
    assert "c.jpg: no photo of this name" in said and "b.jpg: a gray photo" in said


def test_mistakes(invoke: Any, folders: Path) -> None:
    (folders / "empty").mkdir()
    nothing = invoke("study", "build", folders / "empty", "--truth", folders / "photos", "-o", folders / "study")
    assert nothing.exit_code == 2 and "no picture in it" in nothing.stderr
    there = invoke("study", "build", folders / "out", "--truth", folders / "photos", "-o", folders / "empty")
    assert there.exit_code == 2 and "exists" in there.stderr
    assert invoke("study", "build", folders / "out", "-o", folders / "x").exit_code == 2
    assert invoke("study", "score").exit_code == 2
