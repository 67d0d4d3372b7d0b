"""Several processes learn what one does, and one of them writes. They run on CPUs here, over gloo."""

import os
import socket

import pytest
from tiny_runs import PLAIN, SIZES, plain, python, rows, tiny

from colorcli.errors import UsageError
from colorcli.training import checkpoint
from colorcli.training.distributed import Group, launched
from colorcli.training.loop import Run, train


def launch(processes, *arguments):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    where = ["--nproc-per-node", processes, "--master-addr", "127.0.0.1", "--master-port", port]
    return python("-m", "torch.distributed.run", *where, "-m", "colorcli", "train", *arguments)


def settings(*more):
    return [word for setting in more for word in ("--set", setting)]


def curve(folder, key):
    return [(row["step"], row[key]) for row in rows(folder, key)]


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_two_processes_learn_what_one_does(shards, tmp_path):
    longer = ["optimizer.steps=40", "data.batch=5", "validation.every=10", "augment.noise=0.5"]
    two, one = tmp_path / "two", tmp_path / "one"
    arguments = ["--data", shards, "-o", two, "--device", "cpu", "--precision", "fp32"]
    done = launch(2, *arguments, *settings(*SIZES, *PLAIN, *longer))
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{two}\n"  # the first process alone speaks
    assert sum("AuC" in line for line in done.stderr.splitlines()) == 4
    train(plain(*longer), [shards], Run(folder=one))
    assert {path.relative_to(one) for path in one.rglob("*")} == {path.relative_to(two) for path in two.rglob("*")}
    for key in ("loss", "mse", "val_loss", "val_auc"):
        (steps, ours), (same, theirs) = (zip(*curve(folder, key), strict=True) for folder in (one, two))
        assert steps == same
        assert theirs == pytest.approx(ours, rel=1e-3), key
    losses = [loss for _, loss in curve(one, "val_loss")]
    assert len(set(losses)) == 4  # it did learn: two flat lines would be equal too
    assert [row["processes"] for row in rows(two, "processes")] == [2]

    # One goes on with what two began.
    train(plain(*longer, "optimizer.steps=42"), [shards], Run(folder=two, resume=True))
    assert checkpoint.load(two / "last.pt")["step"] == 42


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_batch_norm_sees_the_share_of_a_process(shards, tmp_path):
    """With batch norm two processes are like one that computes a batch in two parts, on CPUs."""
    from tiny_runs import NETWORK

    more = ["optimizer.steps=8", "validation.every=4", "adversarial={ start = 0.5, width = 4, layers = 1 }"]
    arguments = ["--data", shards, "-o", tmp_path / "two", "--device", "cpu", "--precision", "fp32"]
    done = launch(2, *arguments, *settings(NETWORK, *SIZES, *more))
    assert done.returncode == 0, done.stderr
    train(tiny(*more, "optimizer.accumulate=2"), [shards], Run(folder=tmp_path / "one"))
    for key in ("loss", "adversarial", "discriminator", "norm"):
        assert curve(tmp_path / "two", key) == [
            (step, pytest.approx(value, rel=2e-3)) for step, value in curve(tmp_path / "one", key)
        ], key


@pytest.mark.slow
def test_what_is_wrong_ends_all_processes(tmp_path):
    (tmp_path / "empty").mkdir()
    done = launch(2, "--data", tmp_path / "empty", "-o", tmp_path / "run", "--device", "cpu")
    assert done.returncode != 0
    assert f"error: {tmp_path / 'empty'}: no usable colour picture" in done.stderr
    assert not (tmp_path / "run" / "last.pt").exists()


def test_each_process_needs_a_picture(shards, tmp_path):
    with pytest.raises(UsageError, match="too small for 5 processes"):
        train(plain(), [shards], Run(folder=tmp_path / "run", group=Group(processes=5)))


def test_the_place_among_processes_comes_from_torchrun(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert launched() == Group() and launched().first
    monkeypatch.setattr(os, "environ", {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"})
    assert launched() == Group(3, 4, 1) and not launched().first
    monkeypatch.setattr(os, "environ", {"RANK": "first"})
    with pytest.raises(UsageError, match="torchrun"):
        launched()
