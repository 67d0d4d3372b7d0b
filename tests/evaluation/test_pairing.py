from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest

from colorcli.errors import UsageError
from colorcli.evaluation.pairing import Member, check_kinds, data, members, pair


def _members(*names: str) -> list[Member]:
    return [Member(name, Path(name)) for name in names]


def _found(results: list[Member], truths: list[Member]) -> dict[str, str]:
    return {truth.name: result.name for result, truth in pair(results, truths).found}


def test_names_suffixes_and_marks() -> None:
    truths = _members("a.jpg", "b/c.heic", "d.tif", "e.png", "f.jpg")
    results = _members("a.png", "b/c.heic.jpg", "d_color.png", "e.png", "g.jpg")
    pairs = pair(results, truths)
    assert {truth.name: result.name for result, truth in pairs.found} == {
        "a.jpg": "a.png", "b/c.heic": "b/c.heic.jpg", "d.tif": "d_color.png", "e.png": "e.png",
    }  # fmt: skip
    assert [truth.name for _, truth in pairs.found] == ["a.jpg", "b/c.heic", "d.tif", "e.png"]
    assert (pairs.results, pairs.truths) == (["g.jpg"], ["f.jpg"])


def test_folders_count() -> None:
    assert _found(_members("x/a.png"), _members("y/a.png", "z.png")) == {}


def test_a_photo_called_color_is_its_own() -> None:
    assert _found(_members("a_color.jpg", "a.jpg"), _members("a_color.png", "a.png")) == {
        "a_color.png": "a_color.jpg",
        "a.png": "a.jpg",
    }


def test_the_better_name_wins() -> None:
    pairs = pair(_members("a_color.jpg", "a.jpg"), _members("a.jpg", "b.jpg"))
    assert [(result.name, truth.name) for result, truth in pairs.found] == [("a.jpg", "a.jpg")]
    assert pairs.results == ["a_color.jpg"]


def test_doubt_is_told() -> None:
    with pytest.raises(UsageError, match=r"a\.webp could belong to any of a\.jpg, a\.png"):
        pair(_members("a.webp", "b.webp"), _members("a.jpg", "a.png", "b.jpg"))
    with pytest.raises(UsageError, match=r"two results for a\.jpg"):
        pair(_members("a.png", "a.webp"), _members("a.jpg", "b.jpg"))


def test_two_files_are_a_pair_whatever_they_are_called() -> None:
    assert _found(_members("mine.png"), _members("theirs.jpg")) == {"theirs.jpg": "mine.png"}


def test_results_beside_their_originals(write: Any, crops: Any, tmp_path: Path) -> None:
    for name in ("in/a.png", "in/a_color.png", "in/b.png"):
        write(name, crops[0])
    assert [one.name for one in members(tmp_path / "in", results=True)] == ["a_color.png", "b.png"]
    assert [one.name for one in members(tmp_path / "in")] == ["a.png", "b.png"]


def test_what_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path, sentence in (("none", "does not exist"), ("empty", "no picture")):
        with pytest.raises(UsageError, match=sentence):
            members(tmp_path / path)


def test_videos_where_there_are_no_pictures(write: Any, crops: Any, tmp_path: Path) -> None:
    for name in ("a.mp4", "b.MKV", "notes.txt"):
        (tmp_path / "films" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "films" / name).write_bytes(b"")
    films = members(tmp_path / "films")
    assert [one.name for one in films] == ["a.mp4", "b.MKV"] and all(one.film for one in films)
    write("films/c.png", crops[0])
    photos = members(tmp_path / "films")
    assert [one.name for one in photos] == ["c.png"] and not photos[0].film
    with pytest.raises(UsageError, match=r"a\.mp4 is a video and c\.png a photo"):
        check_kinds([*films, *photos])


def test_validation_shards_come_first(write: Any, crops: Any, tmp_path: Path) -> None:
    picture = write("one.png", crops[0])
    for name in ("train-0.tar", "val-0.tar"):
        with tarfile.open(tmp_path / name, "w") as shard:
            shard.add(picture, f"{name[:3]}/one.png")
    found, source = data([tmp_path])
    assert ([one.name for one in found], source) == (["val/one.png"], "val-0.tar")
    found, source = data([tmp_path / "train-0.tar"])
    assert ([one.name for one in found], source) == (["tra/one.png"], "train-0.tar")
