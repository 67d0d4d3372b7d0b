"""``colorcli train``: the command; what the trainer does has tests of its own."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import cv2
import pytest
from cli_pictures import colourfulness
from skimage import data

from colorcli.cli import train
from colorcli.cli._output import Output

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


def test_show_is_the_whole_recipe(invoke: Any) -> None:
    shown = tomllib.loads(invoke("train", "--show", "default", "--accumulate", "2", "--set", "seed=7").stdout)
    assert shown["optimizer"]["accumulate"] == 2 and shown["seed"] == 7
    assert shown["optimizer"]["schedule"] == "cosine"  # said nowhere in default.toml


def test_begins_with_trained_weights(invoke: Any, pictures: Path, tmp_path: Path, tiny_model: Path) -> None:
    run, other = tmp_path / "run", ["--set", "network.sizes={width=16}"]
    arguments = ["train", "--data", pictures, "-o", run, *settings("data.batch=4"), "--device", "cpu"]
    arguments += ["--init", tiny_model]
    wrong = invoke(*arguments, *other)
    assert wrong.exit_code == 4, wrong.stderr
    assert "does not fit network 'resnet-fusion'" in wrong.stderr
    assert "other shape" in wrong.stderr
    result = invoke(*arguments, "--accumulate", 2)
    assert result.exit_code == 0, result.stderr + str(result.exception)
    assert f"tensors from {tiny_model}" in result.stderr
    assert f"tensors from {tiny_model}" in json.loads((run / "data.json").read_text())["init"]
    assert tomllib.loads((run / "recipe.toml").read_text())["optimizer"]["accumulate"] == 2
    # The same command with --resume goes on; the weights to begin with are of no account then.
    more = invoke(*arguments, "--accumulate", 2, "--resume", "--set", "optimizer.steps=5")
    assert more.exit_code == 0, more.stderr
    assert "tensors from" not in more.stderr


def test_a_run_goes_on_with_its_own_recipe_only(invoke: Any, pictures: Path, tmp_path: Path) -> None:
    run, other = tmp_path / "run", tmp_path / "other.toml"
    arguments = ["train", "--data", pictures, "-o", run, "--device", "cpu"]
    nothing = invoke(*arguments, "--resume")
    assert nothing.exit_code == 4
    assert "no run to resume" in nothing.stderr
    assert invoke(*arguments, *settings("optimizer.steps=1")).exit_code == 0
    other.write_text((run / "recipe.toml").read_text().replace('name = "default"', 'name = "other"'))
    refused = invoke(*arguments, "--resume", "--recipe", other)
    assert refused.exit_code == 2
    assert "this is a run of the recipe 'default', not 'other'" in refused.stderr
    again = invoke(*arguments, "--resume", "--recipe", "default", "--set", "optimizer.steps=2")
    assert again.exit_code == 0, again.stderr


def _nothing(folder: Path) -> None:
    pass


def _one(folder: Path) -> None:
    cv2.imwrite(str(folder / "one.png"), data.coffee())


def _gray(folder: Path) -> None:
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), data.camera()[number:])


@pytest.mark.parametrize(
    ("fill", "sentence"),
    [(_nothing, "no usable"), (_one, "at least 2"), (_gray, "3 gray")],
    ids=["none", "one", "gray"],
)
def test_too_little_to_learn_from(invoke: Any, tmp_path: Path, fill: Any, sentence: str) -> None:
    (tmp_path / "pictures").mkdir()
    fill(tmp_path / "pictures")
    result = invoke("train", "--data", tmp_path / "pictures", "-o", tmp_path / "run", *settings(), "--device", "cpu")
    assert result.exit_code == 2, result.stderr
    assert sentence in result.stderr
    assert not (tmp_path / "run" / "last.pt").exists()


def test_a_folder_that_cannot_be_made(invoke: Any, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = invoke("train", "--data", pictures, "-o", tmp_path / "file" / "run", *settings(), "--device", "cpu")
    assert result.exit_code == 5
    assert "cannot make the folder of the run" in result.stderr


def test_tensorboard_is_an_extra(invoke: Any, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    result = invoke("train", "--data", pictures, "-o", tmp_path, *settings(), "--device", "cpu", "--tensorboard")
    assert result.exit_code == 2
    assert "pip install 'colorcli[train]'" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_after_its_step(invoke: Any, pictures: Path, tmp_path: Path, number: int) -> None:
    run = tmp_path / "run"
    words = [sys.executable, "-m", "colorcli", "train", "--data", str(pictures), "-o", str(run), "--device", "cpu"]
    endless = settings("optimizer.steps=1000000", "validation.every=1000000", "checkpoint=1")
    process = subprocess.Popen([*words, *endless], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 120
        while not (run / "last.pt").exists() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, stderr
    assert stdout == ""
    step = int(re.search(r"interrupted after step (\d+); the same command with --resume", stderr)[1])  # type: ignore[index]
    more = invoke("train", "--data", pictures, "-o", run, "--resume", "--set", f"optimizer.steps={step + 1}")
    assert more.exit_code == 0, more.stderr
    steps = [json.loads(line)["step"] for line in (run / "log.jsonl").read_text().splitlines()]
    assert steps[-1] == step + 1 and step in steps


def test_ctrl_c_before_training_or_twice_interrupts_at_once() -> None:
    before = signal.getsignal(signal.SIGINT)
    with train.asking_to_stop(Output(quiet=True)) as stop:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert not stop()
        signal.raise_signal(signal.SIGINT)
        assert stop()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_interrupt_tells_how_to_go_on(invoke: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("colorcli.training.loop.train", interrupted)
    result = invoke("train", "--data", tmp_path, "-o", tmp_path / "run")
    assert result.exit_code == 130
    assert "--resume" in result.stderr
