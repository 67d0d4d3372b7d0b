from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from skimage import data

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def process() -> Run:
    """Run a command as a process of its own."""

    def call(*arguments: object, stdin: bytes | None = None, **environment: str) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "colorcli", *(str(argument) for argument in arguments)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
        return subprocess.run(command, input=stdin, capture_output=True, env=environment, timeout=120)

    return call


@pytest.fixture
def tiny_by_default(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands that name no model take the tiny one."""
    monkeypatch.setenv("COLORCLI_MODEL", str(tiny_model))


@pytest.fixture(scope="session")
def gray_jpeg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small gray photo, 96 x 64."""
    path = tmp_path_factory.mktemp("photos") / "cat.jpg"
    picture = cv2.resize(cv2.cvtColor(data.chelsea(), cv2.COLOR_RGB2GRAY), (96, 64), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(path), picture)
    return path


@pytest.fixture
def photo(gray_jpeg: Path, tmp_path: Path) -> Path:
    """A copy of it in the test's own folder."""
    path = tmp_path / "cat.jpg"
    path.write_bytes(gray_jpeg.read_bytes())
    return path
