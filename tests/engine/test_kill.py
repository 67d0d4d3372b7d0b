"""A run that is killed at any moment, fifty times: nothing half done, nothing lost, and the next run ends the work.

One process loads everything once and forks for every trial; what is killed is a real run of the command.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from colorcli.media import photo as media

TRIALS, PHOTOS = 50, 24

#: Reads lines of JSON, a command's arguments each; forks a child that runs them; answers with its process number. The
#: child tells through its exit status.
ZYGOTE = """
import json, os, signal, sys
from colorcli.cli import app
import colorcli.engine.colorizer, colorcli.engine.folder, colorcli.engine.settings, colorcli.engine.book
import colorcli.media.encode, colorcli.media.decode
signal.signal(signal.SIGCHLD, signal.SIG_DFL)
print("ready", flush=True)
for line in iter(sys.stdin.readline, ''):
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0), os.dup2(null, 1)
        try:
            app(json.loads(line), prog_name="colorcli")
        except SystemExit as end:
            os._exit(end.code or 0)
    print(child, flush=True)
    sys.stdin.readline()  # until then a child that has ended is kept, and its number is no other's
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Zygote:
    def __init__(self) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", ZYGOTE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def run(self, *arguments: object, kill: Callable[[int], None] | None = None) -> int:
        """Return the exit status of a run; negative if it was killed, which it is when ``kill`` returns."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([str(argument) for argument in arguments]) + "\n")
        self._process.stdin.flush()
        child = int(self._line())
        if kill is not None:
            kill(child)
            os.kill(child, signal.SIGKILL)
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return os.waitstatus_to_exitcode(int(self._line()))

    def close(self) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()


def draw(root: Path) -> None:
    rng = np.random.default_rng(0)
    gray = data.camera()
    for number in range(PHOTOS):
        height, width = rng.integers(30, 130, 2)
        y, x = rng.integers(0, 300, 2)
        suffix = (".jpg", ".png", ".tif")[number % 3]
        path = root / f"box-{number % 4}" / f"{number:02d}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        media.write(media.Photo(np.ascontiguousarray(gray[y : y + height, x : x + width])), path)


def pixels(out: Path) -> dict[str, np.ndarray]:
    """Every file under a final name, decoded to its end."""
    paths = [path for path in out.rglob("*") if path.is_file() and not path.name.startswith(".")]
    paths = [path for path in paths if ".colorcli" not in path.parts]
    return {path.relative_to(out).as_posix(): media.read(path).pixels for path in paths}


def recorded(out: Path) -> set[str]:
    """The outputs that the manifest tells of; its last line may be torn."""
    path = out / ".colorcli/manifest.jsonl"
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return {json.loads(line)["output"] for line in lines}


class Moment:
    """A moment of a run: some time after it has written its n-th line. Time alone would hit the loading mostly."""

    def __init__(self, out: Path, lines: int, later: float) -> None:
        self._path, self._later = out / ".colorcli/manifest.jsonl", later
        self._until = self._size() + lines * 1300  # about as long as a line is; where within one does not matter

    def _size(self) -> int:
        return self._path.stat().st_size if self._path.exists() else 0

    def wait(self, child: int) -> None:
        deadline = time.monotonic() + 5
        status = Path(f"/proc/{child}/stat")
        while self._size() < self._until and time.monotonic() < deadline:
            if status.exists() and ") Z " in status.read_text():
                return  # it has ended
            time.sleep(0.001)
        time.sleep(self._later)


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    found = Zygote()
    yield found
    found.close()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="forks")
def test_fifty_kills(zygote: Zygote, tmp_path: Path, tiny_model: Path) -> None:
    scans = tmp_path / "scans"
    draw(scans)
    chance = random.Random(3)
    common = ("folder", scans, "--model", tiny_model, "-q")
    assert zygote.run(*common, "-o", tmp_path / "undisturbed") == 0
    wanted = pixels(tmp_path / "undisturbed")
    assert len(wanted) == PHOTOS
    out, killed, progress = tmp_path / "out-0", 0, []
    for trial in range(TRIALS):
        moment = Moment(out, chance.randint(0, 8), chance.uniform(0, 0.03))
        killed += zygote.run(*common, "-o", out, kill=moment.wait) == -signal.SIGKILL
        found = pixels(out)
        for name, picture in found.items():
            assert np.array_equal(picture, wanted[name]), name
        assert set(found) <= recorded(out)
        progress.append(len(found))
        if len(found) == PHOTOS or trial == TRIALS - 1:
            assert zygote.run(*common, "-o", out) == 0
            found = pixels(out)
            assert found.keys() == wanted.keys()
            assert all(np.array_equal(found[name], wanted[name]) for name in wanted)
            left = [path.name for path in out.rglob("*") if re.search(r"\.part-\d+", path.name)]
            assert left == []
            out = tmp_path / f"out-{trial + 1}"
    assert killed > 0.6 * TRIALS  # the others had ended before
    assert len(set(progress)) > 8  # at many different moments


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="forks")
def test_kills_in_place(zygote: Zygote, tmp_path: Path, tiny_model: Path) -> None:
    """At any moment a photo is the original or the result, and where it is the result, the original is kept."""
    scans, kept = tmp_path / "scans", tmp_path / "scans/.colorcli/originals"
    draw(scans)
    originals, chance = pixels(scans), random.Random(4)
    common = ("folder", scans, "--model", tiny_model, "-q")
    assert zygote.run(*common, "-o", tmp_path / "undisturbed") == 0
    wanted = pixels(tmp_path / "undisturbed")
    for _ in range(8):
        moment = Moment(scans, chance.randint(0, 3), chance.uniform(0, 0.03))
        zygote.run(*common, "--in-place", kill=moment.wait)
        for name, picture in pixels(scans).items():
            if np.array_equal(picture, wanted[name]):
                assert np.array_equal(media.read(kept / name).pixels, originals[name])
            else:
                assert np.array_equal(picture, originals[name])
    assert zygote.run(*common, "--in-place") == 0
    found = pixels(scans)
    assert all(np.array_equal(found[name], wanted[name]) for name in wanted)
    assert all(np.array_equal(media.read(kept / name).pixels, originals[name]) for name in wanted)
