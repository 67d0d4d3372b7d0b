from __future__ import annotations

import dataclasses
import errno
import json
import os
import threading
from pathlib import Path

import pytest

from colorcli.engine.identity import Identity
from colorcli.engine.manifest import Manifest, Record


def record(name: str = "a.jpg", **changes: object) -> Record:
    values = {"input": name, "output": name, "planned": name, "wanted": name, "root": "/scans", "status": "done"}
    return Record(**{**values, "key": "k", "source": Identity(1, 2, "ab"), **changes})  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "manifest.jsonl"


def write(path: Path, *records: Record) -> None:
    manifest = Manifest(path, write=True)
    for one in records:
        manifest.append(one)
    manifest.close()


def read(path: Path) -> Manifest:
    return Manifest(path, write=False)


def test_what_is_written_is_read_and_the_newest_counts(path: Path) -> None:
    odd = record(os.fsdecode(b"caf\xe9\n.jpg"), made=Identity(3, 4, "cd"), before=Identity(5, 6, "ef"), reason="x")
    write(path, record(key="old"), odd, record(key="new", more={"seconds": 1.5, "triage": {"kind": "neutral"}}))
    found = read(path)
    assert found.latest == {"a.jpg": record(key="new"), odd.planned: odd}
    assert found.names["a.jpg", "a.jpg"] == "a.jpg"
    assert not found.warnings
    lines = [json.loads(line) for line in path.read_text("ascii").splitlines()]
    assert lines[2]["triage"] == {"kind": "neutral"}
    assert lines[1]["out"] == {"size": 3, "mtime_ns": 4, "sha256": "cd"}


def test_reading_changes_nothing(path: Path) -> None:
    assert read(path).latest == {}
    assert not path.exists()
    write(path, record())
    torn = path.read_bytes() + b'{"input": "b.j'
    path.write_bytes(torn)
    manifest = read(path)
    assert set(manifest.latest) == {"a.jpg"}
    assert path.read_bytes() == torn
    with pytest.raises(ValueError, match="not open"):
        manifest.append(record())


@pytest.mark.parametrize("cut", range(1, 220, 7))
def test_a_torn_last_line_is_mended(path: Path, cut: int) -> None:
    write(path, record("a.jpg"), record("b.jpg"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    write(path, record("c.jpg"))
    found = read(path)
    assert not found.warnings
    assert set(found.latest) == {"a.jpg", "c.jpg"}


@pytest.mark.parametrize(
    "damage", [b"\0" * 40, b"{", b"[]", b"null", b"7", b'{"input": "a.jpg"}', b"\xff\xfe", b"[" * 100_000, b""]
)
def test_damaged_lines_are_passed_over(path: Path, damage: bytes) -> None:
    write(path, record("a.jpg"))
    with path.open("ab") as file:
        file.write(damage + b"\n")
    write(path, record("b.jpg"))
    found = read(path)
    assert set(found.latest) == {"a.jpg", "b.jpg"}
    assert len(found.warnings) == 1
    assert "line 2 damaged" in found.warnings[0]


@pytest.mark.parametrize(
    "change", [{"input": 3}, {"in": {"size": "1", "mtime_ns": 2, "sha256": "a"}}, {"out": 5}, {"key": None}]
)
def test_ill_typed_lines_are_damaged(path: Path, change: dict[str, object]) -> None:
    line = json.loads(record().to_line())
    path.write_text(json.dumps({**line, **change}) + "\n")
    assert len(read(path).warnings) == 1


def test_most_lines_superseded(path: Path) -> None:
    write(path, *[record(key=str(i)) for i in range(600)], record("b.jpg"))
    write(path)
    assert len(path.read_bytes().splitlines()) == 2
    found = read(path)
    assert found.latest == {"a.jpg": record(key="599"), "b.jpg": record("b.jpg")}
    write(path, record("c.jpg"))
    assert set(read(path).latest) == {"a.jpg", "b.jpg", "c.jpg"}


def test_what_is_still_known_of_other_outputs_survives(path: Path) -> None:
    copied = record(output="a.tif", key="copied")
    write(path, copied, *[record(key=str(i)) for i in range(600)])
    write(path)
    assert read(path).made["a.tif"] == copied


@pytest.mark.parametrize("stage", ["write", "short", "fsync"])
def test_a_full_disk_leaves_it_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    manifest = Manifest(path, write=True)
    manifest.append(record("a.jpg"))
    before = path.read_bytes()
    real = os.write

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        if stage == "short":
            patch.setattr(os, "write", lambda file, data: real(file, data[:20]))
        else:
            patch.setattr(os, stage, full)
        with pytest.raises(OSError, match="No space left"):
            manifest.append(record("b.jpg"))
    assert path.read_bytes() == before
    assert set(manifest.latest) == {"a.jpg"}
    manifest.append(record("c.jpg"))
    manifest.close()
    assert set(read(path).latest) == {"a.jpg", "c.jpg"}
    assert not read(path).warnings


def test_a_failure_that_could_not_be_undone_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = Manifest(path, write=True)
    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda file, data: real(file, data[:20]))
        patch.setattr(os, "ftruncate", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "bad")))
        with pytest.raises(OSError, match="No space left"):
            manifest.append(record("b.jpg"))
    manifest.append(record("c.jpg"))
    manifest.close()
    assert set(read(path).latest) == {"c.jpg"}
    assert not read(path).warnings


def test_threads_append_whole_lines(path: Path) -> None:
    manifest = Manifest(path, write=True)
    workers = [
        threading.Thread(target=lambda t=t: [manifest.append(record(f"{t}-{i}.jpg")) for i in range(20)])
        for t in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    manifest.close()
    assert len(read(path).latest) == 80
    assert not read(path).warnings


def test_identity(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"one")
    found = Identity.of(file)
    assert found.is_at(file, file.stat())
    os.utime(file, ns=(1, 1))
    assert found.is_at(file, file.stat(), hashing=False) is None
    assert found.is_at(file, file.stat())
    file.write_bytes(b"two")
    os.utime(file, ns=(1, 1))
    assert found.is_at(file, file.stat()) is False
    assert dataclasses.replace(found, size=9).is_at(file, file.stat(), hashing=False) is False
    assert Identity.from_json(json.loads(json.dumps(found.to_json()))) == found
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        Identity.of(tmp_path / "pipe")
