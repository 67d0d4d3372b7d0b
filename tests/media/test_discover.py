"""Finding photos: all of them, once, always in the same order, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from colorcli.errors import MediaError
from colorcli.media.discover import discover


def _tree(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def _found(root: Path, **words: object) -> list[str]:
    return [str(path.relative_to(root)) for path in discover(root, **words)]


def test_photos_in_order(tmp_path) -> None:
    _tree(
        tmp_path,
        "b.jpg",
        "a/z.PNG",
        "a/b/c.Tif",
        "a.jpeg",
        "Z.webp",
        "ä.jp2",
        "c.pgm",
        "d.avif",
        "e.bmp",
        "10.jpg",
        "9.jpg",
    )
    expected = [
        "10.jpg",
        "9.jpg",
        "Z.webp",
        "a/b/c.Tif",
        "a/z.PNG",
        "a.jpeg",
        "b.jpg",
        "c.pgm",
        "d.avif",
        "e.bmp",
        "ä.jp2",
    ]
    assert _found(tmp_path) == expected
    assert _found(tmp_path) == expected


def test_what_is_no_photo(tmp_path) -> None:
    _tree(
        tmp_path,
        *(
            "notes.txt",
            "film.mp4",
            "jpg",
            "a.jpg.txt",
            "Thumbs.db",
            "desktop.ini",
            ".DS_Store",
            "._a.jpg",
            ".hidden.jpg",
        ),
        *(
            ".a.jpg.part-12",
            ".colorcli/x.jpg",
            "@eaDir/a.jpg",
            "$RECYCLE.BIN/a.jpg",
            "__MACOSX/a.jpg",
            "#recycle/a.jpg",
        ),
        *("System Volume Information/a.jpg", "lost+found/a.jpg", ".git/a.jpg"),
    )
    assert _found(tmp_path) == []


def test_our_own_outputs(tmp_path) -> None:
    _tree(
        tmp_path, "a.tif", "a_color.tif", "b.png", "b_color.jpg", "c_color.jpg", "d/a_color.jpg", "e.txt", "e_color.jpg"
    )
    assert _found(tmp_path) == ["a.tif", "b.png", "c_color.jpg", "d/a_color.jpg", "e_color.jpg"]


def test_excluded_trees(tmp_path) -> None:
    _tree(tmp_path, "a.jpg", "out/a.jpg", "in/out/b.jpg", "in/b.jpg")
    assert _found(tmp_path, exclude=[tmp_path / "out"]) == ["a.jpg", "in/b.jpg", "in/out/b.jpg"]
    assert _found(tmp_path, exclude=[tmp_path / "in" / ".." / "out", tmp_path / "none"])[0] == "a.jpg"
    assert _found(tmp_path, exclude=[tmp_path / "a.jpg", tmp_path / "in"]) == ["out/a.jpg"]


def test_circles_of_links_end(tmp_path) -> None:
    _tree(tmp_path, "a/b.jpg", "other/c.jpg")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a")
    assert _found(tmp_path / "a") == ["b.jpg", "up/other/c.jpg"]


def test_links_to_folders_are_followed_once(tmp_path) -> None:
    _tree(tmp_path, "elsewhere/x.jpg", "root/a.jpg")
    (tmp_path / "root" / "l1").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root" / "l2").symlink_to(tmp_path / "elsewhere")
    assert _found(tmp_path / "root") == ["a.jpg", "l1/x.jpg"]


def test_links_to_files(tmp_path) -> None:
    _tree(tmp_path, "elsewhere/x.jpg", "root/b.jpg")
    (tmp_path / "root" / "a.jpg").symlink_to(tmp_path / "elsewhere" / "x.jpg")
    (tmp_path / "root" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")  # to be reported, not passed over
    assert _found(tmp_path / "root") == ["a.jpg", "b.jpg", "gone.jpg"]


def test_names_of_any_bytes(tmp_path) -> None:
    for raw in (b"caf\xe9.jpg", b"two\nlines.jpg", b"\xff\xfe.JPG"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + raw)).write_bytes(b"x")
    assert [os.fsencode(path.name) for path in discover(tmp_path)] == [
        b"caf\xe9.jpg",
        b"two\nlines.jpg",
        b"\xff\xfe.JPG",
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_pipes_are_no_photos(tmp_path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").mkdir()
    _tree(tmp_path, "b.jpg/c.jpg")
    assert _found(tmp_path) == ["b.jpg/c.jpg"]


def test_bad_roots(tmp_path) -> None:
    _tree(tmp_path, "a.jpg")
    with pytest.raises(MediaError, match="no such file or folder"):
        next(discover(tmp_path / "none"))
    with pytest.raises(MediaError, match="a file, not a folder") as caught:
        next(discover(tmp_path / "a.jpg"))
    assert "colorcli photo" in (caught.value.hint or "")


def test_a_folder_that_cannot_be_listed_is_told(tmp_path, monkeypatch, caplog) -> None:
    _tree(tmp_path, "a/b.jpg", "locked/c.jpg", "z.jpg")
    scandir = os.scandir

    def guarded(path: Path) -> object:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    told: list[Path] = []
    assert _found(tmp_path, on_error=lambda path, _: told.append(path)) == ["a/b.jpg", "z.jpg"]
    assert told == [tmp_path / "locked"]
    assert _found(tmp_path) == ["a/b.jpg", "z.jpg"]
    assert "no permission to read" in caplog.text


def test_a_deep_tree(tmp_path) -> None:
    path = tmp_path
    for _ in range(60):
        path = path / "d"
    path.mkdir(parents=True)
    (path / "a.jpg").write_bytes(b"x")
    assert len(_found(tmp_path)) == 1
