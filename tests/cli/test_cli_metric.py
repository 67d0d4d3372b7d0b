"""``colorcli metric``: what it prints, in which form, and how it ends."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from skimage import data

from colorcli.registry import METRICS
from colorcli.weights.resolve import resolve


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Results and truths: three small pictures, under other names than the truths' own."""
    truths, results = tmp_path / "photos", tmp_path / "out"
    truths.mkdir()
    results.mkdir()
    for i, source in enumerate((data.chelsea(), data.astronaut(), data.coffee())):
        rgb = cv2.resize(source, (48, 48), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(truths / f"{i}.png"), rgb[..., ::-1])
        dull = (0.6 * rgb + 0.4 * rgb.mean(2, keepdims=True)).astype(np.uint8)
        cv2.imwrite(str(results / f"{i}_color.bmp"), dull[..., ::-1])
    return results, truths


def test_a_table_with_its_protocol(invoke: Any, folders: tuple[Path, Path]) -> None:
    done = invoke("metric", folders[0], "--truth", folders[1], "--metrics", "auc,psnr", "--workers", 1)
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["Gray", str(folders[0])]
    assert lines[1].startswith("auc ↑ (%)") and lines[2].startswith("psnr ↑ (dB)")
    assert lines[3].split() == ["pictures", "3", "3"]
    for key in ("colorcli: ", "pictures: 3 of ", "resize: none", "interpolation: ", "lab: CIE", "auc: thresholds"):
        assert any(line.startswith(key) for line in lines), key


@pytest.mark.parametrize("form", ["--json", "--csv", "--markdown", "--quiet"])
def test_every_form_holds_scores_and_protocol(invoke: Any, folders: tuple[Path, Path], form: str) -> None:
    ask = ("--metrics", "auc-rebalanced,ab-l2,cf", "--bootstrap", 20, "--workers", 1, "--per-image", form)
    done = invoke("metric", folders[0], "-t", folders[1], *ask)
    assert done.exit_code == 0, done.stderr
    for word in ("auc-rebalanced", "ab-l2", "area average", "20 replicates", "D65", "weights 1 / (prior", "2.png"):
        assert word in done.stdout, word


def test_json(invoke: Any, folders: tuple[Path, Path]) -> None:
    ask = ("--anchors", "--json", "--bootstrap", 30, "--per-image", "--workers", 1)
    done = invoke("metric", folders[0], "--truth", folders[1], *ask)
    records = [json.loads(line, parse_constant=pytest.fail) for line in done.stdout.splitlines()]
    systems = {record["system"]: record for record in records if "protocol" in record}
    assert list(systems) == ["Ground truth", "Gray", "Random", "Mean", str(folders[0])]
    assert systems["Ground truth"]["anchor"] and not systems[str(folders[0])]["anchor"]
    scores = systems[str(folders[0])]["scores"]
    assert set(scores) == {name for name in METRICS.names() if METRICS.load(name).METRIC.group == "standard"}
    assert scores["ms-ssim"] is None  # smaller than its windows
    assert systems["Ground truth"]["scores"]["psnr"] == "inf"
    low, high = systems[str(folders[0])]["intervals"]["psnr"]
    assert low < scores["psnr"] < high
    assert systems["Gray"]["metrics"]["psnr"] == {"unit": "dB", "best": "higher", "over": "pictures"}
    pictures = [record for record in records if "picture" in record]
    assert len(pictures) == 5 * 3 and set(pictures[0]["scores"]) == set(scores)


def test_csv(invoke: Any, folders: tuple[Path, Path]) -> None:
    done = invoke("metric", folders[0], "-t", folders[1], "--csv", "--per-image", "--metrics", "psnr,ms-ssim", "-q")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    told = [(row["metric"], row["picture"]) for row in rows]
    assert told[:3] == [("psnr", ""), ("ms-ssim", ""), ("psnr", "0.png")]
    assert float(rows[0]["score"]) > 20 and rows[1]["score"] == ""
    assert all(row["protocol.resize"].startswith("none") for row in rows)


def test_models_side_by_side(invoke: Any, folders: tuple[Path, Path], tiny_model: Path) -> None:
    ask = ("--metrics", "auc", "--resize", "stretch256", "--workers", 1, "--device", "cpu", "--markdown")
    done = invoke("metric", "--model", f"{tiny_model},default", "--data", folders[1], *ask)
    assert done.exit_code == 0, done.stderr
    head, _, row, *_ = [line.split(" | ") for line in done.stdout.splitlines()]
    assert head[1:5] == ["Ground truth", "Gray", "Random", "Mean"] and head[-1] == "default |"
    assert row[0] == "| auc ↑ (%)" and row[1] == "100.00"
    card = resolve("default").card
    decoder = f"decoder {card.decoder} at temperature {card.temperature}"
    assert f"- model default: resnet-fusion, working size {card.size}, {decoder}" in done.stdout


def test_list(invoke: Any) -> None:
    done = invoke("metric", "--list")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == METRICS.names()
    assert [
        "auc",
        "standard",
        "0 to 100 %",
        "higher is better",
        "Zhang et al. 2016, arXiv 1603.08511, section 3.1",
    ] in rows
    records = [json.loads(line) for line in invoke("metric", "--list", "--json").stdout.splitlines()]
    assert {record["metric"] for record in records} == set(METRICS.names())


