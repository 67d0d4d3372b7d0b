from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from skimage import data

from colorcli.engine.colorizer import ColorizeOptions, Colorizer
from colorcli.engine.folder import RunOptions, run
from colorcli.engine.plan import Job, plan_folder
from colorcli.engine.prepared import Prepared
from colorcli.engine.result import Result
from colorcli.media import photo as media


@pytest.fixture
def color(model: str) -> Colorizer:
    return Colorizer(ColorizeOptions(model=model))


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Photos of many sizes in a tree, two of them broken."""
    root = tmp_path / "scans"
    (root / "box").mkdir(parents=True)
    camera = data.camera()
    for name, gray in {
        "a.png": camera[:90, :120], "b.jpg": camera[100:164, 60:124], "box/c.png": camera[::5, ::7],
        "box/d.jpg": camera[:33, :7], "e.png": camera[200:290, 100:220], "f.png": camera[:1, :1],
    }.items():  # fmt: skip
        media.write(photo_of(gray.copy()), root / name)
    (root / "box" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    (root / "empty.png").touch()
    return root


def photo_of(gray: np.ndarray) -> media.Photo:
    return media.Photo(gray)


def go(color: Colorizer, root: Path, out: Path, **options: Any) -> dict[str, Result]:
    found = list(run(plan_folder(root, out), color, RunOptions(**options)))
    return {str(Path(result.input).relative_to(root)): result for result in found}


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


GOOD = ["a.png", "b.jpg", "box/c.png", "box/d.jpg", "e.png", "f.png"]


@pytest.mark.parametrize("options", [{}, {"batch": 4, "readers": 3, "writers": 3}, {"photos": 1, "readers": 2}])
def test_bad_files_do_not_stop_the_rest(color: Colorizer, scans: Path, tmp_path: Path, options: dict[str, int]) -> None:
    results = go(color, scans, tmp_path / "out", **options)
    assert {name for name, result in results.items() if result.status == "done"} == set(GOOD)
    assert files(tmp_path / "out") == GOOD
    for name in ("box/broken.jpg", "empty.png"):
        assert results[name].status == "failed"
        assert results[name].reason
        assert getattr(results[name].error, "exit_code", None) == 5
    done = results["a.png"]
    assert (done.device, done.precision, done.size, done.downgrades) == ("cpu", "fp32", 64, ())
    assert done.seconds > 0 and done.reason is None
    assert len(done.weights_sha256) == 64
    assert results["empty.png"].device is None


def test_a_folder_gives_what_each_photo_gives_alone(color: Colorizer, scans: Path, tmp_path: Path) -> None:
    go(color, scans, tmp_path / "out", provenance=False)
    for name in GOOD:
        alone = tmp_path / "alone" / name
        (result,) = run([Job(scans / name, alone)], color, RunOptions(provenance=False))
        assert result.status == "done"
        direct = tmp_path / "direct" / name
        direct.parent.mkdir(parents=True, exist_ok=True)
        media.write(color(media.read(scans / name)), direct)
        assert alone.read_bytes() == (tmp_path / "out" / name).read_bytes() == direct.read_bytes()


def test_outputs_have_colour_and_the_same_size(color: Colorizer, scans: Path, tmp_path: Path) -> None:
    go(color, scans, tmp_path / "out")
    for name in ("a.png", "b.jpg", "e.png"):
        out, original = media.read(tmp_path / "out" / name).pixels, media.read(scans / name).pixels
        assert out.shape[:2] == original.shape[:2]
        assert out.ndim == 3 and np.ptp(out.astype(int), axis=2).mean() > 5


def test_what_exists_is_skipped_unread(
    color: Colorizer, scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    go(color, scans, out)
    before = (out / "a.png").stat().st_mtime_ns
    read = media.read
    seen: list[str] = []
    monkeypatch.setattr(media, "read", lambda source, **options: (seen.append(source.name), read(source, **options))[1])
    results = go(color, scans, out)
    assert {name for name, result in results.items() if result.status == "skipped"} == set(GOOD)
    assert results["a.png"].reason == "the output exists"
    assert sorted(seen) == ["broken.jpg", "empty.png"]
    assert (out / "a.png").stat().st_mtime_ns == before
    assert go(color, scans, out, overwrite=True)["a.png"].status == "done"
    assert (out / "a.png").stat().st_mtime_ns != before


def test_fail_fast(color: Colorizer, tmp_path: Path) -> None:
    root = tmp_path / "scans"
    root.mkdir()
    (root / "000.png").touch()
    for i in range(1, 30):
        media.write(photo_of(data.camera()[:40, :40].copy()), root / f"{i:03}.png")
    results = go(color, root, tmp_path / "out", fail_fast=True, readers=1, photos=2)
    assert results["000.png"].status == "failed"
    assert len(results) < 30
    done = sorted(name for name, result in results.items() if result.status == "done")
    assert files(tmp_path / "out") == done if done else not (tmp_path / "out").exists()


def test_memory_is_bounded(color: Colorizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the writers are, no more photos than allowed are ever alive."""
    lock, alive, most = threading.Lock(), 0, 0
    original = photo_of(data.camera()[:40, :40].copy())

    def read(source: Path, **options: Any) -> media.Photo:
        nonlocal alive, most
        with lock:
            alive += 1
            most = max(most, alive)
        return dataclasses.replace(original, source=str(source))

    def write(photo: media.Photo, target: Path, **options: Any) -> list[str]:
        nonlocal alive
        threading.Event().wait(0.002)
        with lock:
            alive -= 1
        return []

    monkeypatch.setattr(media, "read", read)
    monkeypatch.setattr(media, "write", write)
    jobs = [Job(tmp_path / f"{i}.png", tmp_path / "out" / f"{i}.png") for i in range(60)]
    results = list(run(jobs, color, RunOptions(photos=3, readers=4, writers=2, batch=8)))
    assert len(results) == 60 and all(result.status == "done" for result in results)
    assert alive == 0
    assert most <= 3
    most = 0
    weight = original.pixels.size / 1e6
    list(run(jobs, color, RunOptions(photos=50, megapixels=2 * weight, readers=1, writers=1)))
    assert most <= 3  # two fill the budget's weight, one more may have entered before the second was weighed


