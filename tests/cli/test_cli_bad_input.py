"""Bad files on the command line: a sentence, a next step and an exit code; in a folder, the others are done."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

_GOOD = ("a.jpg", "m.jpg", "z.jpg")


pytestmark = pytest.mark.usefixtures("tiny_by_default")


def _bad(photo: bytes) -> dict[str, bytes]:
    """What people hand in, by name: bytes of each."""
    return {
        "empty.jpg": b"",
        "page.jpg": b"<!DOCTYPE html><html><body>404 not found",
        "half.jpg": photo[: len(photo) // 2],
        "closed half.jpg": photo[: len(photo) // 2].rstrip(b"\xff") + b"\xff\xd9",
        "zeros.tif": bytes(3000),
        "huge.ppm": b"P6 99999999 99999999 255\n",
        "promise.bmp": b"BM" + bytes(8) + (54).to_bytes(4, "little") + (40).to_bytes(4, "little")
        + (20000).to_bytes(4, "little") * 2 + b"\1\0\x18\0" + bytes(24),
        "two\nlines.png": b"\x89PNG\r\n\x1a\n",
        "-dash.webp": b"RIFF\x10\0\0\0WEBPVP8 ",
    }  # fmt: skip


@pytest.mark.parametrize("name", list(_bad(b"\xff\xd8\xff")))
def test_one_bad_photo(invoke: Any, photo: Path, tmp_path: Path, name: str) -> None:
    source = tmp_path / "in" / name
    source.parent.mkdir()
    source.write_bytes(_bad(photo.read_bytes())[name])
    out = tmp_path / "out" / "out.png"
    result = invoke("photo", source, "-o", out)
    assert result.exit_code == 5, result.stderr
    assert result.stdout == ""
    assert name.replace("\n", "\\n") in result.stderr
    assert "hint: " in result.stderr
    assert "Traceback" not in result.stderr
    assert not out.exists()


def test_a_folder_of_bad_files_and_good_ones(process: Any, photo: Path, tmp_path: Path) -> None:
    scans, out = tmp_path / "scans", tmp_path / "out"
    scans.mkdir()
    bad = _bad(photo.read_bytes())
    for name in _GOOD:
        (scans / name).write_bytes(photo.read_bytes())
    for name, content in bad.items():
        (scans / name).write_bytes(content)
    (scans / "gone.jpg").symlink_to("nowhere.jpg")
    done = process("folder", scans, "-o", out, "--json")
    assert done.returncode == 3, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    ends = {Path(record["input"]).name: record for record in records if "input" in record}
    assert {name for name, record in ends.items() if record["status"] == "done"} == set(_GOOD)
    failed = {name for name, record in ends.items() if record["status"] == "failed"}
    assert failed >= set(bad)
    assert all(ends[name]["reason"] and ends[name]["hint"] for name in failed)
    written = {path.name for path in out.rglob("*") if path.is_file() and ".colorcli" not in path.parts}
    assert written == set(_GOOD)
    for noise in (b"Traceback", b"libpng", b"TIFFRe", b"Corrupt JPEG", b"OpenCV", b"Warning"):
        assert noise not in done.stderr


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (20000, 3), (3, 20000)])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_odd_shapes_are_colorized(invoke: Any, tmp_path: Path, size: tuple[int, int], suffix: str) -> None:
    source, out = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    width, height = size
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width)).astype(np.uint8)).save(source)
    result = invoke("photo", source, "-o", out)
    assert result.exit_code == 0, result.stderr
    with Image.open(out) as found:
        assert found.size == size


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_pipes_and_devices(invoke: Any, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    for source in (tmp_path / "pipe.jpg", "/dev/zero"):
        result = invoke("photo", source, "-o", tmp_path / "out.png")
        assert result.exit_code == 5
        assert "not a regular file" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["pipe.jpg"]


def test_a_photo_from_a_broken_pipe(invoke: Any, photo: Path, tmp_path: Path) -> None:
    result = invoke("photo", "-", "-o", tmp_path / "out.png", stdin=photo.read_bytes()[:700])
    assert result.exit_code == 5
    assert "damaged or truncated JPEG file: -" in result.stderr
    assert not (tmp_path / "out.png").exists()
