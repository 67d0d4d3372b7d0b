"""``colorcli folder`` from end to end, with a tiny model."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_pictures import colourfulness

from colorcli.cli import _output
from colorcli.engine.result import Result

pytestmark = pytest.mark.usefixtures("tiny_by_default")


@pytest.fixture
def scans(gray_jpeg: Path, tmp_path: Path) -> Path:
    """A tree of three photos, and what else lies about in folders."""
    root = tmp_path / "scans"
    for name in ("a.jpg", "sub/b.jpg", "sub/deep/c.jpg", ".DS_Store", "sub/Thumbs.db", "notes.txt", "@eaDir/a.jpg"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".jpg":
            shutil.copy(gray_jpeg, path)
        else:
            path.write_text("x")
    return root


def tree(root: Path) -> list[str]:
    names = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return sorted(name for name in names if not name.startswith(".colorcli/"))


def test_mirrors_the_tree_and_matches_photo(invoke: Any, scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = invoke("folder", scans, "-o", out)
    assert result.exit_code == 0, result.stderr
    assert tree(out) == ["a.jpg", "sub/b.jpg", "sub/deep/c.jpg"]
    assert sorted(result.stdout.split()) == [str(out / name) for name in tree(out)]
    assert result.stderr.splitlines()[-1].startswith("3 done in ")
    assert invoke("photo", scans / "a.jpg", "-o", tmp_path / "alone.jpg").exit_code == 0
    assert (tmp_path / "alone.jpg").read_bytes() == (out / "a.jpg").read_bytes()


def test_default_output_lies_beside(invoke: Any, scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    invoke("folder", scans, "-n")
    assert not scans.with_name("scans_color").exists()
    assert invoke("folder", scans).exit_code == 0
    assert len(tree(scans.with_name("scans_color"))) == 3
    monkeypatch.chdir(scans)
    again = invoke("folder", ".", "-n")
    assert "0 photos to colorize with model tiny, 3 to skip" in again.stderr


def test_output_inside_input_is_not_read_again(invoke: Any, scans: Path) -> None:
    for _ in range(2):
        assert invoke("folder", scans, "-o", scans / "colored").exit_code == 0
    assert tree(scans / "colored") == ["a.jpg", "sub/b.jpg", "sub/deep/c.jpg"]


def test_running_again_resumes_without_torch(invoke: Any, scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    invoke("folder", scans, "-o", out)
    (out / "sub/b.jpg").unlink()
    kept = (out / "a.jpg").stat().st_mtime_ns
    result = invoke("folder", scans, "-o", out)
    assert result.stdout == f"{out / 'sub/b.jpg'}\n"
    assert "1 done" in result.stderr
    assert "2 skipped: done already" in result.stderr
    assert (out / "a.jpg").stat().st_mtime_ns == kept
    code = f"""
