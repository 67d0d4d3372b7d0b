"""``colorcli folder`` run again, interrupted, in place, on lists of files, beside another run, on a full disk."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
from cli_pictures import colourfulness, pixels
from PIL import Image
from skimage import data

pytestmark = pytest.mark.usefixtures("tiny_by_default")


@pytest.fixture
def scans(gray_jpeg: Path, tmp_path: Path) -> Path:
    """Three gray photos in a tree, and one in colour."""
    root = tmp_path / "scans"
    for name in ("a.jpg", "sub/b.jpg", "sub/deep/c.jpg"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(gray_jpeg, root / name)
    cv2.imwrite(str(root / "color.jpg"), cv2.cvtColor(data.astronaut()[:200, :200], cv2.COLOR_RGB2BGR))
    return root


def tree(root: Path) -> list[str]:
    names = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return sorted(name for name in names if not name.startswith(".colorcli/"))


def last(result: Any) -> str:
    return result.stderr.strip().splitlines()[-1]


# -- again ------------------------------------------------------------------------------------------------------------


def test_summary_tells_what_was_skipped_and_why(invoke: Any, scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "sub").mkdir(parents=True)
    (out / "sub/b.jpg").write_text("precious")
    first = invoke("folder", scans, "-o", out, "-v")
    assert last(first).startswith("2 done in ")
    assert "1 skipped: in colour already" in last(first)
    assert "1 skipped: the output exists and was not written by colorcli" in last(first)
    assert "--on-color recolor colorizes it" in first.stderr
    assert (out / "sub/b.jpg").read_text() == "precious"
    second = invoke("folder", scans, "-o", out)
    assert "2 skipped: done already" in last(second)
    assert second.stdout == ""
    rows = [json.loads(line) for line in invoke("folder", scans, "-o", out, "--json").stdout.splitlines()]
    assert {row["status"] for row in rows} == {"skipped"}


def test_dry_run_tells_what_and_why(invoke: Any, scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shown = invoke("folder", scans, "-o", out, "-n")
    assert not out.exists()
    assert shown.stdout.splitlines()[0] == f"{scans / 'a.jpg'} -> {out / 'a.jpg'}"
    invoke("folder", scans, "-o", out)
    (scans / "bad.jpg").write_text("no")
    invoke("folder", scans, "-o", out)
    shutil.copy(scans / "color.jpg", scans / "a.jpg")
    (out / "sub/b.jpg").unlink()
    before = tree(tmp_path)
    manifest = (out / ".colorcli/manifest.jsonl").read_bytes()
    lines = dict(line.split(" -> ") for line in invoke("folder", scans, "-o", out, "-n").stdout.splitlines())
    why = {Path(name).name: rest.partition("  ")[2] for name, rest in lines.items()}
    assert why == {
        "a.jpg": "(the input has changed)",
        "b.jpg": "(the output is gone or replaced)",
        "bad.jpg": "(failed last time)",
        "c.jpg": "(skipped: done already)",
        "color.jpg": "(skipped: in colour already)",
    }
    assert "(settings or weights have changed)" in invoke("folder", scans, "-o", out, "-n", "--strength", "0.3").stdout
    assert "(asked for again)" in invoke("folder", scans, "-o", out, "-n", "--force").stdout
    assert tree(tmp_path) == before
    assert (out / ".colorcli/manifest.jsonl").read_bytes() == manifest


def test_only_failed_and_force(invoke: Any, scans: Path, gray_jpeg: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "nothing failed last time" in invoke("folder", scans, "-o", out, "--only-failed").stderr
    (scans / "bad.jpg").write_text("no")
    assert invoke("folder", scans, "-o", out).exit_code == 3
    shutil.copy(gray_jpeg, scans / "bad.jpg")
    result = invoke("folder", scans, "-o", out, "--only-failed")
    assert result.stdout == f"{out / 'bad.jpg'}\n"
    assert len(invoke("folder", scans, "-o", out, "--force").stdout.splitlines()) == 4


def test_on_color_of_folders(invoke: Any, scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = invoke("folder", scans, "-o", out, "--on-color", "copy", "--format", "png")
    assert tree(out) == ["a.png", "color.jpg", "sub/b.png", "sub/deep/c.png"]
    assert (out / "color.jpg").read_bytes() == (scans / "color.jpg").read_bytes()
    assert "1 of them copied, in colour already" in last(result)
    assert invoke("folder", scans, "-o", out, "--on-color", "recolor").exit_code == 0
    assert "color.jpg" in tree(out)


def test_on_color_of_photos(invoke: Any, process: Any, scans: Path, tmp_path: Path) -> None:
    photo = scans / "color.jpg"
    skipped = invoke("photo", photo, "-o", tmp_path / "x.png")
    assert skipped.exit_code == 0 and skipped.stdout == ""
    assert "in colour already" in skipped.stderr and "--on-color recolor" in skipped.stderr
    copied = invoke("photo", photo, "-o", tmp_path / "x.png", "--on-color", "copy")
    assert copied.stdout == f"{tmp_path / 'x.jpg'}\n"
    assert (tmp_path / "x.jpg").read_bytes() == photo.read_bytes()
    assert not (tmp_path / "x.png").exists()
    again = invoke("photo", photo, "-o", tmp_path / "x.png", "--on-color", "copy")
    assert "the output exists" in again.stderr
    there = invoke("photo", photo, "-o", scans / "color.png", "--on-color", "copy", "--overwrite")
    assert "in colour already" in there.stderr and there.stdout == ""
    assert invoke("photo", photo, "-o", tmp_path / "x.png", "--on-color", "recolor").exit_code == 0
    assert colourfulness(tmp_path / "x.png") > 5
    passed = process("photo", "-", "-o", "-", stdin=photo.read_bytes())
    assert passed.stdout == photo.read_bytes()
    assert b"copied as it is" in passed.stderr
    assert invoke("photo", "-", "-o", tmp_path / "y.png", stdin=photo.read_bytes()).exit_code == 0
    assert not (tmp_path / "y.png").exists()


def test_what_colorcli_made_is_not_made_again(invoke: Any, gray_jpeg: Path, tmp_path: Path) -> None:
    """Colours may come out too pale to be judged as such; the metadata tell."""
    pale, again, gray = tmp_path / "pale.png", tmp_path / "again.png", tmp_path / "gray.png"
    assert invoke("photo", gray_jpeg, "-o", pale, "--strength", "0.02").exit_code == 0
    skipped = invoke("photo", pale, "-o", again)
    assert "in colour already" in skipped.stderr
    assert not again.exists()
    assert invoke("photo", pale, "-o", again, "--on-color", "recolor").exit_code == 0
    with Image.open(pale) as picture:
        picture.convert("L").save(gray, xmp=picture.info["xmp"])
    assert invoke("photo", gray, "-o", tmp_path / "third.png").exit_code == 0
    assert (tmp_path / "third.png").exists()


def test_provenance_is_written_unless_unwanted(invoke: Any, scans: Path, tmp_path: Path) -> None:
    for more, there in (([], True), (["--no-provenance"], False)):
        out = tmp_path / f"{there}.jpg"
        invoke("photo", scans / "a.jpg", "-o", out, *more)
        assert (b"compositeWithTrainedAlgorithmicMedia" in out.read_bytes()) is there


def test_max_pixels(invoke: Any, scans: Path, tmp_path: Path) -> None:
    result = invoke("photo", scans / "a.jpg", "-o", tmp_path / "x.jpg", "--max-pixels", 1000)
    assert result.exit_code == 5
    assert "--max-pixels" in result.stderr or "pixels" in result.stderr


# -- which photos -----------------------------------------------------------------------------------------------------


def test_include_and_exclude(invoke: Any, scans: Path, tmp_path: Path) -> None:
    def planned(*more: str) -> list[str]:
        lines = invoke("folder", scans, "-o", tmp_path / "out", "-n", *more).stdout.splitlines()
        return [Path(line.split(" -> ")[0]).relative_to(scans).as_posix() for line in lines]

    assert planned("--include", "sub/") == ["sub/b.jpg", "sub/deep/c.jpg"]
    assert planned("--include", "a.*", "--include", "c.*") == ["a.jpg", "sub/deep/c.jpg"]
    assert planned("--exclude", "deep/", "--exclude", "/color.*") == ["a.jpg", "sub/b.jpg"]
    assert planned("--include", "*.jpg", "--exclude", "*", "--exclude", "!a.jpg") == ["a.jpg"]
    result = invoke("folder", scans, "-o", tmp_path / "out", "--include", "*.gif")
    assert result.exit_code == 5 and "no pictures of the kind asked for" in result.stderr


NAMES = [b"plain.jpg", b"with\nnewline.jpg", b"caf\xe9.jpg", b" space .jpg", b"-o.jpg"]


@pytest.mark.parametrize("null", [True, False])
def test_lists_of_files_of_any_name(
    invoke: Any, scans: Path, gray_jpeg: Path, monkeypatch: pytest.MonkeyPatch, null: bool
) -> None:
    monkeypatch.chdir(scans)
    wanted = [name for name in NAMES if null or b"\n" not in name]
    for name in wanted:
        shutil.copy(gray_jpeg, scans / "sub" / os.fsdecode(name))
    end = b"\0" if null else b"\n"
    listed = b"".join(b"sub/" + name + end for name in [*wanted, wanted[0], b"missing.jpg"])
    (scans.parent / "list").write_bytes(listed)
    for source, stdin in (("../list", None), ("-", listed)):
        out = scans.parent / f"out-{source == '-'}"
        more = ["-0"] if null else []
        result = invoke("folder", "-o", out, "--files-from", source, *more, "--json", stdin=stdin)
        assert result.exit_code == 3, result.stderr
        assert tree(out) == sorted("sub/" + os.fsdecode(name) for name in wanted)
        rows = [json.loads(line) for line in result.stdout.splitlines()]
        assert [row["input"] for row in rows if row["status"] == "failed"] == ["sub/missing.jpg"]
        assert f"1 of {len(wanted) + 1} photos failed" in result.stderr


def test_lists_that_make_no_sense(invoke: Any, scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(scans)
    for arguments, stdin, code, words in (
        (["--files-from", "none"], None, 5, "none"),
        (["--files-from", "-"], b"../elsewhere.jpg\n", 2, "does not lie below"),
        (["--files-from", "-"], b"a.jpg\0b.jpg\0", 2, "--null"),
        (["--files-from", "-"], b"", 5, "no pictures of the kind asked for"),
        ([], None, 2, "missing argument"),
        (["--files-from", "-"], b".\n", 2, "does not lie below"),
        (["."], None, 2, "unknown format"),
    ):
        more = ["--format", "xyz"] if words == "unknown format" else []
        result = invoke("folder", *arguments, *more, stdin=stdin)
        assert result.exit_code == code, (arguments, result.stderr)
        assert words in result.stderr


# -- in place ---------------------------------------------------------------------------------------------------------


def test_folder_in_place(invoke: Any, scans: Path) -> None:
    before = {name: (scans / name).read_bytes() for name in tree(scans)}
    assert invoke("folder", scans, "--in-place").exit_code == 0
    assert tree(scans) == sorted(before)
    kept = scans / ".colorcli/originals"
    assert (kept / "sub/b.jpg").read_bytes() == before["sub/b.jpg"] != (scans / "sub/b.jpg").read_bytes()
    assert (scans / "color.jpg").read_bytes() == before["color.jpg"]
    assert "3 skipped: done already" in last(invoke("folder", scans, "--in-place"))
    assert invoke("folder", scans, "--in-place", "--strength", "0").exit_code == 0
    assert colourfulness(scans / "a.jpg") < 1  # from the original, not from what was made of it
    assert invoke("photo", scans / "sub/b.jpg", "--in-place").exit_code == 0  # the folder's original is found
    assert colourfulness(scans / "sub/b.jpg") > 5
    assert not (scans / "sub/.colorcli").exists()
    assert (kept / "sub/b.jpg").read_bytes() == before["sub/b.jpg"]


def test_photo_in_place(invoke: Any, scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(scans)
    before = (scans / "a.jpg").read_bytes()
    assert invoke("photo", "a.jpg", "sub/b.jpg", "--in-place").exit_code == 0
    first = (scans / "a.jpg").read_bytes()
    assert first != before == (scans / ".colorcli/originals/a.jpg").read_bytes()
    assert (scans / "sub/.colorcli/originals/b.jpg").exists()
    assert invoke("photo", "a.jpg", "--in-place", "--strength", "0.5").exit_code == 0
    assert (scans / "a.jpg").read_bytes() != first
    assert invoke("photo", "a.jpg", "--in-place").exit_code == 0
    assert (scans / "a.jpg").read_bytes() == first
    assert (scans / ".colorcli/originals/a.jpg").read_bytes() == before


def test_in_place_from_above_and_below(invoke: Any, scans: Path) -> None:
    """Whoever kept the original first keeps it; what was made of it is never taken for another original."""
    before = {name: (scans / name).read_bytes() for name in tree(scans)}
    assert invoke("photo", scans / "sub/b.jpg", "--in-place").exit_code == 0
    assert invoke("folder", scans / "sub", "--in-place", "--strength", "0.7").exit_code == 0
    result = invoke("folder", scans, "--in-place", "--strength", "0.5", "--on-color", "recolor", "--exclude", "color.*")
    assert result.exit_code == 0 and "3 done" in last(result), result.stderr
    assert not (scans / ".colorcli/originals/sub").exists()
    for name in ("b.jpg", "deep/c.jpg"):
        assert (scans / "sub/.colorcli/originals" / name).read_bytes() == before[f"sub/{name}"]
    assert (scans / ".colorcli/originals/a.jpg").read_bytes() == before["a.jpg"]
    first = (scans / "sub/b.jpg").read_bytes()
    assert invoke("folder", scans, "--in-place", "--strength", "0.5", "--force", "-q").exit_code == 0
    assert (scans / "sub/b.jpg").read_bytes() == first


def test_in_place_by_mistake(invoke: Any, scans: Path) -> None:
    for arguments, words in (
        (["folder", scans, "-o", scans], "--in-place"),
        (["folder", scans, "--in-place", "-o", "x"], "leaves no choice"),
        (["folder", scans, "--in-place", "--format", "png"], "leaves no choice"),
        (["photo", scans / "a.jpg", "-o", scans / "a.jpg"], "--in-place"),
        (["photo", scans / "a.jpg", "--in-place", "-o", "x"], "leaves no choice"),
        (["photo", "-", "--in-place"], "leaves no choice"),
    ):
        result = invoke(*arguments)
        assert result.exit_code == 2, result.stderr
        assert words in result.stderr
    assert not (scans / ".colorcli").exists()


# -- two at once ------------------------------------------------------------------------------------------------------


HOLD = """
import sys, time
from pathlib import Path
from colorcli.engine.book import Book
book = Book(Path(sys.argv[1]), Path(sys.argv[2]))
print("held", flush=True)
time.sleep(60)
"""


def test_a_second_run_is_refused_until_the_first_is_dead(invoke: Any, scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with subprocess.Popen([sys.executable, "-c", HOLD, scans, out], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        part = out / f".a.jpg.part-{holder.pid}"
        part.write_text("half")
        (out / ".b.jpg.part-1").write_text("another's")
        result = invoke("folder", scans, "-o", out)
        assert result.exit_code == 5
        assert f"another run writes to {out} (process {holder.pid} on " in result.stderr
        assert tree(out) == [part.name, ".b.jpg.part-1"]
        assert invoke("folder", scans, "-o", out, "-n").exit_code == 0  # looking is free
        holder.send_signal(signal.SIGKILL)
    assert invoke("folder", scans, "-o", out).exit_code == 0
    assert tree(out) == [".b.jpg.part-1", "a.jpg", "sub/b.jpg", "sub/deep/c.jpg"]
    assert not (out / ".colorcli/run.json").exists()


def test_a_file_system_that_cannot_lock(
    invoke: Any, scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    result = invoke("folder", scans, "-o", tmp_path / "out")
    assert result.exit_code == 0
    assert "cannot be locked" in result.stderr
    assert len(tree(tmp_path / "out")) == 3


# -- full disks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_disk_stops_the_run(
    invoke: Any, scans: Path, gray_jpeg: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    from colorcli.media import atomic

    for number in range(40):
        shutil.copy(gray_jpeg, scans / f"{number:02d}.jpg")
    out, real, made = tmp_path / "out", os.fsync, 0

    def fsync(file: int) -> None:
        nonlocal made
        made += 1
        if made > 12:
            raise OSError(code, os.strerror(code))
        real(file)

    monkeypatch.setattr(atomic.os, "fsync", fsync)
    result = invoke("folder", scans, "-o", out, "--workers", 1)
    assert result.exit_code == 5
    assert "stopped with " in result.stderr and " left: " in result.stderr
    done = tree(out)
    assert 0 < len(done) < 15
    assert not [name for name in done if ".part-" in name]


def test_a_real_disk_that_is_full(invoke: Any, small_disk: Path, scans: Path, gray_jpeg: Path, tmp_path: Path) -> None:
    for number in range(60):
        shutil.copy(gray_jpeg, scans / f"{number:02d}.jpg")
    out = small_disk / "out"
    result = invoke("folder", scans, "-o", out, "--quality", 100)
    assert result.exit_code == 5, result.stderr
    assert "no space left" in result.stderr
    assert "stopped with " in result.stderr
    done = tree(out)
    assert 0 < len(done) < 63
    assert not [name for name in done if ".part-" in name]
    assert all(pixels(out / name).shape == (64, 96, 3) for name in done)
    for line in (out / ".colorcli/manifest.jsonl").read_bytes().splitlines():
        assert json.loads(line)
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    again = invoke("folder", scans, "-o", out, "--quality", 100)
    assert again.exit_code == 0, again.stderr
    assert f"{len(done)} skipped: done already" in again.stderr
    assert len(tree(out)) == 63


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    made = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if not made or made.returncode:
        pytest.skip("may not mount a small disk here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False)


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX's")
def test_one_folder_that_cannot_be_written(invoke: Any, scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "sub").write_text("a file where a folder should be")  # root may write anywhere else
    result = invoke("folder", scans, "-o", out)
    assert result.exit_code == 3
    assert "2 of 4 photos failed" in result.stderr
    assert tree(out) == ["a.jpg", "sub"]


# -- interrupts -------------------------------------------------------------------------------------------------------


SLOW = """
import sys, time
from colorcli.cli import main
from colorcli.media import atomic
pause, rename = float(sys.argv.pop(1)), atomic._rename
def slow(part, target, *, overwrite):
    if ".colorcli" not in target.parts:
        print("writing", flush=True)
        time.sleep(pause)
    rename(part, target, overwrite=overwrite)
