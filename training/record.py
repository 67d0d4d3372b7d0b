"""What a run leaves behind: its folder, in which every file is complete under its name.

``recipe.toml`` (resolved), ``data.json`` (what was used and left out), ``splits.json`` (which pictures are for what),
``classes.json`` and ``prior.png`` where the recipe has use for them, ``log.jsonl``, ``curves.png``, ``samples/``,
``subjects.md`` if asked for,
``last.pt`` and ``best.pt`` (to go on from), ``model.safetensors`` and ``card.toml`` (to colorize with), ``nan.pt`` if
the loss stopped being a number, ``tensorboard/`` if asked for. Of several processes the first alone has a record.
"""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from colorcli.errors import MediaError, UsageError
from colorcli.media.atomic import writing
from colorcli.report.curves import plot_curves, read_log
from colorcli.training import checkpoint
from colorcli.training.board import Board
from colorcli.training.data import Pictures


def prepare(folder: Path, *, resume: bool) -> None:
    """Make a run's folder before any work is done.

    Raises:
        UsageError: there is a run in it and ``resume`` is off.
        MediaError: it cannot be made or written.
    """
    if (folder / checkpoint.LAST).exists() and not resume:
        raise UsageError(f"{folder}: there is a run in this folder", hint="go on with --resume, or give another folder")
    try:
        (folder / "samples").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError(f"{folder}: cannot make the folder of the run: {error.strerror}") from error
    with writing(folder / ".writable", overwrite=True):
        pass
    (folder / ".writable").unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Replace a file by ``text``."""
    with writing(path, overwrite=True) as file:
        file.write(text.encode())


def digest(pictures: Pictures) -> str:
    """Return a short name for a set of pictures: it changes when other pictures are trained on."""
    names = "\0".join(pictures.names).encode("utf-8", "surrogateescape")
    return hashlib.sha256(names + pictures.shapes.tobytes()).hexdigest()[:16]


def write_data(path: Path, facts: dict[str, Any], start: int) -> None:
    """Write ``data.json``: what the run trains on now, and under ``"history"`` what it trained on from which step on.

    Args:
        path: the file; its history is kept if the run goes on.
        facts: what it trains on.
        start: step the run begins or goes on at.
    """
    history: list[dict[str, Any]] = []
    if start and path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        known = before.pop("history", None)
        history = [{"step": 0, **before}] if known is None else known
    if not history or {**history[-1], "step": 0} != {**facts, "step": 0}:
        history = [*(entry for entry in history if entry["step"] < start), {"step": start, **facts}]
    write_text(path, json.dumps({**facts, "history": history}, indent=1))


def circumstances(device: torch.device, precision: torch.dtype) -> dict[str, Any]:
    """Return what a run's speed and last digits depend on."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    return {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "torch": torch.__version__,
            "numpy": np.__version__, "device": f"{device} ({name})", "threads": torch.get_num_threads(),
            "precision": str(precision).removeprefix("torch.")}  # fmt: skip


class Log:
    """JSON lines, one object per event; lines beyond the step a run resumes from are dropped: they happen again.

    Args:
        folder: of the run.
        start: step it begins or goes on at.
        tensorboard: whether rows go to TensorBoard too.
        silent: of a process that is not the first: nothing is written.
    """

    def __init__(self, folder: Path, start: int, *, tensorboard: bool = False, silent: bool = False) -> None:
        self._path, self._silent = folder / "log.jsonl", silent
        self._begun = time.perf_counter()
        if silent:
            return
        self._board = Board(folder / "tensorboard", start) if tensorboard else None
        kept = [row for row in read_log(self._path) if row["step"] <= start] if self._path.exists() and start else []
        write_text(self._path, "".join(f"{json.dumps(row)}\n" for row in kept))
        self._file = self._path.open("a", encoding="utf-8", buffering=1)

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *exception: object) -> None:
        if not self._silent:
            self._file.close()
            if self._board is not None:
                self._board.close()

    def write(self, row: dict[str, Any]) -> None:
        """Add a line, with the time since the run began or went on."""
        if self._silent:
            return
        seconds = {"seconds": round(time.perf_counter() - self._begun, 1), "cpu_seconds": round(time.process_time(), 1)}
        self._file.write(json.dumps(row | seconds) + "\n")
        if self._board is not None:
            self._board.add(row)

    def draw(self, path: Path) -> None:
        """Draw the curves of what was logged so far."""
        with writing(path, overwrite=True) as file:
            plot_curves(self._path, file)


def sources(paths: Sequence[Path]) -> str:
    """Return where pictures came from, for a model's card."""
    return ", ".join(str(path) for path in paths)
