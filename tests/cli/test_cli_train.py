"""``colorcli train``: the command; what the trainer does has tests of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import pytest
from cli_pictures import colourfulness
from skimage import data

SMALL = (
    "network.sizes={width=8}", "optimizer.steps=4", "optimizer.warmup=1", "data.side=64", "data.batch=2",
    "data.sizes=[[0.0, 32]]", "validation.every=4", "validation.pictures=2", "validation.crop=32",
    "validation.size=32", "checkpoint=2", "model.size=32",
)  # fmt: skip


def settings(*more: str) -> list[str]:
    return [word for setting in (*SMALL, *more) for word in ("--set", setting)]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pictures")
    for name in ("astronaut", "coffee", "chelsea"):
        for flip in (-1, 0, 1):
            picture = cv2.cvtColor(cv2.resize(getattr(data, name)(), (80, 64)), cv2.COLOR_RGB2BGR)
            cv2.imwrite(str(root / f"{name}{flip}.jpg"), cv2.flip(picture, flip))
    return root


def test_list_and_show(invoke: Any) -> None:
    listed = invoke("train", "--list")
    assert listed.exit_code == 0
    assert any(line.startswith("default\t") for line in listed.stdout.splitlines())
    shown = invoke("train", "--show", "default")
    assert "[optimizer]" in shown.stdout
    assert shown.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ([], 2, "train needs --data and -o"),
        (["--data", "x"], 2, "train needs --data and -o"),
        (["--show", "defalt"], 2, "did you mean 'default'?"),
        (["--data", "x", "-o", "run", "--recipe", "defualt"], 2, "did you mean 'default'?"),
        (["--data", "x", "-o", "run", "--set", "optimizer.stepps=3"], 2, "did you mean 'steps'?"),
        (["--data", "x", "-o", "run", "--set", "optimizer.steps=many"], 2, "optimizer"),
        (["--data", "x", "-o", "run", "--precision", "fp31"], 2, "did you mean"),
        (["--data", "x", "-o", "run", "--device", "gpu"], 2, "unknown device"),
    ],
)
def test_mistakes_are_clear(
    invoke: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke("train", *arguments)
    assert result.exit_code == code, result.stderr
    assert sentence in result.stderr
    assert not list(tmp_path.iterdir())


def test_trains_and_what_it_trains_colorizes(invoke: Any, pictures: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    result = invoke("train", "--data", pictures, "-o", run, *settings(), "--device", "cpu", "--precision", "fp32")
    assert result.exit_code == 0, result.stderr + str(result.exception)
    assert result.stdout == f"{run}\n"
    assert (run / "model.safetensors").exists()
    made = tmp_path / "made.png"
    gray = tmp_path / "gray.png"
    cv2.imwrite(str(gray), cv2.cvtColor(data.coffee(), cv2.COLOR_RGB2GRAY))
    result = invoke("photo", gray, "-o", made, "--model", run, "--decoder", "mode")
    assert result.exit_code == 0, result.stderr
    assert colourfulness(made) > 0
    again = invoke("train", "--data", pictures, "-o", run, *settings())
    assert again.exit_code == 2
    assert "--resume" in again.stderr


def test_resumes_with_the_runs_own_recipe(invoke: Any, pictures: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    first = invoke("train", "--data", pictures, "-o", run, *settings("optimizer.steps=2"), "--device", "cpu")
    assert first.exit_code == 0, first.stderr + str(first.exception)
    longer = ["--set", "optimizer.steps=4"]
    second = invoke("train", "--data", pictures, "-o", run, "--resume", *longer, "--device", "cpu", "--json", "-q")
    assert second.exit_code == 0, second.stderr + str(second.exception)
    assert json.loads(second.stdout) == {"output": str(run), "recipe": "default", "status": "done"}
    assert second.stderr == ""
    events = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert max(event["step"] for event in events) == 4


def test_interrupt_tells_how_to_go_on(invoke: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("colorcli.training.loop.train", interrupted)
    result = invoke("train", "--data", tmp_path, "-o", tmp_path / "run")
    assert result.exit_code == 130
    assert "--resume" in result.stderr