import sys
from typer.testing import CliRunner
from colorcli.cli import app
for more in ([], ["-n"], ["--json"], ["-n", "--force"]):
    result = CliRunner().invoke(app, ["folder", {str(scans)!r}, "-o", {str(out)!r}, *more])
    assert result.exit_code == 0, result.stderr
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_overwrite_and_options_reach_the_engine(invoke: Any, scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    invoke("folder", scans, "-o", out)
    assert colourfulness(out / "a.jpg") > 5
    result = invoke("folder", scans, "-o", out, "--overwrite", "--strength", "0", "--workers", "1", "--batch-size", "2")
    assert "3 done" in result.stderr
    assert colourfulness(out / "a.jpg") < 1  # JPEG may stray a little


def test_one_bad_file_does_not_stop_the_rest(invoke: Any, scans: Path, tmp_path: Path) -> None:
    (scans / "broken.jpg").write_text("no")
    result = invoke("folder", scans, "-o", tmp_path / "out", "--json")
    assert result.exit_code == 3
    assert len(tree(tmp_path / "out")) == 3
    states = sorted(json.loads(line)["status"] for line in result.stdout.splitlines())
    assert states == ["done", "done", "done", "failed"]
    assert "broken.jpg" in result.stderr
    assert "1 of 4 photos failed" in result.stderr


def test_fail_fast_stops(invoke: Any, gray_jpeg: Path, tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    (scans / "0.jpg").write_text("no")
    for i in range(1, 30):
        shutil.copy(gray_jpeg, scans / f"{i:02}.jpg")
    result = invoke("folder", scans, "-o", tmp_path / "out", "--fail-fast", "--workers", "1")
    assert result.exit_code == 3
    assert "not tried" in result.stderr
    assert len(tree(tmp_path / "out")) < 29 if (tmp_path / "out").exists() else True


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["missing"], 5, "missing"),
        (["scans/a.jpg"], 5, "colorcli photo"),
        (["scans/@eaDir"], 0, "1 done"),  # asked for by name, it is searched
        (["hollow"], 5, "no pictures in it"),
        (["scans", "-o", "scans"], 2, "both input and output"),
        (["scans", "-o", "scans/a.jpg"], 5, "a file, not a folder: scans/a.jpg"),
        (["scans", "-o", "/proc/colorcli"], 5, "/proc/colorcli"),
        (["spoiled"], 3, "1 of 1 photo failed"),
        (["scans", "--workers", "0"], 2, "workers"),
        (["scans", "--batch-size", "0"], 2, "batch"),
        (["scans", "--model", "mfr"], 2, "did you mean 'mrf'?"),
    ],
)
def test_mistakes_are_clear(
    invoke: Any, scans: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, words: str
) -> None:
    monkeypatch.chdir(scans.parent)
    Path("hollow").mkdir()
    Path("spoiled").mkdir()
    Path("spoiled/a.jpg").write_text("no")
    result = invoke("folder", *arguments)
    assert result.exit_code == code, result.stderr
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_progress_is_lines_where_there_is_no_terminal(
    invoke: Any, scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_output, "LINE_EVERY", 0.0)
    lines = invoke("folder", scans, "-o", tmp_path / "out").stderr.splitlines()
    assert [line.split(" photos, ")[0] for line in lines[:3]] == ["1/3", "2/3", "3/3"]
    assert all("/s, " in line and line.endswith(" left") for line in lines[:3])


def test_downgrades_and_warnings_are_told(invoke: Any, scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def results(jobs: list[Any], *_: object) -> Iterator[Result]:
        for job in jobs:
            yield Result(
                input=job.source, output=job.target, status="done", model="tiny", weights_sha256="0" * 64,
                downgrades=("size 32", "cpu"), warnings=("a strange profile",),
            )  # fmt: skip

    monkeypatch.setattr("colorcli.engine.folder.run", results)
    words = invoke("folder", scans).stderr
    assert words.count("memory was short; done with size 32, cpu") == 3
    assert words.count("a strange profile") == 3


def test_interrupt_in_the_middle_keeps_what_is_done(invoke: Any, scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = threading.Event()

    def results(jobs: list[Any], *_: object) -> Iterator[Result]:
        job = jobs[0]
        try:
            yield Result(input=job.source, output=job.target, status="done", model="tiny", weights_sha256="0" * 64)
            raise KeyboardInterrupt
        finally:
            closed.set()

    monkeypatch.setattr("colorcli.engine.folder.run", results)
    result = invoke("folder", scans)
    assert result.exit_code == 130
    assert result.stderr == "interrupted with 1 of 3 photos done, 2 left; the same command goes on from there\n"
    assert closed.is_set()


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_ctrl_c_ends_the_process_with_130_and_no_half_files(gray_jpeg: Path, tmp_path: Path) -> None:
    scans, out = tmp_path / "scans", tmp_path / "out"
    scans.mkdir()
    for i in range(3000):
        (scans / f"{i:04}.jpg").hardlink_to(gray_jpeg)
    command = [sys.executable, "-m", "colorcli", "folder", str(scans), "-o", str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not list(out.glob("*.jpg")) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    last = stderr.splitlines()[-1]
    assert last.startswith("interrupted with ")
    assert "Traceback" not in stderr
    made = tree(out)
    assert 0 < len(made) < 3000
    assert not [name for name in made if ".part-" in name]
    told = {Path(line).name for line in stdout.split()}
    assert told <= set(made)
    assert len(told) >= len(made) - 1  # the interrupt may hit between the renaming and the telling
    assert all((out / name).read_bytes().endswith(b"\xff\xd9") for name in made)
