"""What is done again, what is not, and what is never touched: folder runs that follow one another."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage import data

from colorcli.engine import folder, settings
from colorcli.engine.book import Book
from colorcli.engine.colorizer import ColorizeOptions, Colorizer
from colorcli.engine.options import RunOptions
from colorcli.engine.plan import plan_folder
from colorcli.engine.result import Result, Skip
from colorcli.media import photo as media

GRAY = data.camera()
COLOR = data.astronaut()


class Runs:
    """Runs over one folder of inputs."""

    def __init__(self, root: Path, out: Path, model: str) -> None:
        self.root, self.out = root, out
        self.color = Colorizer(ColorizeOptions(model=model))

    def __call__(self, *, in_place: bool = False, suffix: str | None = None, **options: Any) -> dict[str, Result]:
        how = RunOptions(**options)
        out = self.root if in_place else self.out
        with Book(self.root, out, in_place=in_place) as book:
            decided = settings.settings(self.color.options, how, self.color.model.card)
            book.how, book.settings = how, decided
            book.key = settings.key(decided, self.color.weights_sha256)
            jobs = plan_folder(self.root, out, suffix=suffix, book=book)
            if how.only_failed:
                jobs = [job for job in jobs if book.failed(job)]
            found = list(folder.run(jobs, self.color, how))
        return {str(Path(result.input).relative_to(self.root)): result for result in found}

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.out / ".colorcli/manifest.jsonl").read_text().splitlines()]

    def remodel(self, make_model: Callable[..., str], **fields: object) -> None:
        self.color = Colorizer(ColorizeOptions(model=make_model(**fields)))


@pytest.fixture
def runs(tmp_path: Path, model: str) -> Runs:
    root = tmp_path / "scans"
    for number, name in enumerate(("a.png", "b.jpg", "box/c.png")):
        write(root / name, GRAY[40 * number : 40 * number + 60, 50:130])
    return Runs(root, tmp_path / "out", model)


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    media.write(media.Photo(np.ascontiguousarray(pixels)), path, overwrite=True)


def status(results: dict[str, Result]) -> dict[str, str]:
    return {name: result.reason if result.status == "skipped" else result.status for name, result in results.items()}


def files(root: Path) -> dict[str, bytes]:
    paths = (path for path in root.rglob("*") if path.is_file() and ".colorcli" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


DONE = {"a.png": "done", "b.jpg": "done", "box/c.png": "done"}
KEPT = dict.fromkeys(DONE, Skip.DONE)


def test_a_second_run_has_nothing_to_do(runs: Runs) -> None:
    assert status(runs()) == DONE
    before = files(runs.out)
    assert status(runs()) == KEPT
    assert files(runs.out) == before
    lines = {line["input"]: line for line in runs.lines()}
    assert len(runs.lines()) == 3
    line = lines["box/c.png"]
    assert line["in"]["size"] == (runs.root / "box/c.png").stat().st_size
    assert line["out"]["mtime_ns"] == (runs.out / "box/c.png").stat().st_mtime_ns
    assert line["settings"]["size"] == 64 and line["settings"]["version"] == settings.RESULT_VERSION
    assert {"model", "weights_sha256", "triage", "seconds", "warnings", "downgrades", "pages"} <= set(line)


def test_a_changed_input_is_done_again(runs: Runs) -> None:
    runs()
    before = files(runs.out)
    write(runs.root / "a.png", GRAY[100:160, 50:130])
    os.utime(runs.root / "b.jpg", ns=(1, 1))  # touched, not changed
    assert status(runs()) == {**KEPT, "a.png": "done"}
    after = files(runs.out)
    assert {name for name in after if after[name] != before[name]} == {"a.png"}
    assert status(runs()) == KEPT


def test_the_same_size_and_time_but_another_content_is_not_seen(runs: Runs) -> None:
    """As with make and rsync: what is unchanged by size and time is not read."""
    runs()
    path = runs.root / "a.png"
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=times)
    assert status(runs()) == KEPT


@pytest.mark.parametrize("change", [{"quality": 50}, {"profile": "keep"}, {"provenance": False}, {"keep_times": True}])
def test_other_settings_do_all_again(runs: Runs, change: dict[str, Any]) -> None:
    runs()
    assert status(runs(**change)) == DONE
    assert status(runs(**change)) == KEPT
    assert status(runs()) == DONE


def test_threads_and_limits_are_no_settings(runs: Runs) -> None:
    runs()
    assert status(runs(readers=2, writers=1, batch=3, megapixels=1.0, max_pixels=10**6, fail_fast=True)) == KEPT


def test_another_model_does_all_again(runs: Runs, make_model: Callable[..., str]) -> None:
    runs()
    runs.remodel(make_model, strength=0.5)
    assert status(runs()) == DONE


def test_other_weights_do_all_again(runs: Runs, make_model: Callable[..., str], state: dict[str, Any]) -> None:
    runs()
    again = make_model()
    shutil.copy(runs.color.model.weights, again)
    runs.color = Colorizer(ColorizeOptions(model=again))
    assert status(runs()) == KEPT  # the same weights elsewhere
    changed = {name: value * 1.01 if value.is_floating_point() else value for name, value in state.items()}
    from colorcli.weights.save import write_run

    write_run(Path(again), changed, runs.color.model.card)
    runs.color = Colorizer(ColorizeOptions(model=again))
    assert status(runs()) == DONE


def test_an_output_that_is_gone_is_made_again(runs: Runs) -> None:
    runs()
    (runs.out / "b.jpg").unlink()
    assert status(runs()) == {**KEPT, "b.jpg": "done"}


def test_a_touched_output_is_still_ours(runs: Runs) -> None:
    runs()
    os.utime(runs.out / "b.jpg", ns=(1, 1))
    assert status(runs()) == KEPT
    assert status(runs(quality=50)) == DONE


def test_what_is_not_ours_is_never_replaced(runs: Runs) -> None:
    write(runs.out / "a.png", COLOR[:50, :50])
    precious = (runs.out / "a.png").read_bytes()
    assert status(runs()) == {**DONE, "a.png": Skip.FOREIGN}
    (runs.out / "b.jpg").write_bytes(b"retouched by hand")
    assert status(runs(quality=50)) == {"a.png": Skip.FOREIGN, "b.jpg": Skip.CHANGED, "box/c.png": "done"}
    assert status(runs(force=True))["b.jpg"] == Skip.CHANGED
    assert (runs.out / "a.png").read_bytes() == precious
    assert (runs.out / "b.jpg").read_bytes() == b"retouched by hand"
    assert status(runs(overwrite=True)) == {"a.png": "done", "b.jpg": "done", "box/c.png": Skip.DONE}
    assert status(runs(overwrite=True)) == KEPT  # so that the same command resumes


def test_force_does_all_of_ours_again(runs: Runs) -> None:
    runs()
    before = (runs.out / "a.png").stat().st_mtime_ns
    assert status(runs(force=True)) == DONE
    assert (runs.out / "a.png").stat().st_mtime_ns != before


def test_failures_are_tried_again(runs: Runs) -> None:
    (runs.root / "bad.png").write_bytes(b"no")
    assert status(runs()) == {**DONE, "bad.png": "failed"}
    write(runs.root / "new.png", GRAY[:50, :50])
    assert status(runs(only_failed=True)) == {"bad.png": "failed"}
    write(runs.root / "bad.png", GRAY[:50, :60])
    assert status(runs(only_failed=True)) == {"bad.png": "done"}
    assert status(runs(only_failed=True)) == {}
    assert status(runs()) == {**KEPT, "bad.png": Skip.DONE, "new.png": "done"}


def test_an_input_that_has_gone_bad_leaves_its_output_ours(runs: Runs) -> None:
    runs()
    (runs.root / "a.png").write_bytes(b"no")
    assert status(runs())["a.png"] == "failed"
    assert "a.png" in files(runs.out)
    write(runs.root / "a.png", GRAY[:50, :60])
    assert status(runs()) == {**KEPT, "a.png": "done"}


def test_retry(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    read, tries = media.read, 0

    def flaky(source: Any, **options: Any) -> media.Photo:
        nonlocal tries
        if Path(source).name == "a.png":
            tries += 1
            if tries < 3:
                raise OSError("the network share is away")
        return read(source, **options)

    monkeypatch.setattr(media, "read", flaky)
    assert status(runs(retry=1))["a.png"] == "failed"
    assert tries == 2
    tries = 0
    assert status(runs(retry=5))["a.png"] == "done"
    assert tries == 3


def test_two_folders_of_inputs_do_not_replace_each_other(runs: Runs, tmp_path: Path) -> None:
    runs()
    before = files(runs.out)
    other = Runs(tmp_path / "others", runs.out, str(runs.color.options.model))
    write(other.root / "a.png", GRAY[300:360, :80])
    shutil.copy(runs.root / "b.jpg", other.root / "b.jpg")
    assert status(other()) == {"a.png": Skip.OTHER, "b.jpg": Skip.DONE}
    assert files(runs.out) == before
    runs.root.rename(tmp_path / "moved")
    runs.root = tmp_path / "moved"
    assert status(runs()) == KEPT  # what has moved as a whole is known by its content


def test_names_stay(runs: Runs) -> None:
    """An input keeps its output's name, whatever comes to lie beside it, or goes."""
    assert status(runs(suffix=".jpg")) == DONE
    write(runs.root / "a.jpg", GRAY[200:260, :80])
    write(runs.root / "b.png", GRAY[220:280, :80])
    found = {name: Path(result.output).name for name, result in runs(suffix=".jpg").items()}
    assert found["a.png"] == "a.jpg" and found["b.jpg"] == "b.jpg"
    assert len(set(found.values())) == 5
    again = {name: Path(result.output).name for name, result in runs(suffix=".jpg").items()}
    assert again == found
    (runs.root / "a.png").unlink()
    without = {name: Path(result.output).name for name, result in runs(suffix=".jpg").items()}
    assert without == {name: output for name, output in found.items() if name != "a.png"}
    write(runs.root / "a.png", GRAY[:60, 50:130])
    assert {name: Path(result.output).name for name, result in runs(suffix=".jpg").items()} == found