def test_batches_hold_one_padded_size(
    color: Colorizer, scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[set[tuple[int, int]]] = []
    predict = color.predict_all

    def noted(batch: Sequence[Prepared]) -> list[torch.Tensor]:
        sizes.append({item.geometry.padded for item in batch})
        return predict(batch)

    monkeypatch.setattr(color, "predict_all", noted)
    go(color, scans, tmp_path / "out", batch=4)
    assert all(len(found) == 1 for found in sizes)


def test_streams(color: Colorizer, scans: Path) -> None:
    source, target = io.BytesIO((scans / "a.png").read_bytes()), io.BytesIO()
    (result,) = run([Job(source, target, "PNG")], color)
    assert (result.status, result.input, result.output) == ("done", "-", "-")
    target.seek(0)
    assert media.read(target, name="-").pixels.shape == (90, 120, 3)


def test_an_output_that_cannot_be_written(color: Colorizer, scans: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    results = list(
        run([Job(scans / "a.png", tmp_path / "file" / "x" / "a.png"), Job(scans / "b.jpg", tmp_path / "b.jpg")], color)
    )
    by_status = {result.status: result for result in results}
    assert set(by_status) == {"failed", "done"}
    assert "cannot make folder" in str(by_status["failed"].reason)
    assert getattr(by_status["failed"].error, "exit_code", None) == 5


def test_colours_that_are_not_finite_are_a_failure(
    color: Colorizer, scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(color, "_network", lambda L: torch.full((len(L), 313, 64, 64), float("nan")))
    results = go(color, scans, tmp_path / "out")
    assert all(result.status == "failed" for result in results.values())
    assert not (tmp_path / "out").exists()


def test_downgrades_are_reported(
    color: Colorizer, scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict = color.predict_all
    color.size = 128

    def short(batch: Sequence[Prepared]) -> list[torch.Tensor]:
        if batch[0].size > 64:
            raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 99 bytes")
        return predict(batch)

    monkeypatch.setattr(color, "predict_all", short)
    results = go(color, scans, tmp_path / "out")
    assert results["a.png"].status == "done"
    assert results["a.png"].downgrades == ("size 64",)
    assert results["a.png"].size == 64


def test_no_memory_for_reading(color: Colorizer, scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(source: Path, **options: Any) -> media.Photo:
        raise MemoryError

    monkeypatch.setattr(media, "read", read)
    results = go(color, scans, tmp_path / "out")
    assert all("not enough memory" in str(result.reason) for result in results.values())


def interrupted(jobs: list[Job], color: Colorizer, options: RunOptions) -> tuple[list[Result], bool]:
    found: list[Result] = []
    try:
        for result in run(jobs, color, options):
            found.append(result)
    except KeyboardInterrupt:
        return found, True
    return found, False


def test_interrupt_finishes_what_is_being_written(
    color: Colorizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = photo_of(data.camera()[:40, :40].copy())
    jobs = [Job(tmp_path / f"{i}.png", tmp_path / "out" / f"{i}.png") for i in range(20)]
    predict, writing, calls = color.predict_all, threading.Event(), 0

    def third_time(batch: Sequence[Prepared]) -> list[torch.Tensor]:
        nonlocal calls
        calls += 1
        if calls == 3:
            assert writing.wait(5)
            raise KeyboardInterrupt
        return predict(batch)

    def slow_write(photo: media.Photo, target: Path, **options: Any) -> list[str]:
        writing.set()
        threading.Event().wait(0.05)
        target.touch()
        return []

    monkeypatch.setattr(media, "read", lambda source, **options: original)
    monkeypatch.setattr(media, "write", slow_write)
    monkeypatch.setattr(color, "predict_all", third_time)
    results, was = interrupted(jobs, color, RunOptions(writers=1))
    assert was
    assert 1 <= len(results) <= 2
    assert files(tmp_path / "out") == sorted(Path(result.output).name for result in results)
    assert all(result.status == "done" for result in results)


def test_closing_early_waits_for_the_writers(color: Colorizer, scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with contextlib.closing(run(plan_folder(scans, out), color)) as results:
        next(results)
    settled = files(out)
    threading.Event().wait(0.05)
    assert files(out) == settled
    assert not any(".part" in name for name in settled)


def test_what_the_list_of_jobs_raises_comes_out(color: Colorizer, scans: Path, tmp_path: Path) -> None:
    def jobs() -> Iterator[Job]:
        yield Job(scans / "a.png", tmp_path / "a.png")
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        list(run(jobs(), color))


def test_nothing_to_do(color: Colorizer) -> None:
    assert list(run([], color)) == []


def test_results_are_json(color: Colorizer, scans: Path, tmp_path: Path) -> None:
    for result in go(color, scans, tmp_path / "out").values():
        shown = json.loads(json.dumps(result.to_json()))
        assert set(shown) == {
            "input", "output", "status", "reason", "hint", "seconds", "model", "weights_sha256", "device",
            "precision", "size", "uncertainty", "downgrades", "warnings", "triage", "pages",
        }  # fmt: skip


@pytest.mark.parametrize("options", [{"quality": 0}, {"batch": 0}, {"readers": 0}, {"photos": 0}, {"megapixels": 0.0}])
def test_run_options_out_of_range(options: dict[str, Any]) -> None:
    from colorcli.errors import UsageError

    with pytest.raises(UsageError):
        RunOptions(**options)


def test_threads_end_with_the_run(color: Colorizer, scans: Path, tmp_path: Path) -> None:
    before = set(threading.enumerate())
    go(color, scans, tmp_path / "out")
    assert set(threading.enumerate()) <= before


def test_what_cannot_be_kept_is_told(color: Colorizer, tmp_path: Path) -> None:
    deep = media.Photo(data.camera()[:40, :40].astype(np.uint16) * 257)
    media.write(deep, tmp_path / "deep.png")
    (result,) = run([Job(tmp_path / "deep.png", tmp_path / "out.jpg")], color)
    assert result.status == "done"
    assert "16 bits are rounded to 8" in " ".join(result.warnings)
