from __future__ import annotations

import json
from pathlib import Path

import pytest

from colorcli.engine.clip import shotlist
from colorcli.engine.clip.shotlist import Shot
from colorcli.errors import MediaError, UsageError


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    shots = [Shot(0), Shot(118, 4.917, tmp_path / "ref.jpg")]
    shotlist.write(shots, tmp_path / "shots.json")
    assert shotlist.read(tmp_path / "shots.json") == shots
    with pytest.raises(MediaError, match="exists"):
        shotlist.write(shots, tmp_path / "shots.json")


def test_palettes_lie_beside_the_list(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"shots": [{"start": 0, "palette": "sub/ref.jpg"}]}')
    assert shotlist.read(tmp_path / "a.json")[0].palette == tmp_path / "sub" / "ref.jpg"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "line 1"),
        ("[1, 2]", 'no list "shots"'),
        ('{"shots": []}', "start at frame 0"),
        ('{"shots": [{"start": 5}]}', "start at frame 0"),
        ('{"shots": [{"start": 0}, {"start": 9}, {"start": 9}]}', "after the one before"),
        ('{"shots": [{"start": 0}, {"begin": 9}]}', 'shot 1 has no "start"'),
        ('{"shots": [{"start": true}]}', 'shot 0 has no "start"'),
        ('{"shots": [{"start": 0, "pallete": "x.jpg"}]}', "unknown field 'pallete'"),
        ('{"shots": [{"start": 0, "time": "now"}]}', '"time" must be a number'),
        ('{"shots": [{"start": 0, "palette": 3}]}', '"palette" must be the name'),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"wrong\.json is no list of shots") as caught:
        shotlist.read(path)
    assert said in caught.value.message


def test_a_list_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not a text"):
        shotlist.read(tmp_path / "x.json")
    with pytest.raises(MediaError, match="no such file"):
        shotlist.read(tmp_path / "none.json")


def test_the_file_is_json_for_others(tmp_path: Path) -> None:
    shotlist.write([Shot(0, 0.0), Shot(30, 1.25)], tmp_path / "s.json")
    assert json.loads((tmp_path / "s.json").read_text()) == {
        "shots": [{"start": 0, "time": 0.0}, {"start": 30, "time": 1.25}]
    }
