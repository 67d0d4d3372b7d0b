"""Uploads to a Hub of our own on this machine: the real client, the real protocol, no network."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from colorcli.errors import UsageError, WeightsError
from colorcli.weights import hub, package


class Hub(ThreadingHTTPServer):
    """As much of the Hub as an upload needs. Keeps files by repository; knows one token."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, dict[str, bytes]] = {}
        self.blobs: dict[str, bytes] = {}
        self.private: dict[str, bool] = {}
        self.summaries: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *_: Any) -> None:
        pass

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _answer(self, content: Any, status: int = 200) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_PUT(self) -> None:
        self.server.blobs[self.path.rpartition("/")[2]] = self._body()
        self._answer({})

    def do_GET(self) -> None:
        repo = self.path.removeprefix("/api/models/").split("/revision")[0]
        known = repo in self.server.files
        self._answer(
            {"id": repo, "sha": "0" * 40, "siblings": []} if known else {"error": "not found"}, 200 if known else 404
        )

    def do_POST(self) -> None:
        body, here = self._body(), self.server
        if self.headers.get("Authorization") != "Bearer hf_good":
            self._answer({"error": "Invalid username or password."}, 401)
        elif self.path == "/api/repos/create":
            asked = json.loads(body)
            repo = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
            here.files.setdefault(repo, {})
            here.private[repo] = bool(asked.get("private")) or asked.get("visibility") == "private"
            self._answer({"url": f"{here.address}/{repo}", "id": repo})
        elif self.path.startswith("/api/validate-yaml"):
            self._answer({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            rows = [
                {"path": file["path"], "uploadMode": "lfs" if file["path"].endswith(".safetensors") else "regular",
                 "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]  # fmt: skip
            self._answer({"files": rows})
        elif self.path.endswith("/info/lfs/objects/batch"):
            objects = [
                {**one, "actions": {"upload": {"href": f"{here.address}/blob/{one['oid']}", "header": {}}}}
                for one in json.loads(body)["objects"]
            ]
            self._answer({"transfer": "basic", "objects": objects})
        elif "/commit/" in self.path:
            repo = self.path.removeprefix("/api/models/").split("/commit/")[0]
            for line in map(json.loads, body.splitlines()):
                value = line["value"]
                if line["key"] == "header":
                    here.summaries.append(value["summary"])
                elif line["key"] == "file":
                    here.files[repo][value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "lfsFile":
                    here.files[repo][value["path"]] = here.blobs[value["oid"]]
            url = f"{here.address}/{repo}/commit/{'1' * 40}"
            self._answer({"success": True, "commitOid": "1" * 40, "commitUrl": url, "hookOutput": ""})
        else:
            self._answer({"error": f"not here: {self.path}"}, 404)


@pytest.fixture
def server() -> Iterator[Hub]:
    with Hub() as here:
        thread = threading.Thread(target=here.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield here
        here.shutdown()
        thread.join()


@pytest.fixture
def exported(tiny_model: Path, tmp_path: Path) -> Path:
    package.export(tiny_model, tmp_path / "model", licence="Apache-2.0")
    (tmp_path / "model" / "notes.txt").write_text("mine alone")
    return tmp_path / "model"


def _push(folder: Path, repo: str, endpoint: str, tmp_path: Path, *more: str, token: str = "hf_good") -> Any:
    # A process of its own: the client reads its settings once, and the tests' own are to stay offline.
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_TOKEN": token, "HF_HUB_OFFLINE": "0", "NO_PROXY": "*",
                   "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1",
                   "HF_HUB_DISABLE_PROGRESS_BARS": "1"}  # fmt: skip
    command = [sys.executable, "-m", "colorcli", "weights", "push", str(folder), repo, *more]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_a_model_is_uploaded_whole(server: Hub, exported: Path, tmp_path: Path) -> None:
    done = _push(exported, "ann/places", server.address, tmp_path, "--private", "-m", "first")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{server.address}/ann/places/commit/{'1' * 40}"
    there = server.files["ann/places"]
    assert sorted(there) == ["README.md", "card.toml", "model.safetensors"]
    assert all(content == (exported / name).read_bytes() for name, content in there.items())
    assert server.private["ann/places"] and server.summaries == ["first"]


def test_a_hub_that_refuses_is_explained(server: Hub, exported: Path, tmp_path: Path) -> None:
    done = _push(exported, "ann/places", server.address, tmp_path, token="hf_bad")
    assert done.returncode == 4
    assert "error: ann/places: the Hub refused" in done.stderr and "HF_TOKEN" in done.stderr
    assert "Traceback" not in done.stderr and not server.files


def test_a_hub_that_cannot_be_reached_is_explained(exported: Path, tmp_path: Path) -> None:
    done = _push(exported, "ann/places", "http://127.0.0.1:9", tmp_path)
    assert done.returncode == 4
    assert "error: ann/places: the Hub cannot be reached" in done.stderr


def test_what_is_wrong_is_found_before_the_hub_is_asked(exported: Path, tiny_model: Path) -> None:
    with pytest.raises(UsageError, match="does not name a repository"):
        hub.push(exported, "places")
    with pytest.raises(UsageError, match="no exported model"):
        hub.push(tiny_model.parent, "ann/places")
    (exported / "model.safetensors").write_bytes(b"x")
    with pytest.raises(WeightsError, match="not the file its card names"):
        hub.push(exported, "ann/places")


def test_offline_is_offline(exported: Path) -> None:
    with pytest.raises(WeightsError, match="HF_HUB_OFFLINE is set"):
        hub.push(exported, "ann/places")
