"""Films that are interrupted, by the worst means too, end like any other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import films
import numpy as np
import pytest

#: The command with short segments, so that a small film has several; the last argument slows it down.
_RUN = """
import sys, time
import colorcli.engine.clip.segments as segments
segments.SHORTEST, segments.LONGEST, segments.RUN_UP = 8, 12, 4
from colorcli.engine.clip import sight
slow, brush = float(sys.argv.pop()), sight.Brush.__call__
def slowly(*arguments):
    time.sleep(slow)
    return brush(*arguments)
sight.Brush.__call__ = slowly
from colorcli.cli import main
main()
"""
pytestmark = pytest.mark.slow

#: A film and what was told of it.
Whole = tuple[Path, dict[str, object]]
FRAMES = 60
PTS = np.cumsum(np.random.default_rng(1).integers(20, 90, FRAMES)).tolist()


def start(source: Path, out: Path, model: Path, *more: str, slow: float = 0.0) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", _RUN, "video", str(source), "-o", str(out), "--model", str(model), *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    # Lossless, because the last bits of libx264's rate control differ from run to run when it uses several threads.
    command += ["--codec", "ffv1", str(slow)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


def finish(process: subprocess.Popen[bytes]) -> dict[str, object]:
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr.decode()
    found = json.loads(stdout)
    assert isinstance(found, dict)
    return found


def wait_for_segments(journal: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        if journal.exists() and len(journal.read_bytes().splitlines()) >= count:
            return
        time.sleep(0.01)
    raise AssertionError(f"no segment {count}: {process.communicate()}")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenes, time stamps out of step, sound; not every frame is a key frame."""
    cut = FRAMES // 3

    def picture(number: int, width: int, height: int) -> films.Codes:
        gray = films.moving(number, width, height)
        return gray if number < cut else 255 - gray // 2

    return films.make(
        tmp_path_factory.mktemp("films") / "reel.mp4", frames=FRAMES, pts=PTS, time_base=Fraction(1, 1000), audio="aac",
        picture=picture, options={"g": "24", "bf": "2"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def uninterrupted(
    source: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, object]]:
    out = tmp_path_factory.mktemp("whole") / "out.mkv"
    return out, finish(start(source, out, tiny_model, "--json"))


def test_killed_and_run_again(source: Path, uninterrupted: Whole, tiny_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    work = tmp_path / ".out.mkv.colorcli"
    for segments in (1, 3):
        process = start(source, out, tiny_model, slow=0.03)
        wait_for_segments(work / "journal.jsonl", segments, process)
        time.sleep(0.1)  # into the middle of the next
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not out.exists()
    done = len((work / "journal.jsonl").read_bytes().splitlines())
    # Whatever a kill can leave: a line half written, a spool half written.
    with (work / "journal.jsonl").open("ab") as file:
        file.write(b'{"index": 3, "fir')
    (work / f".{done:06}.spool.part-1").write_bytes(b"half")

    result = finish(start(source, out, tiny_model, "--json"))
    assert not work.exists()
    whole, told = uninterrupted
    assert result["frames"] == told["frames"] == FRAMES and result["shots"] == told["shots"]
    # Same frames, times and sound, and pixels.
    # Matroska has no times below 0, where AAC begins: all streams are later by that.
    times, wanted = ([time for time, _ in films.decoded(path)] for path in (out, source))
    assert [time - times[0] for time in times] == [time - wanted[0] for time in wanted]
    assert films.packets(out, "audio") == films.packets(whole, "audio")
    assert [data for _, data in films.packets(out, "audio")] == [data for _, data in films.packets(source, "audio")]
    assert films.packets(out, "video") == films.packets(whole, "video")


def test_interrupted_by_hand(source: Path, uninterrupted: Whole, tiny_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    process = start(source, out, tiny_model, slow=0.03)
    wait_for_segments(tmp_path / ".out.mkv.colorcli" / "journal.jsonl", 2, process)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130 and stdout == b"" and not out.exists()
    assert b"frames stored; the same command goes on from there" in stderr and b"Traceback" not in stderr
    # Another film's or other settings' work is not gone on with.
    other = start(source, out, tiny_model, "--strength", "0.5", "--json")
    _, stderr = other.communicate(timeout=60)
    assert other.returncode == 0 and b"is begun anew (other settings)" in stderr
    assert films.packets(out, "video") != films.packets(uninterrupted[0], "video")
    again = start(source, out, tiny_model, "--overwrite", "--json")
    finish(again)
    assert films.packets(out, "video") == films.packets(uninterrupted[0], "video")
