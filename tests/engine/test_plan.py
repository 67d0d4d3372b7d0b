from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from colorcli.engine.plan import plan_folder, plan_photos
from colorcli.engine.selection import find
from colorcli.errors import MediaError, UsageError


def outputs(inputs: list[str], output: str | None = None, suffix: str | None = None) -> list[str]:
    return [job.target for job in plan_photos([Path(path) for path in inputs], output, suffix=suffix)]


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_beside_the_input_by_default() -> None:
    assert outputs(["x/old.jpg", "b.TIF"]) == ["x/old_color.jpg", "b_color.TIF"]
    assert outputs(["x/old.jpg"], suffix=".png") == ["x/old_color.png"]


def test_what_cannot_be_written_becomes_png() -> None:
    assert outputs(["a.gif", "b"]) == ["a_color.png", "b_color.png"]


def test_one_file_or_a_folder(tmp_path: Path) -> None:
    assert outputs(["a.jpg"], "new.png") == ["new.png"]
    assert outputs(["a.jpg"], "new/") == ["new/a.jpg"]
    assert outputs(["a.jpg", "b.png"], str(tmp_path)) == [str(tmp_path / "a.jpg"), str(tmp_path / "b.png")]
    with pytest.raises(UsageError, match=r"2 photos cannot go to the one file 'new\.png'"):
        outputs(["a.jpg", "b.jpg"], "new.png")


def test_the_input_is_never_the_output(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is one of the inputs"):
        outputs(["a.jpg"], "./x/../a.jpg")
    with pytest.raises(UsageError, match="is one of the inputs"):
        outputs([str(tmp_path / "a.jpg")], str(tmp_path))


def test_collisions_get_distinct_names_that_stay(tmp_path: Path) -> None:
    names = ["x/a.jpg", "x/a.png", "y/a.jpg", "x/a.gif", "x/b.jpg"]
    found = dict(zip(names, outputs(names, f"{tmp_path}/", ".jpg"), strict=True))
    assert {key: Path(value).name for key, value in found.items()} == {
        "x/a.jpg": "a.jpg", "x/a.png": "a.png.jpg", "y/a.jpg": "a-2.jpg", "x/a.gif": "a.gif.jpg", "x/b.jpg": "b.jpg",
    }  # fmt: skip
    again = dict(zip(names[::-1], outputs(names[::-1], f"{tmp_path}/", ".jpg"), strict=True))
    assert again["x/a.png"] == found["x/a.png"]
    assert len(set(again.values())) == len(names)


def test_an_evasive_name_may_be_taken_too(tmp_path: Path) -> None:
    names = ["a.png", "a.jpg", "a.png.jpg"]
    assert len(set(outputs(names, f"{tmp_path}/", ".jpg"))) == 3


def test_copies_have_names_of_their_own(tmp_path: Path) -> None:
    """A photo that is copied as it is keeps its suffix; whatever is copied, no two files want one name."""
    root, out = tmp_path / "scans", tmp_path / "out"
    touch(*(root / name for name in ("a.jpg", "a.JPG", "a.gif", "a.tif", "a.jpg.jpg", "a.jpg.png", "b.png", "b.webp")))
    for suffix in (None, ".png", ".jpg", ".tif"):
        jobs = plan_folder(root, out, suffix=suffix)
        every = [path for job in jobs for path in {job.output, job.copy}]
        assert len(set(every)) == len(every)
        for job in jobs:
            assert isinstance(job.input, Path) and job.copy is not None
            assert job.copy.suffix.lower() == job.input.suffix.lower()
            assert (job.copy == job.output) == (Path(job.target).suffix.lower() == job.input.suffix.lower())
    plain = {job.name: job.copy for job in plan_folder(root, out, suffix=".tif")}
    assert plain["b.webp"] == out / "b.webp"


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        ([], [], ["a.jpg", "box/b.png", "box/deep/c.tif"]),
        (["*.png"], [], ["box/b.png"]),
        (["box/"], ["deep/"], ["box/b.png"]),
        (["box/*"], [], ["box/b.png", "box/deep/c.tif"]),
        ([], ["/*.jpg", "**/c.*"], ["box/b.png"]),
    ],
)
def test_patterns(tmp_path: Path, include: list[str], exclude: list[str], expected: list[str]) -> None:
    touch(*(tmp_path / name for name in ("a.jpg", "box/b.png", "box/deep/c.tif")))
    found = find(tmp_path, include=include, exclude=exclude)
    assert [path.relative_to(tmp_path).as_posix() for path in found] == expected


def test_chosen_files_keep_their_order_and_come_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["s/b.jpg", "./s/a.jpg", str(tmp_path / "s/b.jpg"), "s/x/../none.jpg"]
    assert find(Path("s"), chosen=[Path(name) for name in names]) == [
        Path("s/b.jpg"),
        Path("s/a.jpg"),
        Path("s/none.jpg"),
    ]
    for wrong in ("t/a.jpg", "a.jpg", "s/../a.jpg", "s", "/"):
        with pytest.raises(UsageError, match="does not lie below"):
            find(Path("s"), chosen=[Path(wrong)])


def test_folder_is_mirrored(tmp_path: Path) -> None:
    root, out = tmp_path / "scans", tmp_path / "out"
    touch(root / "b.jpg", root / "box 1" / "a.png", root / "box 1" / "a.gif", root / "notes.txt")
    jobs = plan_folder(root, out)
    found = {str(Path(job.source).relative_to(root)): str(Path(job.target).relative_to(out)) for job in jobs}
    assert found["b.jpg"] == "b.jpg"
    assert found["box 1/a.png"] == "box 1/a.png"
    assert "notes.txt" not in found


def test_output_inside_the_input_is_not_searched(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg", tmp_path / "out" / "a.jpg")
    jobs = plan_folder(tmp_path, tmp_path / "out")
    assert [(Path(job.source).name, job.exists) for job in jobs] == [("a.jpg", True)]


def test_folder_mistakes(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg")
    with pytest.raises(UsageError, match="both input and output"):
        plan_folder(tmp_path, tmp_path / "x" / "..")
    with pytest.raises(MediaError):
        plan_folder(tmp_path / "none", tmp_path / "out")
    with pytest.raises(MediaError):
        plan_folder(tmp_path / "a.jpg", tmp_path / "out")


def test_planning_is_light() -> None:
    code = "import sys, colorcli.engine.plan, colorcli.engine.options, colorcli.engine.result; "
    code += "sys.exit(any(name in sys.modules for name in ('torch', 'cv2', 'PIL', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
