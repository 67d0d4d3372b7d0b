"""``colorcli photo`` from end to end, with a tiny model."""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from cli_pictures import colourfulness, pixels
from skimage import data

from colorcli.cli import photo as photo_command

pytestmark = pytest.mark.usefixtures("tiny_by_default")


def test_colorizes(invoke: Any, photo: Path, tmp_path: Path) -> None:
    result = invoke("photo", photo, "-o", tmp_path / "new.png")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{tmp_path / 'new.png'}\n"
    assert result.stderr.startswith(f"{photo} -> {tmp_path / 'new.png'} (")
    assert colourfulness(tmp_path / "new.png") > 5
    assert pixels(tmp_path / "new.png").shape == (64, 96, 3)


def test_default_output_lies_beside_the_input(invoke: Any, photo: Path) -> None:
    result = invoke("photo", photo)
    assert result.stdout == f"{photo.with_name('cat_color.jpg')}\n"
    assert photo.with_name("cat_color.jpg").read_bytes()[:2] == b"\xff\xd8"


def test_folder_as_output(invoke: Any, photo: Path, tmp_path: Path) -> None:
    other = tmp_path / "dog.png"
    cv2.imwrite(str(other), pixels(photo)[..., 0])
    result = invoke("photo", photo, other, "-o", f"{tmp_path}/out/")
    assert result.exit_code == 0, result.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["cat.jpg", "dog.png"]
    assert sorted(result.stdout.split()) == [str(tmp_path / "out/cat.jpg"), str(tmp_path / "out/dog.png")]
    assert "2 done" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["x.jpg", "y.jpg", "-o", "one.jpg"], 2, "2 photos cannot go to the one file"),
        (["cat.jpg", "-o", "cat.jpg"], 2, "is one of the inputs"),
        (["cat.jpg", "-o", "new.xyz"], 5, "cannot write .xyz files"),
        (["cat.jpg", "-o", "new"], 5, "no suffix"),
        (["missing.jpg"], 5, "missing.jpg"),
        (["empty.jpg"], 5, "empty.jpg"),
        (["text.jpg"], 5, "text.jpg"),
        (["cut.jpg"], 5, "cut.jpg"),
        (["folder"], 5, "colorcli folder"),
        (["."], 5, "colorcli folder ."),
        (["cat.jpg", "-o", "cat.jpg/new.jpg"], 5, "cat.jpg"),
        (["-", "-", "-o", "x.jpg"], 2, "only one picture"),
        (["-", "-o", "folder"], 2, "needs a name"),
        (["-", "-o", "-", "--json"], 2, "cannot share standard output"),
        (["cat.jpg", "--palette", "missing.jpg"], 5, "missing.jpg"),
        (["cat.jpg", "--model", "./missing"], 2, "no model at './missing'"),
        (["cat.jpg", "--model", "text.jpg"], 4, "text.jpg"),
        (["cat.jpg", "--device", "cuda:99"], 6, "cuda:99"),
    ],
)
def test_mistakes_are_one_sentence(
    invoke: Any, photo: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, words: str
) -> None:
    monkeypatch.chdir(photo.parent)
    Path("folder").mkdir()
    Path("empty.jpg").touch()
    Path("text.jpg").write_text("not a picture")
    Path("cut.jpg").write_bytes(photo.read_bytes()[:600])
    before = sorted(Path().rglob("*"))
    result = invoke("photo", *arguments)
    assert result.exit_code == code, result.stderr
    assert words in result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("error:") == 1
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert sorted(Path().rglob("*")) == before


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_unwritable_folder(invoke: Any, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    result = invoke("photo", photo, "-o", tmp_path / "closed/new.jpg")
    assert result.exit_code == 5
    assert "closed" in result.stderr


def test_unwritable_even_for_root(invoke: Any, photo: Path) -> None:
    result = invoke("photo", photo, "-o", "/proc/colorcli/new.jpg")
    assert result.exit_code == 5
    assert "/proc/colorcli" in result.stderr


def test_some_failed_is_3_and_the_others_are_done(invoke: Any, photo: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_text("no")
    result = invoke("photo", photo, bad, tmp_path / "missing.jpg", "-o", f"{tmp_path}/out/")
    assert result.exit_code == 3
    assert result.stdout == f"{tmp_path}/out/cat.jpg\n"
    assert "bad.jpg" in result.stderr
    assert "2 of 3 photos failed (1 done in " in result.stderr


def test_existing_output_is_skipped_unless_overwritten(invoke: Any, photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "new.jpg"
    out.write_text("precious")
    result = invoke("photo", photo, "-o", out)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "skipped" in result.stderr
    assert "--overwrite" in result.stderr
    assert out.read_text() == "precious"
    result = invoke("photo", photo, "-o", out, "--overwrite")
    assert result.stdout == f"{out}\n"
    assert colourfulness(out) > 5


SCHEMA = {
    "input": str, "output": str, "status": str, "reason": (str, type(None)), "hint": (str, type(None)),
    "seconds": float, "model": str, "weights_sha256": str, "device": (str, type(None)),
    "precision": (str, type(None)), "size": (int, type(None)),
    "uncertainty": (float, type(None)), "downgrades": list, "warnings": list,
    "triage": (dict, type(None)), "pages": int,
}  # fmt: skip


def test_json_lines_follow_the_schema(invoke: Any, photo: Path, tmp_path: Path) -> None:
    bad, there = tmp_path / "bad.jpg", tmp_path / "there.jpg"
    bad.write_text("no")
    shutil.copy(photo, there)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/there.jpg").touch()
    result = invoke("photo", photo, bad, there, "-o", tmp_path / "out", "--json", "-q")
    assert result.exit_code == 3
    rows = {Path(row["input"]).name: row for row in map(json.loads, result.stdout.splitlines())}
    for row in rows.values():
        assert set(row) == set(SCHEMA)
        assert all(isinstance(row[key], kind) for key, kind in SCHEMA.items())
    assert {name: row["status"] for name, row in rows.items()} == {
        "cat.jpg": "done", "bad.jpg": "failed", "there.jpg": "skipped",
    }  # fmt: skip
    done = rows["cat.jpg"]
    assert (done["device"], done["precision"], done["size"], done["model"]) == ("cpu", "fp32", 64, "tiny")
    assert len(done["weights_sha256"]) == 64
    assert done["seconds"] > 0
    assert rows["bad.jpg"]["reason"]


def test_json_keeps_undecodable_file_names(invoke: Any, photo: Path, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    try:
        shutil.copy(photo, odd)
    except OSError:
        pytest.skip("this file system has no such names")
    [row] = map(json.loads, invoke("photo", odd, "--json").stdout.splitlines())
    assert row["input"] == str(odd)
    assert row["status"] == "done"


def test_quiet_leaves_paths_only(invoke: Any, photo: Path) -> None:
    result = invoke("photo", photo, "--quiet")
    assert result.stdout == f"{photo.with_name('cat_color.jpg')}\n"
    assert result.stderr == ""


def test_verbose_tells_model_and_device(invoke: Any, photo: Path) -> None:
    result = invoke("photo", photo, "-v")
    assert "model tiny on cpu in fp32, size 64, decoder annealed" in result.stderr


def made_with(invoke: Any, photo: Path, *options: str) -> bytes:
    out = photo.with_name("made.png")
    result = invoke("photo", photo, "-o", out, "--overwrite", *options)
    assert result.exit_code == 0, result.stderr
    return out.read_bytes()


@pytest.mark.parametrize(
    "options",
    [
        ["--strength", "1.5"],
        ["--temperature", "3"],
        ["--decoder", "mode"],
        ["--decoder", "mrf"],
        ["--decoder", "mrf", "--mrf-form", "report"],
        ["--upsampler", "bilinear"],
        ["--size", "128"],
        ["--precision", "bf16"],
        ["--palette", "palette.png"],
    ],
    ids=" ".join,
)
def test_every_option_changes_the_result(
    invoke: Any, photo: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    monkeypatch.chdir(photo.parent)
    cv2.imwrite("palette.png", cv2.cvtColor(data.coffee()[::4, ::4], cv2.COLOR_RGB2BGR))
    plain = made_with(invoke, photo)
    assert made_with(invoke, photo) == plain  # so that a difference means something
    changed = made_with(invoke, photo, *options)
    assert pixels(changed).shape == pixels(plain).shape
    assert np.any(pixels(changed) != pixels(plain))


def test_strength_zero_is_gray(invoke: Any, photo: Path) -> None:
    assert colourfulness(made_with(invoke, photo, "--strength", "0")) == 0


def test_seed_decides_what_is_drawn(invoke: Any, photo: Path) -> None:
    first = made_with(invoke, photo, "--decoder", "sample", "--seed", "1")
    assert made_with(invoke, photo, "--decoder", "sample", "--seed", "1") == first
    assert made_with(invoke, photo, "--decoder", "sample", "--seed", "2") != first


def test_quality_decides_the_size_of_jpegs(invoke: Any, photo: Path, tmp_path: Path) -> None:
    sizes = []
    for quality in (30, 100):
        invoke("photo", photo, "-o", tmp_path / f"q{quality}.jpg", "--quality", quality)
        sizes.append((tmp_path / f"q{quality}.jpg").stat().st_size)
    assert sizes[0] * 2 < sizes[1]


def test_environment_sets_options_and_flags_win(invoke: Any, photo: Path, tmp_path: Path) -> None:
    invoke("photo", photo, "-o", tmp_path / "a.png", COLORCLI_STRENGTH="0")
    assert colourfulness(tmp_path / "a.png") == 0
    invoke("photo", photo, "-o", tmp_path / "b.png", "--strength", "1", COLORCLI_STRENGTH="0")
    assert colourfulness(tmp_path / "b.png") > 5


def test_streams(process: Any, photo: Path, tmp_path: Path, tiny_model: Path) -> None:
    done = process("photo", "-", "-o", "-", stdin=photo.read_bytes())
    assert done.returncode == 0, done.stderr
    assert done.stdout[:2] == b"\xff\xd8"  # the format of what came in
    assert done.stdout[-2:] == b"\xff\xd9"  # and nothing behind the picture
    assert colourfulness(done.stdout) > 5
    # In this process, for speed, the other two ways: the same picture comes of all three.
    made_by_file = made_by_stdin = None
    out = tmp_path / "new.jpg"
    from typer.testing import CliRunner

    from colorcli.cli import app

    assert CliRunner().invoke(app, ["photo", "-", "-o", str(out)], input=photo.read_bytes()).exit_code == 0
    made_by_stdin = out.read_bytes()
    result = CliRunner().invoke(app, ["photo", str(photo), "-o", "-"])
    made_by_file = result.stdout_bytes
    assert np.array_equal(pixels(made_by_file), pixels(done.stdout))
    assert np.array_equal(pixels(made_by_stdin), pixels(done.stdout))
    assert str(photo) in result.stderr


class _Terminal(io.BytesIO):
    buffer = io.BytesIO()

    def isatty(self) -> bool:
        return True


def test_terminals_neither_give_nor_take_pictures(monkeypatch: pytest.MonkeyPatch, photo: Path) -> None:
    from colorcli.errors import UsageError

    monkeypatch.setattr("sys.stdout", _Terminal())
    with pytest.raises(UsageError, match="not written to a terminal"):
        photo_command.plan([str(photo)], "-")
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdin", _Terminal())
        with pytest.raises(UsageError, match="is a terminal"):
            photo_command.plan(["-"], "new.jpg")


def test_dry_run_says_what_and_does_nothing(invoke: Any, photo: Path, tmp_path: Path) -> None:
    there = tmp_path / "there.jpg"
    shutil.copy(photo, there)
    (tmp_path / "there_color.jpg").touch()
    before = sorted(tmp_path.iterdir())
    result = invoke("photo", photo, there, "-n")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"{photo} -> {photo.with_name('cat_color.jpg')}",
        f"{there} -> {tmp_path / 'there_color.jpg'}  (skipped: the output exists)",
    ]
    assert "1 photo to colorize with model tiny, 1 to skip" in result.stderr
    rows = [json.loads(line) for line in invoke("photo", photo, there, "-n", "--json").stdout.splitlines()]
    assert [row["status"] for row in rows] == ["planned", "skipped"]
    assert sorted(tmp_path.iterdir()) == before


def test_library_bug_in_one_photo_keeps_its_traceback(
    invoke: Any, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("colorcli.engine.colorizer.Colorizer.finish", broken)
    result = invoke("photo", photo)
    assert isinstance(result.exception, ZeroDivisionError)
    assert result.exit_code == 1


def test_out_of_memory_is_6(invoke: Any, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("colorcli.engine.colorizer.Colorizer.finish", full)
    result = invoke("photo", photo)
    assert result.exit_code == 6
    assert "memory" in result.stderr
