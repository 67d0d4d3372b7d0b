"""Files of several pages: page by page through the same pipeline, and one file at the end, or none."""

from __future__ import annotations

import contextlib
import io
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from skimage import data

from colorcli.engine import folder, settings
from colorcli.engine.book import Book
from colorcli.engine.colorizer import ColorizeOptions, Colorizer
from colorcli.engine.options import RunOptions
from colorcli.engine.plan import Job, plan_folder
from colorcli.engine.prepared import Prediction, Prepared
from colorcli.engine.result import Result, Skip
from colorcli.media import photo as media

GRAY = data.camera()
COLOR = data.astronaut()


@pytest.fixture
def color(model: str) -> Colorizer:
    return Colorizer(ColorizeOptions(model=model))


def write(path: Path, pages: Sequence[np.ndarray]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tifffile.TiffWriter(path) as file:
        for page in pages:
            file.write(page, photometric="rgb" if page.ndim == 3 else "minisblack", metadata=None)
    return path


def grays(count: int) -> list[np.ndarray]:
    return [np.ascontiguousarray(GRAY[9 * i : 9 * i + 40 + 3 * i, 5 * i : 5 * i + 70]) for i in range(count)]


def one(job: Job, color: Colorizer, **options: Any) -> Result:
    (result,) = folder.run([job], color, RunOptions(**options))
    return result


def names(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


@pytest.mark.parametrize("options", [{}, {"photos": 1}, {"readers": 3, "writers": 4, "photos": 9}])
def test_pages_come_back_in_order(color: Colorizer, tmp_path: Path, options: dict[str, int]) -> None:
    pages = grays(11)
    source = write(tmp_path / "a.tif", pages)
    result = one(Job(source, tmp_path / "out.tif"), color, **options)
    assert (result.status, result.pages, result.device) == ("done", 11, "cpu")
    assert result.triage is not None and [page["kind"] for page in result.triage["pages"]] == ["neutral"] * 11
    assert result.seconds > 0
    for number in range(11):
        found = media.read(tmp_path / "out.tif", page=number)
        assert (found.page, found.pages) == (number, 11)
        alone = color(media.read(source, page=number))
        assert np.array_equal(found.pixels, alone.pixels)


def test_beside_other_photos(color: Colorizer, tmp_path: Path) -> None:
    root = tmp_path / "scans"
    for number in range(4):
        write(root / f"m{number}.tif", grays(2 + number))
        write(root / f"s{number}.tif", grays(1))
    (root / "bad.tif").write_bytes(b"II*\0 no more")
    found = list(folder.run(plan_folder(root, tmp_path / "out"), color, RunOptions(photos=3, readers=2, batch=3)))
    assert sorted((Path(r.input).name, r.status, r.pages) for r in found) == [
        ("bad.tif", "failed", 1),
        *[(f"m{number}.tif", "done", 2 + number) for number in range(4)],
        *[(f"s{number}.tif", "done", 1) for number in range(4)],
    ]


@pytest.mark.parametrize("bad", [1, 2, 4])
def test_one_bad_page_fails_the_file(
    color: Colorizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: int
) -> None:
    source = write(tmp_path / "a.tif", grays(5))
    other = write(tmp_path / "b.tif", grays(2))
    read = media.read

    def broken(path: Any, *, page: int = 0, **options: Any) -> media.Photo:
        if page == bad and Path(path).name == "a.tif":
            raise media.MediaError(f"the strips are damaged: {path}", hint="scan it again")
        return read(path, page=page, **options)

    monkeypatch.setattr(media, "read", broken)
    out = tmp_path / "out"
    jobs = [Job(source, out / "a.tif"), Job(other, out / "b.tif")]
    found = {Path(r.input).name: r for r in folder.run(jobs, color, RunOptions(photos=4))}
    assert found["a.tif"].status == "failed"
    assert f"page {bad + 1}" in str(found["a.tif"].reason) and "damaged" in str(found["a.tif"].reason)
    assert found["a.tif"].hint == "scan it again"
    assert found["b.tif"].status == "done"
    assert names(out) == ["b.tif"]


@pytest.mark.parametrize("stage", ["predict", "finish", "encode"])
def test_failures_further_on(color: Colorizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    source, calls, lock = write(tmp_path / "a.tif", grays(6)), 0, threading.Lock()
    from colorcli.media.pages import Pages

    holder, name = {"predict": (color, "predict_all"), "finish": (color, "finish"), "encode": (Pages, "add")}[stage]
    real = getattr(holder, name)

    def third_time(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        with lock:
            calls += 1
            number = calls
        if number == 3:
            raise RuntimeError("no more")
        return real(*arguments, **options)

    monkeypatch.setattr(holder, name, third_time)
    result = one(Job(source, tmp_path / "out" / "a.tif"), color, photos=3, writers=3)
    assert result.status == "failed" and "no more" in str(result.reason)
    assert not (tmp_path / "out").exists() or names(tmp_path / "out") == []


def test_an_output_that_holds_one_page(color: Colorizer, tmp_path: Path) -> None:
    source = write(tmp_path / "a.tif", grays(3))
    result = one(Job(source, tmp_path / "a.png"), color)
    assert result.status == "failed"
    assert "3 pages" in str(result.reason) and ".tif" in str(result.hint)
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize("how", ["skip", "copy"])
def test_pages_in_colour_are_kept_among_others(color: Colorizer, tmp_path: Path, how: str) -> None:
    pages = [*grays(2), COLOR[:200, :200], *grays(1)]
    source = write(tmp_path / "a.tif", pages)
    result = one(Job(source, tmp_path / "out.tif"), color, on_color=how)
    assert result.status == "done"
    assert next(text for text in result.warnings if Skip.COLOR in text).startswith("page 3: ")
    assert np.array_equal(media.read(tmp_path / "out.tif", page=2).pixels, pages[2])
    assert media.read(tmp_path / "out.tif", page=0).pixels.ndim == 3
    recolored = one(Job(source, tmp_path / "re.tif"), color, on_color="recolor")
    assert recolored.status == "done"
    assert np.abs(media.read(tmp_path / "re.tif", page=2).pixels.astype(int) - pages[2]).mean() > 5


def test_all_pages_in_colour(color: Colorizer, tmp_path: Path) -> None:
    source = write(tmp_path / "a.tif", [COLOR[:200, :200], COLOR[200:400, :200]])
    skipped = one(Job(source, tmp_path / "out" / "a.tif"), color)
    assert (skipped.status, skipped.reason, skipped.pages) == ("skipped", Skip.COLOR, 2)
    assert not (tmp_path / "out").exists() or names(tmp_path / "out") == []
    copied = one(Job(source, tmp_path / "out" / "a.tif"), color, on_color="copy")
    assert copied.status == "done"
    assert (tmp_path / "out" / "a.tif").read_bytes() == source.read_bytes()


def test_streams(color: Colorizer, tmp_path: Path) -> None:
    content = write(tmp_path / "a.tif", grays(3)).read_bytes()
    target = io.BytesIO()
    assert one(Job(io.BytesIO(content), target), color).status == "done"
    for page in range(3):
        assert media.read(io.BytesIO(target.getvalue()), page=page).pixels.ndim == 3
    content = write(tmp_path / "c.tif", [COLOR[:200, :200], COLOR[200:400, :200]]).read_bytes()
    target = io.BytesIO()
    passed = one(Job(io.BytesIO(content), target), color)
    assert passed.status == "done" and target.getvalue() == content


def test_memory_is_bounded(color: Colorizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, alive, most, lock = write(tmp_path / "a.tif", grays(30)), 0, 0, threading.Lock()
    read, finish = media.read, color.finish

    def counted(*arguments: Any, **options: Any) -> media.Photo:
        nonlocal alive, most
        with lock:
            alive += 1
            most = max(most, alive)
        return read(*arguments, **options)

    def slow(*arguments: Any) -> media.Photo:
        nonlocal alive
        threading.Event().wait(0.003)
        with lock:
            alive -= 1
        return finish(*arguments)

    monkeypatch.setattr(media, "read", counted)
    monkeypatch.setattr(color, "finish", slow)
    assert one(Job(source, tmp_path / "out.tif"), color, photos=3, readers=2, writers=2).status == "done"
    assert most <= 3


def test_an_interrupt_leaves_no_part_of_it(color: Colorizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, predict, calls = write(tmp_path / "a.tif", grays(20)), color.predict_all, 0

    def fifth_time(batch: Sequence[Prepared]) -> list[Prediction]:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise KeyboardInterrupt
        return predict(batch)

    monkeypatch.setattr(color, "predict_all", fifth_time)
    with contextlib.suppress(KeyboardInterrupt):
        assert one(Job(source, tmp_path / "out" / "a.tif"), color, photos=2) is None
    assert calls == 5
    assert not (tmp_path / "out").exists() or names(tmp_path / "out") == []


def test_in_the_manifest(color: Colorizer, tmp_path: Path) -> None:
    root, out = tmp_path / "scans", tmp_path / "out"
    write(root / "a.tif", [*grays(2), COLOR[:200, :200]])
    write(root / "c.tif", [COLOR[:200, :200]] * 2)

    def go(**options: Any) -> dict[str, str | None]:
        how = RunOptions(**options)
        with Book(root, out) as book:
            decided = settings.settings(color.options, how, color.model.card)
            book.how, book.settings, book.key = how, decided, settings.key(decided, color.weights_sha256)
            found = list(folder.run(plan_folder(root, out, book=book), color, how))
        return {Path(r.input).name: r.reason or r.status for r in found}

    assert go() == {"a.tif": "done", "c.tif": Skip.COLOR}
    line = json.loads((out / ".colorcli/manifest.jsonl").read_text().splitlines()[0])
    assert line["pages"] in (2, 3)
    assert go() == {"a.tif": Skip.DONE, "c.tif": Skip.COLOR}
    assert go(on_color="recolor") == {"a.tif": "done", "c.tif": "done"}
