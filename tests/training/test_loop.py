import json
import math
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file
from tiny_runs import NETWORK, SIZES, equal, tiny

from colorcli.errors import ColorcliError, MediaError, UsageError, WeightsError
from colorcli.registry import LOSSES
from colorcli.training import checkpoint, recipe
from colorcli.training.loop import Run, train
from colorcli.weights.resolve import resolve


def _weights(folder):
    return checkpoint.load(folder / "last.pt")


def test_a_run_leaves_everything_it_promises(shards, tmp_path):
    seen = []
    train(tiny(), [shards], Run(folder=tmp_path / "run", report=seen.append))
    folder = tmp_path / "run"
    made = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert made == {"recipe.toml", "data.json", "splits.json", "prior.png", "log.jsonl", "curves.png", "last.pt",
                    "best.pt", "model.safetensors", "card.toml", "samples/0000006.jpg",
                    "samples/0000012.jpg"}  # fmt: skip
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert rows[0]["event"] == "start" and rows[-1]["event"] == "end"
    assert all(math.isfinite(row["loss"]) for row in rows if "loss" in row)
    assert {"val_loss", "val_auc", "val_gray", "val_chroma"} <= {key for row in rows for key in row}
    assert json.loads((folder / "data.json").read_text())["validation"] == 4
    # No classes are learnt, so the network is given one, which is none.
    assert recipe.load(str(folder / "recipe.toml")) == tiny("network.sizes.classes=1")
    assert seen[-1].step == 12 and "AuC" in seen[-1].note


def test_what_was_trained_colorizes(shards, tmp_path):
    from colorcli.weights.load import load

    train(tiny(), [shards], Run(folder=tmp_path / "run"))
    network = load(resolve(str(tmp_path / "run")))
    average = _weights(tmp_path / "run")["ema"]
    assert torch.allclose(network.get_buffer("prior"), average["prior"])
    assert network(torch.full((1, 1, 64, 64), 50.0)).shape == (1, 313, 16, 16)


@pytest.mark.usefixtures("one_thread")
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(shards, tmp_path):
    train(tiny(), [shards], Run(folder=tmp_path / "whole"))

    class StopHereError(Exception):
        pass

    def interrupt(progress):
        if "AuC" in progress.note:  # after the validation of step 6, before its checkpoint: resuming starts from step 3
            raise StopHereError

    with pytest.raises(StopHereError):
        train(tiny(), [shards], Run(folder=tmp_path / "cut", report=interrupt))
    assert _weights(tmp_path / "cut")["step"] == 3
    train(tiny(), [shards], Run(folder=tmp_path / "cut", resume=True))
    assert equal(_weights(tmp_path / "whole"), _weights(tmp_path / "cut"))
    steps = [json.loads(line)["step"] for line in (tmp_path / "cut" / "log.jsonl").read_text().splitlines()]
    assert steps == sorted(steps)


@pytest.mark.slow
def test_a_run_killed_outright_resumes(shards, tmp_path):
    long = [NETWORK, *SIZES, "optimizer.steps=100000", "checkpoint=1", "validation.every=100000"]
    code = (
        "import sys, torch; torch.set_num_threads(1); from pathlib import Path; from colorcli.training import recipe;"
        "from colorcli.training.loop import Run, train;"
        f"train(recipe.load('default', {long!r}), [Path({str(shards)!r})], Run(folder=Path({str(tmp_path / 'run')!r})))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONWARNINGS": "ignore"})
    last = tmp_path / "run" / "last.pt"
    deadline = time.monotonic() + 120
    while not last.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    step = _weights(tmp_path / "run")["step"]  # complete, whatever moment it was
    train(tiny(f"optimizer.steps={step + 2}"), [shards], Run(folder=tmp_path / "run", resume=True))
    assert _weights(tmp_path / "run")["step"] == step + 2


def test_a_folder_with_a_run_is_not_trained_over(shards, tmp_path):
    (tmp_path / "last.pt").write_bytes(b"x")
    with pytest.raises(UsageError, match="--resume"):
        train(tiny(), [shards], Run(folder=tmp_path))