atomic._rename = slow
main()
"""


@contextlib.contextmanager
def slowly(pause: float, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run the command with renames that take their time; it has begun the first when the block begins."""
    command = [sys.executable, "-c", SLOW, str(pause), *(str(argument) for argument in arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        yield process
        process.kill()


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_ctrl_c_once_finishes_what_is_being_written(invoke: Any, scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with slowly(0.7, "folder", scans, "-o", out, "--workers", 1) as process:
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert stderr.splitlines()[-1].startswith("interrupted with ")
    assert " of 4 photos done, " in stderr and " left; the same command goes on" in stderr
    assert "Traceback" not in stderr
    made = tree(out)
    assert len(made) >= 1 and not [name for name in made if ".part-" in name]
    assert {Path(line).name for line in stdout.split() if line != "writing"} == {Path(name).name for name in made}
    assert invoke("folder", scans, "-o", out).exit_code == 0
    assert len(tree(out)) == 3


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_ctrl_c_twice_stops_at_once(invoke: Any, scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with slowly(30, "folder", scans, "-o", out, "--workers", 1) as process:
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert process.poll() is None  # it waits for the writer
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=15)
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr and "interrupted with " in stderr
    assert [name for name in tree(out) if ".part-" not in name] == []
    assert invoke("folder", scans, "-o", out).exit_code == 0
    assert tree(out) == ["a.jpg", "sub/b.jpg", "sub/deep/c.jpg"]  # and no part file is left


# -- what goes away meanwhile ------------------------------------------------------------------------------------------


def test_folders_that_vanish_meanwhile(
    invoke: Any, scans: Path, gray_jpeg: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from colorcli.media import photo

    for number in range(6):
        shutil.copy(gray_jpeg, scans / f"{number}.jpg")
    out, real = tmp_path / "out", photo.write
    made: list[Path] = []

    def write(found: Any, target: Path, **options: Any) -> list[str]:
        made.append(target)
        if len(made) == 3:
            shutil.rmtree(out)
            shutil.rmtree(scans / "sub")
        return real(found, target, **options)

    monkeypatch.setattr(photo, "write", write)
    result = invoke("folder", scans, "-o", out, "--workers", 1)
    assert result.exit_code == 3, result.stderr
    assert "the folder of outputs is gone" in result.stderr
    assert not out.exists()  # a disk that was unplugged is not to be found again as a folder of the same name


def test_names_in_messages_are_printable(invoke: Any, scans: Path, gray_jpeg: Path, tmp_path: Path) -> None:
    odd = scans / os.fsdecode(b"caf\xe9\n\x1b[31m.jpg")
    shutil.copy(gray_jpeg, odd)
    shown = invoke("folder", scans, "-o", tmp_path / "out", "-n")
    assert shown.exit_code == 0
    told = invoke("folder", scans, "-o", tmp_path / "out", "-v")
    for text in (shown.stdout, told.stderr):
        assert "caf\\xe9\\n\\x1b[31m.jpg" in text
    assert "1 skipped: in colour already (--on-color recolor" in last(told)


def test_links_are_followed_once(invoke: Any, scans: Path, tmp_path: Path) -> None:
    (scans / "again").symlink_to(scans / "sub")
    (scans / "sub/loop").symlink_to(scans)
    (scans / "nowhere.jpg").symlink_to(scans / "missing.jpg")
    result = invoke("folder", scans, "-o", tmp_path / "out")
    assert result.exit_code == 3
    assert "1 of 5 photos failed" in result.stderr
    assert len(tree(tmp_path / "out")) == 3
