"""As much of the Hugging Face Hub as its own client needs to download and upload, on this machine's loopback.

Use it in tests through the fixture ``hub`` (tests/weights/conftest.py): the real client then talks to it. It can be
told to answer with errors, to break transfers off, to be slow, and it keeps a log of what was asked of it.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_good"


@dataclass
class Repository:
    """One repository: its files, as they are at its one commit."""

    files: dict[str, bytes] = field(default_factory=dict)
    commit: str = COMMIT
    licence: str = "apache-2.0"
    gated: bool = False
    private: bool = False


@dataclass
class Trouble:
    """What goes wrong, and for how many requests more.

    Attributes:
        status: answered instead of anything else.
        only: to requests whose method and path match, as in "GET /cdn".
        count: how often.
        pause: seconds before the answer.
        share: of a file's bytes that are sent before the line is cut; 1 is all.
        flipped: one bit of a file is sent wrong.
    """

    status: int = 0
    only: str = ""
    count: int = 1
    pause: float = 0.0
    share: float = 1.0
    flipped: bool = False


class Hub(ThreadingHTTPServer):
    """Repositories by name; plain files under /files; a log of requests as "METHOD /path RANGE"."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, Repository] = {}
        self.moved: dict[str, str] = {}
        self.plain: dict[str, bytes] = {}
        self.etags = True
        self.ranges = True
        self.troubles: list[Trouble] = []
        self.log: list[str] = []
        self.blobs: dict[str, bytes] = {}
        self.summaries: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def elsewhere(self) -> str:
        """The server under another name: files lie on another host than the Hub's, and get no token."""
        return f"http://localhost:{self.server_port}"

    def add(self, name: str, files: dict[str, bytes], **facts: Any) -> Repository:
        self.repositories[name] = Repository(files=files, **facts)
        return self.repositories[name]

    def downloads(self) -> list[str]:
        return [line for line in self.log if line.startswith(("GET /cdn", "GET /files"))]

    def trouble(self, line: str) -> Trouble | None:
        found = next((each for each in self.troubles if each.count and re.match(each.only, line)), None)
        if found is not None:
            found.count -= 1
        return found


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError):  # the other side may have had enough
            super().handle()

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _answer(self, content: Any, status: int = 200, **headers: str) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _error(self, status: int, code: str = "", **headers: str) -> None:
        facts = {"X_Error_Code": code, "X_Error_Message": code} if code else {}
        self._answer({"error": code or "trouble"}, status, **facts, **headers)

    def _troubled(self) -> Trouble | None:
        line = f"{self.command} {self.path} {self.headers.get('Range', '')}".rstrip()
        self.server.log.append(line)
        found = self.server.trouble(line)
        if found is not None:
            time.sleep(found.pause)
        return found

    def do_HEAD(self) -> None:
        self._read()

    def do_GET(self) -> None:
        self._read()

    def _read(self) -> None:
        trouble = self._troubled()
        share = 1.0 if trouble is None else trouble.share
        self.flipped = trouble is not None and trouble.flipped
        if trouble is not None and trouble.status:
            self._error(trouble.status)
        elif self.path.startswith("/cdn/"):
            contents = {
                _sha256(data): data for repo in self.server.repositories.values() for data in repo.files.values()
            }
            self._file(contents.get(self.path.removeprefix("/cdn/")), share)
        elif self.path.startswith("/files/"):
            self._file(self.server.plain.get(self.path.removeprefix("/files/")), share)
        elif self.path.startswith("/api/models/"):
            self._about(
                *re.fullmatch(r"/api/models/([^/]+/[^/?]+)(?:/(?:revision|tree)/([^/?]+))?.*", self.path).groups()
            )
        else:
            self._resolve(*re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.path).groups())

    def _repository(self, name: str) -> Repository | None:
        """Return a repository the other side may see; otherwise the error has been sent."""
        found, token = self.server.repositories.get(name), self.headers.get("Authorization")
        if token not in (None, f"Bearer {TOKEN}", "Bearer hf_stranger"):
            self._answer({"error": "no"}, 401, X_Error_Message="Invalid credentials in Authorization header")
        elif found is None or (found.private and token != f"Bearer {TOKEN}"):
            self._error(401, "RepoNotFound")
        else:
            return found
        return None

    def _about(self, name: str, revision: str | None) -> None:
        found = self._repository(name)
        if found is None:
            return
        if revision not in (None, "main", found.commit):
            self._error(404, "RevisionNotFound")
            return
        files = [{"rfilename": each} for each in found.files]
        self._answer({
            "id": name, "sha": found.commit, "siblings": files, "gated": "manual" if found.gated else False,
            "private": found.private, "tags": [f"license:{found.licence}"], "cardData": {"license": found.licence},
            "downloads": 0, "likes": 0,
        })  # fmt: skip

    def _resolve(self, name: str, revision: str, file: str) -> None:
        if name in self.server.moved:
            there = self.path.replace(name, self.server.moved[name], 1)
            self._answer(b"", 307, Location=there)
            return
        found = self._repository(name)
        if found is None:
            return
        if found.gated and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._error(403 if "Authorization" in self.headers else 401, "GatedRepo")
        elif revision not in ("main", found.commit):
            self._error(404, "RevisionNotFound")
        elif file not in found.files:
            self._error(404, "EntryNotFound", X_Repo_Commit=found.commit)
        elif file.endswith((".json", ".toml", ".md")):  # small ones come at once, with git's own hash
            data = found.files[file]
            git = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            self._answer(data, X_Repo_Commit=found.commit, ETag=f'"{git}"')
        else:
            data = found.files[file]
            self._answer(
                b"", 302, Location=f"{self.server.elsewhere}/cdn/{_sha256(data)}", X_Repo_Commit=found.commit,
                X_Linked_ETag=f'"{_sha256(data)}"', X_Linked_Size=str(len(data)),
            )  # fmt: skip

    def _file(self, data: bytes | None, share: float) -> None:
        if data is None:
            self._error(404)
            return
        etag, wanted = f'"{_sha256(data)}"', re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(wanted[1]) if wanted and self.server.ranges and self.headers.get("If-Range", etag) == etag else 0
        if start > len(data) or (start and start == len(data)):
            self._error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if self.server.etags:
            self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if self.command == "HEAD":
            return
        end = start + int((len(data) - start) * share)
        sent = bytearray(data[start:end])
        if self.flipped:
            sent[-1] ^= 1
        self.wfile.write(sent)
        if share < 1:
            self.wfile.flush()
            self.close_connection = True

    # Uploads

    def do_PUT(self) -> None:
        self.server.blobs[self.path.rpartition("/")[2]] = self._body()
        self._answer({})

    def do_POST(self) -> None:
        body, here = self._body(), self.server
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._answer({"error": "Invalid username or password."}, 401)
        elif self.path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
            repo = here.repositories.setdefault(name, Repository())
            repo.private = bool(asked.get("private")) or asked.get("visibility") == "private"
            self._answer({"url": f"{here.address}/{name}", "id": name})
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
            repo = here.repositories[self.path.removeprefix("/api/models/").split("/commit/")[0]]
            for line in map(json.loads, body.splitlines()):
                value = line["value"]
                if line["key"] == "header":
                    here.summaries.append(value["summary"])
                elif line["key"] == "file":
                    repo.files[value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "lfsFile":
                    repo.files[value["path"]] = here.blobs[value["oid"]]
            name = self.path.removeprefix("/api/models/").split("/commit/")[0]
            url = f"{here.address}/{name}/commit/{'1' * 40}"
            self._answer({"success": True, "commitOid": "1" * 40, "commitUrl": url, "hookOutput": ""})
        else:
            self._answer({"error": f"not here: {self.path}"}, 404)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
