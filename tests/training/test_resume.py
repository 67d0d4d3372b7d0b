"""A run that is killed, however hard, and goes on is the run that was never killed."""

import json
import random

import pytest
import torch
from safetensors.torch import load_file
from tiny_runs import SIZES, equal, plain, python, rows, tiny

from colorcli.errors import UsageError
from colorcli.training import checkpoint
from colorcli.training.loop import Run, train

pytestmark = pytest.mark.usefixtures("one_thread")

#: Everything that could carry hidden state: dropout, parts, an adversary, growing crops, augmentation, patience.
HARD = [
    *SIZES, "network={ name = 'zhang-bins', sizes = { width = 2, dropout = 0.1 } }", "optimizer.accumulate=2",
    "data.sizes=[[0.0, 32], [0.5, 48]]", "adversarial={ start = 0.3, alone = 2, width = 4, layers = 1 }",
    "data.batch=3", "augment.noise=0.5", "validation.patience=5", "validation.every=4", "optimizer.name=adam",
]  # fmt: skip

SCRIPT = """
import os, sys, signal
from pathlib import Path
import torch
torch.set_num_threads(1)
from colorcli.training import checkpoint, recipe
from colorcli.training.loop import Run, train
data, folder, kill, where, settings = *sys.argv[1:5], sys.argv[5:]
def die():
    os.kill(os.getpid(), signal.SIGKILL)
if where == "save":  # in the middle of a checkpoint: the part file is complete, the rename is to come
    replace, count = Path.replace, 0
    def replace_or_die(part, target):
        global count
        count += Path(target).name == "last.pt"
        return die() if count == int(kill) else replace(part, target)
    Path.replace = replace_or_die
left = int(kill)
def stop():
    global left
    left -= 1
    if where == "step" and left == 0:
        die()
    return False
resume = (Path(folder) / "last.pt").exists()
train(recipe.load("default", settings), [Path(data)], Run(folder=Path(folder), resume=resume, stop=stop))
"""


@pytest.mark.slow
def test_killed_at_any_step_and_resumed_equals_uninterrupted(shards, tmp_path):
    assert python("-c", SCRIPT, shards, tmp_path / "whole", 0, "never", *HARD).returncode == 0
    steps = random.Random(tmp_path.name).sample(range(1, 5), 2)  # others in every run of the tests
    deaths = [(steps[0], "step"), (2, "save"), (steps[1], "step")]
    for count, where in deaths:
        done = python("-c", SCRIPT, shards, tmp_path / "cut", count, where, *HARD)
        assert done.returncode == -9, (deaths, done.stderr)
    done = python("-c", SCRIPT, shards, tmp_path / "cut", 0, "never", *HARD)
    assert done.returncode == 0, done.stderr
    for name in ("last.pt", "best.pt"):
        whole, cut = (checkpoint.load(tmp_path / run / name) for run in ("whole", "cut"))
        assert whole["step"] == cut["step"] and "adversary" in whole
        assert equal(whole, cut), deaths
    # The files' headers hold the runs' names, which are not equally long.
    models = [load_file(tmp_path / run / "model.safetensors") for run in ("whole", "cut")]
    assert equal(*models)

    def curve(run):
        times = ("seconds", "cpu_seconds", "pictures_per_second", "time")
        return [
            {key: row[key] for key in row if key not in times} for row in rows(tmp_path / run) if "event" not in row
        ]

    assert curve("whole") == curve("cut")
    left = {path.name for path in (tmp_path / "cut").iterdir()} - {path.name for path in (tmp_path / "whole").iterdir()}
    assert all(name.startswith(".last.pt.part-") for name in left), left  # of the death in the middle of a checkpoint


def test_dropout_is_a_function_of_the_step(shards, tmp_path):
    dropping = ["network={ name = 'zhang-ab', sizes = { width = 2, dropout = 0.5 } }", "losses=[{ name = 'mse' }]"]
    made = plain(*dropping, "optimizer.steps=4")
    train(made, [shards], Run(folder=tmp_path / "whole"))
    asked = iter([False, True])
    train(made, [shards], Run(folder=tmp_path / "cut", stop=lambda: next(asked)))
    torch.rand(7)
    train(made, [shards], Run(folder=tmp_path / "cut", resume=True))
    assert equal(*(checkpoint.load(tmp_path / run / "last.pt") for run in ("whole", "cut")))


def test_a_run_goes_on_with_other_pictures(shards, places, tmp_path):
    folder = tmp_path / "run"
    train(tiny("optimizer.steps=6"), [shards], Run(folder=folder))
    first = checkpoint.load(folder / "last.pt")
    train(tiny(), [places], Run(folder=folder, resume=True))
    facts = json.loads((folder / "data.json").read_text())
    assert facts["sources"] == [str(places)]
    assert [(entry["step"], entry["sources"]) for entry in facts["history"]] == [(0, [str(shards)]), (6, [str(places)])]
    assert [row["data"] for row in rows(folder, "data")] == [str(places)]
    last = checkpoint.load(folder / "last.pt")
    assert equal(last["prior"], first["prior"]) and not equal(last["network"], first["network"])
    assert last["data"] != first["data"]
    # Other validation pictures: what was best on the old ones is of no account.
    assert last["best"] == pytest.approx(rows(folder, "val_auc")[-1]["val_auc"], abs=1e-3)
    train(tiny("optimizer.steps=13"), [places], Run(folder=folder, resume=True))
    assert len(json.loads((folder / "data.json").read_text())["history"]) == 2


def test_another_optimizer_cannot_go_on(shards, tmp_path):
    train(tiny("optimizer.steps=1"), [shards], Run(folder=tmp_path / "run"))
    with pytest.raises(UsageError, match="of the optimizer 'adamw', the recipe says 'sgd'"):
        train(tiny("optimizer.name=sgd"), [shards], Run(folder=tmp_path / "run", resume=True))


def test_settings_count_when_a_run_goes_on(shards, tmp_path):
    train(tiny("optimizer.steps=1"), [shards], Run(folder=tmp_path / "run"))
    train(tiny("optimizer.steps=2", "optimizer.weight_decay=0.5"), [shards], Run(folder=tmp_path / "run", resume=True))
    groups = checkpoint.load(tmp_path / "run" / "last.pt")["optimizer"]["param_groups"]
    assert [group["weight_decay"] for group in groups] == [0.5, 0.0]


def test_told_to_stop_it_finishes_the_step_and_can_go_on(shards, tmp_path):
    train(tiny(), [shards], Run(folder=tmp_path / "whole"))
    asked = iter([False, True])
    end = train(tiny(), [shards], Run(folder=tmp_path / "cut", stop=lambda: next(asked)))
    assert (end.step, end.reason) == (2, "stopped")
    assert (tmp_path / "cut" / "model.safetensors").exists()
    assert rows(tmp_path / "cut")[-1]["reason"] == "stopped"
    end = train(tiny(), [shards], Run(folder=tmp_path / "cut", resume=True))
    assert (end.step, end.reason) == (12, "done")
    assert equal(*(checkpoint.load(tmp_path / run / "last.pt") for run in ("whole", "cut")))


def test_a_run_of_before_this_trainer_goes_on(shards, tmp_path):
    train(tiny("optimizer.steps=2"), [shards], Run(folder=tmp_path / "run"))
    path = tmp_path / "run" / "last.pt"
    old = ("step", "best", "prior", "network", "ema", "updates", "optimizer", "scaler")
    checkpoint.save({key: value for key, value in checkpoint.load(path).items() if key in old}, path)
    assert train(tiny("optimizer.steps=3"), [shards], Run(folder=tmp_path / "run", resume=True)).step == 3