def test_no_partner(invoke: Any, folders: tuple[Path, Path]) -> None:
    (folders[0] / "0_color.bmp").rename(folders[0] / "x.bmp")
    done = invoke("metric", folders[0], "-t", folders[1], "--metrics", "psnr")
    assert done.exit_code == 0
    assert f"warning: 1 picture (0.png) of {folders[1]}: no partner in {folders[0]}" in done.stderr
    assert f"warning: 1 picture (x.bmp) of {folders[0]}: no partner in {folders[1]}" in done.stderr
    assert "pictures: 2 of" in done.stdout


def test_some_fail(invoke: Any, folders: tuple[Path, Path]) -> None:
    (folders[0] / "1_color.bmp").write_bytes(b"")
    done = invoke("metric", folders[0], "-t", folders[1], "--metrics", "psnr", "--json")
    assert done.exit_code == 3
    assert json.loads(done.stdout)["pictures"] == 2
    assert "1_color.bmp" in done.stderr and "1 of 3 pictures could not be measured" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments, code, sentence",
    [
        ([], 2, "needs results or a model"),
        (["nowhere"], 2, "nowhere: does not exist"),
        (["OUT", "-t", "TRUTH", "--metrics", "acu"], 2, "did you mean 'auc'?"),
        (["OUT", "--metrics", "psnr"], 2, "compares with the truth: give --truth"),
        (["OUT", "--csv", "--json"], 2, "exclude each other"),
        (["OUT", "--resize", "crop"], 2, "did you mean 'crop256'?"),
        (["--model", "defalt", "--data", "TRUTH"], 2, "did you mean 'default'?"),
        (["--model", "default", "--data", "nowhere"], 2, "nowhere: does not exist"),
        (["film.mp4", "-t", "TRUTH"], 2, "film.mp4 is a video and 0.png a photo"),
        (["else", "-t", "TRUTH"], 5, "no picture of else has a partner in"),
    ],
)
def test_mistakes_are_clear(
    invoke: Any, folders: tuple[Path, Path], monkeypatch: Any, arguments: list[str], code: int, sentence: str
) -> None:
    monkeypatch.chdir(folders[0].parent)
    Path("film.mp4").write_bytes(b"")
    Path("else").mkdir()
    for name in "xy":
        cv2.imwrite(f"else/{name}.png", np.zeros((8, 8, 3), np.uint8))
    places = {"OUT": "out", "TRUTH": "photos"}
    done = invoke("metric", *(places.get(argument, argument) for argument in arguments))
    assert (done.exit_code, done.stdout) == (code, ""), done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_page_and_plots(invoke: Any, folders: tuple[Path, Path], tmp_path: Path) -> None:
    page, plots = tmp_path / "report.html", tmp_path / "new" / "plots"
    ask = ("metric", folders[0], "-t", folders[1], "--workers", 1, "--html", page, "--plot", plots, "--json")
    done = invoke(*ask)
    assert done.exit_code == 0, done.stderr
    assert all("picture" not in json.loads(line) for line in done.stdout.splitlines())  # not asked for here
    assert sorted(path.name for path in plots.iterdir()) == ["auc.png", "spread.png"]
    text = page.read_text(encoding="utf-8")
    assert "auc-rebalanced" in text and text.count("<figure>") >= 4
    again = invoke(*ask)
    assert (again.exit_code, again.stdout) == (5, "") and f"exists already: {page}" in again.stderr
    assert invoke(*ask, "--overwrite").exit_code == 0


def test_plots_without_curves(invoke: Any, folders: tuple[Path, Path], tmp_path: Path) -> None:
    done = invoke("metric", folders[0], "--workers", 1, "--plot", tmp_path / "plots")
    assert done.exit_code == 0 and "auc.png: nothing to draw" in done.stderr
    assert [path.name for path in (tmp_path / "plots").iterdir()] == ["spread.png"]


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs groups of processes")
def test_an_interrupt_is_one_line_even_while_workers_start(folders: tuple[Path, Path]) -> None:
    for i in range(60):
        shutil.copy(folders[0] / "0_color.bmp", folders[0] / f"x{i}.bmp")
        shutil.copy(folders[1] / "0.png", folders[1] / f"x{i}.png")
    ask = (folders[0], "-t", folders[1], "--workers", 2)
    # A test run in the background ignores Ctrl-C, and what it starts would, too.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from colorcli.cli import main; main()"
    )
    command = [sys.executable, "-c", code, "metric", *map(str, ask)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    while not (started := _children(process.pid)) and process.poll() is None:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    out, told = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b""), told
    assert told.decode().strip().splitlines()[-1] == "interrupted" and b"Traceback" not in told
    end = time.monotonic() + 20
    while any(map(_alive, started)) and time.monotonic() < end:
        time.sleep(0.05)  # the keeper of semaphores ends after the process it serves
    assert not any(map(_alive, started))


def _children(pid: int) -> list[str]:
    """Processes that a process has started, where the system tells."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    if not path.exists():
        pytest.skip("the system does not list children")
    return path.read_text().split()


def _alive(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