def test_photos_in_colour_are_skipped_once(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    write(runs.root / "color.jpg", COLOR[:200, :200])
    first = runs()
    assert status(first) == {**DONE, "color.jpg": Skip.COLOR}
    assert "--on-color" in str(first["color.jpg"].hint)
    assert first["color.jpg"].triage is not None and first["color.jpg"].triage["kind"] == "color"
    assert not (runs.out / "color.jpg").exists()
    monkeypatch.setattr(media, "read", lambda *_, **__: pytest.fail("was read again"))
    second = runs()
    assert status(second) == {**KEPT, "color.jpg": Skip.COLOR}
    assert second["color.jpg"].hint == first["color.jpg"].hint


def test_photos_in_colour_are_copied(runs: Runs) -> None:
    path = runs.root / "box/color.jpg"
    write(path, COLOR[:200, :200])
    results = runs(on_color="copy", suffix=".png")
    copied = results["box/color.jpg"]
    assert (copied.status, Path(copied.output)) == ("done", runs.out / "box/color.jpg")
    assert "copied as it is" in str(copied.reason)
    assert (runs.out / "box/color.jpg").read_bytes() == path.read_bytes()
    assert not (runs.out / "box/color.png").exists()
    assert status(runs(on_color="copy", suffix=".png")) == {
        "a.png": Skip.DONE, "b.jpg": Skip.DONE, "box/c.png": Skip.DONE, "box/color.jpg": Skip.DONE,
    }  # fmt: skip
    (runs.out / "box/color.jpg").write_bytes(b"retouched")
    assert status(runs(on_color="copy", suffix=".png"))["box/color.jpg"] == Skip.CHANGED
    assert (runs.out / "box/color.jpg").read_bytes() == b"retouched"


def test_photos_in_colour_are_recolored(runs: Runs) -> None:
    write(runs.root / "color.png", COLOR[:200, :200])
    runs()
    assert status(runs(on_color="recolor")) == {**KEPT, "color.png": "done"}  # the others are not touched by it
    made = media.read(runs.out / "color.png").pixels.astype(int)
    assert np.abs(made - COLOR[:200, :200]).mean() > 10
    assert status(runs(on_color="recolor")) == {**KEPT, "color.png": Skip.DONE}
    assert status(runs()) == {**KEPT, "color.png": Skip.COLOR}
    assert "color.png" in files(runs.out)  # what was made before stays, and stays ours
    assert status(runs(on_color="recolor", quality=50)) == {**DONE, "color.png": "done"}


def test_in_place(runs: Runs) -> None:
    before = files(runs.root)
    assert status(runs(in_place=True)) == DONE
    first = files(runs.root)
    assert all(first[name] != before[name] for name in before)
    kept = runs.root / ".colorcli/originals"
    assert {name: (kept / name).read_bytes() for name in before} == before
    assert status(runs(in_place=True)) == KEPT
    assert status(runs(in_place=True, quality=50, provenance=False)) == DONE
    assert {name: (kept / name).read_bytes() for name in before} == before
    assert status(runs(in_place=True)) == DONE
    assert files(runs.root) == first  # made from the originals each time, not from what was made of them
    assert not any("originals" in result for result in runs(in_place=True))


@pytest.mark.parametrize("links", [True, False])
def test_in_place_keeps_what_was_changed_by_hand(runs: Runs, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    if not links:

        def refuse(*_: object) -> None:
            raise OSError("no hard links here")

        monkeypatch.setattr(os, "link", refuse)
    original = (runs.root / "a.png").read_bytes()
    runs(in_place=True)
    (runs.root / "a.png").write_bytes(b"retouched")
    for options in ({}, {"quality": 50}, {"force": True}, {"overwrite": True}):
        result = runs(in_place=True, **options)["a.png"]
        assert result.reason == Skip.CHANGED
        assert ".colorcli/originals/a.png" in str(result.hint)
    assert (runs.root / "a.png").read_bytes() == b"retouched"
    assert (runs.root / ".colorcli/originals/a.png").read_bytes() == original
    shutil.copy(runs.root / ".colorcli/originals/a.png", runs.root / "a.png")  # put back
    assert status(runs(in_place=True))["a.png"] == "done"


def test_in_place_without_the_original(runs: Runs) -> None:
    runs(in_place=True)
    shutil.rmtree(runs.root / ".colorcli/originals")
    made = files(runs.root)
    assert status(runs(in_place=True)) == KEPT
    assert status(runs(in_place=True, quality=50)) == dict.fromkeys(DONE, Skip.ORIGINAL_GONE)
    assert files(runs.root) == made


def test_in_place_leaves_colour_photos(runs: Runs) -> None:
    write(runs.root / "color.jpg", COLOR[:200, :200])
    before = (runs.root / "color.jpg").read_bytes()
    for how in ("skip", "copy"):
        assert status(runs(in_place=True, on_color=how))["color.jpg"] == Skip.COLOR
    assert (runs.root / "color.jpg").read_bytes() == before
    assert not (runs.root / ".colorcli/originals/color.jpg").exists()


def test_times_are_kept(runs: Runs) -> None:
    os.utime(runs.root / "a.png", ns=(10**18 + 1, 10**18 + 2))
    runs(keep_times=True)
    assert (runs.out / "a.png").stat().st_mtime_ns == 10**18 + 2
    assert status(runs(keep_times=True)) == KEPT


def test_a_kill_between_record_and_rename(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record is there and the file is not: then it is not done. Nor is an older file in its place taken for it."""
    from colorcli.media import atomic

    rename = atomic._rename

    def killed(part: Path, target: Path, *, overwrite: bool) -> None:
        if ".colorcli" not in target.parts:
            raise RuntimeError("killed")
        rename(part, target, overwrite=overwrite)

    for options in ({}, {"provenance": False}, {}):
        with monkeypatch.context() as patch:
            patch.setattr(atomic, "_rename", killed)
            assert set(status(runs(**options)).values()) == {"failed"}
        # What a kill leaves has no record of a failure.
        manifest = runs.out / ".colorcli/manifest.jsonl"
        lines = manifest.read_text().splitlines(keepends=True)
        manifest.write_text("".join(line for line in lines if '"status": "failed"' not in line))
        assert status(runs(**options)) == DONE
        assert status(runs(**options)) == KEPT


def test_the_record_tells_all_warnings(runs: Runs) -> None:
    deep = media.Photo(GRAY[:40, :40].astype(np.uint16) * 257)
    media.write(deep, runs.root / "deep.png")
    runs(suffix=".jpg")
    line = next(line for line in runs.lines() if line["input"] == "deep.png")
    assert "16 bits are rounded to 8" in " ".join(line["warnings"])
