"""A run's folder: what is written stays whole, and says what happened."""

import json
import resource
import sys
import types

import pytest
import torch

from colorcli.errors import MediaError, UsageError
from colorcli.report.curves import plot_curves, smooth
from colorcli.training import checkpoint, record
from colorcli.training.board import Board


def test_lines_beyond_the_step_are_dropped(tmp_path):
    with record.Log(tmp_path, 0) as log:
        for step in (0, 20, 40):
            log.write({"step": step, "loss": 1.0})
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 60, "lo')  # cut short by a crash
    with record.Log(tmp_path, 20) as log:
        log.write({"step": 40, "loss": 2.0})
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(row["step"], row["loss"]) for row in rows] == [(0, 1.0), (20, 1.0), (40, 2.0)]
    assert {"seconds", "cpu_seconds"} <= rows[0].keys()


def test_a_process_that_is_not_the_first_writes_nothing(tmp_path):
    with record.Log(tmp_path, 0, silent=True, tensorboard=True) as log:
        log.write({"step": 1})
    assert not list(tmp_path.iterdir())


def test_the_history_of_the_data_is_kept(tmp_path):
    path = tmp_path / "data.json"
    record.write_data(path, {"sources": ["a"]}, 0)
    record.write_data(path, {"sources": ["a"]}, 5)
    record.write_data(path, {"sources": ["b"]}, 7)
    assert json.loads(path.read_text()) == {
        "sources": ["b"], "history": [{"step": 0, "sources": ["a"]}, {"step": 7, "sources": ["b"]}],
    }  # fmt: skip
    record.write_data(path, {"sources": ["c"]}, 6)  # a checkpoint from before b
    assert [entry["step"] for entry in json.loads(path.read_text())["history"]] == [0, 6]
    record.write_data(path, {"sources": ["d"]}, 0)  # another run
    assert [entry["sources"] for entry in json.loads(path.read_text())["history"]] == [["d"]]
    path.write_text(json.dumps({"sources": ["a"]}))  # of a run before there was a history
    record.write_data(path, {"sources": ["b"]}, 3)
    assert [entry["step"] for entry in json.loads(path.read_text())["history"]] == [0, 3]


def test_a_folder_that_cannot_be_written_is_refused_first(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MediaError, match="cannot make the folder of the run"):
        record.prepare(tmp_path / "file" / "run", resume=False)
    with pytest.raises(MediaError, match="cannot make the folder of the run"):
        record.prepare(tmp_path / "file", resume=False)
    record.prepare(tmp_path / "run", resume=False)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["samples"]


def test_a_disk_that_fills_up_keeps_the_older_checkpoint(tmp_path):
    path = tmp_path / "last.pt"
    checkpoint.save({"step": 1, "weights": torch.ones(10)}, path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))  # a write beyond it fails, as on a full disk
    try:
        with pytest.raises(MediaError, match="cannot write the checkpoint") as error:
            checkpoint.save({"step": 2, "weights": torch.rand(1_000_000)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "--resume" in error.value.hint
    assert checkpoint.load(path)["step"] == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["last.pt"]


def test_tensorboard_is_an_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UsageError, match="not installed") as error:
        Board(tmp_path, 0)
    assert error.value.hint == "pip install 'colorcli[train]'"


def test_rows_become_scalars(tmp_path, monkeypatch):
    made = []

    class SummaryWriter:
        def __init__(self, folder, purge_step):
            made.append((folder, purge_step))

        def add_scalar(self, *row):
            made.append(row)

        def flush(self):
            pass

        def close(self):
            made.append("closed")

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", types.SimpleNamespace(SummaryWriter=SummaryWriter))
    with record.Log(tmp_path, 20, tensorboard=True) as log:
        log.write({"step": 20, "event": "start"})
        log.write({"step": 40, "loss": 0.5, "lr": 0.1})
        log.write({"step": 40, "val_auc": 88.5})
    assert made[0] == (str(tmp_path / "tensorboard"), 21) and made[-1] == "closed"
    rows = {row for row in made[1:-1] if "seconds" not in row[0]}
    assert rows == {("train/loss", 0.5, 40), ("train/lr", 0.1, 40), ("val/auc", 88.5, 40)}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_reads_what_is_written(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = Board(tmp_path, 0)
    board.add({"step": 20, "loss": 0.25})
    board.close()
    found = EventAccumulator(str(tmp_path))
    found.Reload()
    assert [(event.step, event.value) for event in found.Scalars("train/loss")] == [(20, 0.25)]


def test_the_smoothed_curve_follows(tmp_path):
    assert smooth([3.0] * 50) == pytest.approx([3.0] * 50)
    noisy = [float(value % 2) for value in range(1000)]
    assert all(abs(value - 0.5) < 0.1 for value in smooth(noisy)[100:])
    assert smooth([]) == []
    rows = [{"step": 20 * n, "loss": 5.0 / (n + 1)} for n in range(30)]
    rows.append({"step": 600, "val_loss": 1.0, "val_auc": 80.0, "val_gray": 70.0})
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    plot_curves(tmp_path / "log.jsonl", tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
