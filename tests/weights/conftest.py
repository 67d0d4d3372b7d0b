"""A Hub of our own on this machine: the real client, the real protocol, no network."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_server import Hub


@pytest.fixture
def server() -> Iterator[Hub]:
    """The server alone; what talks to it is told so by its environment."""
    with Hub() as here:
        thread = threading.Thread(target=here.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield here
        here.shutdown()
        thread.join()


@pytest.fixture
def environment(server: Hub, tmp_path: Path) -> dict[str, str]:
    """For a process of its own: its settings lead to the server, its caches below tmp_path."""
    own = {
        "HF_ENDPOINT": server.address, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1",
        "NO_PROXY": "*",        "COLORCLI_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    return {key: value for key, value in os.environ.items() if key != "HF_TOKEN"} | own


@pytest.fixture
def colorcli(environment: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command in a process of its own, connected to the server."""

    def run(*words: object, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "colorcli", *map(str, words)]
        done = subprocess.run(command, env=environment | more, capture_output=True, text=True, timeout=300, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run


@pytest.fixture
def hub(server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The server, with this process's own Hub client connected to it, which read its settings at import."""
    from huggingface_hub import constants
    from huggingface_hub.utils import _http

    from colorcli.weights import retry

    monkeypatch.setenv("HF_ENDPOINT", server.address)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("COLORCLI_CACHE", str(tmp_path / "cache"))
    for name in ("HF_HUB_OFFLINE", "HF_TOKEN", "HF_HOME"):
        monkeypatch.delenv(name, raising=False)
    settings: dict[str, Any] = {
        "HF_HUB_OFFLINE": False, "HF_HUB_CACHE": str(tmp_path / "hf/hub"),
        "HF_TOKEN_PATH": str(tmp_path / "hf/token"), "HF_HUB_DISABLE_XET": True, "HF_HUB_DISABLE_TELEMETRY": True,
    }  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setattr(constants, name, value)
    monkeypatch.setattr(retry, "PAUSES", (0.01, 0.01, 0.01))
    _http.close_session()
    yield server
    _http.close_session()