def test_resuming_needs_a_good_checkpoint_of_the_same_network(shards, tmp_path):
    with pytest.raises(WeightsError, match="no checkpoint"):
        train(tiny(), [shards], Run(folder=tmp_path / "none", resume=True))
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "last.pt").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(WeightsError, match="not a readable checkpoint"):
        train(tiny(), [shards], Run(folder=tmp_path / "bad", resume=True))
    train(tiny("optimizer.steps=1"), [shards], Run(folder=tmp_path / "run"))
    with pytest.raises(UsageError, match="another network"):
        wider = tiny("network.sizes={ width = 16, blocks = 1, bottom = 4 }")
        train(wider, [shards], Run(folder=tmp_path / "run", resume=True))


def test_a_loss_that_is_not_a_number_stops_the_run_and_keeps_the_batch(shards, tmp_path, monkeypatch):
    module = LOSSES.load("expectation")
    monkeypatch.setattr(module, "build", lambda prior: lambda output, ab: output.sum() * float("nan"))
    with pytest.raises(ColorcliError, match="not a number"):
        train(tiny(), [shards], Run(folder=tmp_path / "run"))
    assert torch.load(tmp_path / "run" / "nan.pt")["batch"].dtype == torch.uint8


def test_a_full_disk_keeps_the_last_good_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "last.pt"
    checkpoint.save({"step": 1}, path)

    def full(state, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.torch, "save", full)
    with pytest.raises(MediaError, match="No space left"):
        checkpoint.save({"step": 2}, path)
    assert checkpoint.load(path)["step"] == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["last.pt"]


@pytest.mark.parametrize(
    "settings, message",
    [
        (["network.name=resnet-fussion"], "did you mean 'resnet-fusion'"),
        (["network.sizes={ depth = 3 }"], "depth"),
        (["losses=[{ name = 'soft-cross-entrpy' }]"], "did you mean 'soft-cross-entropy'"),
        (["losses=[{ name = 'expectation', options = { gamma = 3 } }]"], "gamma"),
    ],
)
def test_recipes_that_do_not_fit_are_explained(shards, tmp_path, settings, message):
    with pytest.raises(UsageError, match=message):
        train(tiny(*settings), [shards], Run(folder=tmp_path / "run"))


def test_the_average_follows_the_weights():
    from colorcli.training.ema import EMA

    layer = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), torch.nn.BatchNorm1d(1))
    torch.nn.init.zeros_(layer[0].weight)
    ema = EMA(layer, 0.9)
    torch.nn.init.ones_(layer[0].weight)
    layer[1].num_batches_tracked += 3
    for _ in range(200):
        ema.update(layer)
    assert ema.average[0].weight.item() == pytest.approx(1, abs=1e-3)
    assert ema.average[1].num_batches_tracked == 3  # counters are copied, not averaged


def test_a_model_is_written_without_what_only_training_needs(places, tmp_path):
    classes = ["losses=[{ name = 'soft-cross-entropy' }, { name = 'class-cross-entropy' }]"]
    train(tiny(*classes), [places], Run(folder=tmp_path / "run"))
    model = resolve(str(tmp_path / "run"))
    assert "classes" not in model.card.sizes
    assert not [key for key in load_file(model.weights) if key.startswith("classifier")]
    assert _weights(tmp_path / "run")["network"]["classifier.weight"].shape[0] == 2
    # Going on from the model, which has no classifier, or from the checkpoint, which has one, is all the same.
    for start in (tmp_path / "run", tmp_path / "run" / "last.pt"):
        folder = tmp_path / f"on-{start.name}"
        train(tiny(*classes, "optimizer.steps=1"), [places], Run(folder=folder, init=str(start)))
        assert resolve(str(folder)).weights.is_file()


@pytest.mark.usefixtures("one_thread")
def test_muon_classes_shares_and_aged_pictures_resume_bit_for_bit_too(places, tmp_path):
    asked = [
        "losses=[{ name = 'soft-cross-entropy', options = { share = 0.25 } }, { name = 'class-cross-entropy' }]",
        "optimizer.name='muon'", "augment.age=0.5",
    ]  # fmt: skip
    train(tiny(*asked), [places], Run(folder=tmp_path / "whole"))
    stopping = iter([False] * 4 + [True])
    train(tiny(*asked), [places], Run(folder=tmp_path / "parts", stop=lambda: next(stopping)))
    train(tiny(*asked), [places], Run(folder=tmp_path / "parts", resume=True))
    whole, parts = _weights(tmp_path / "whole"), _weights(tmp_path / "parts")
    assert equal(whole["network"], parts["network"]) and equal(whole["optimizer"], parts["optimizer"])
