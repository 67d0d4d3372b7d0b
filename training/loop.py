"""The trainer: one loop to be read top to bottom.

    >>> from colorcli.training.loop import Run, train                                   # doctest: +SKIP
    >>> train(recipe.load("default"), [Path("places")], Run(Path("runs/places")))       # doctest: +SKIP

A run's folder holds ``recipe.toml`` (resolved), ``data.json`` (what was used and left out), ``log.jsonl``,
``curves.png``, ``samples/``, ``last.pt`` and ``best.pt`` (to go on from), and ``model.safetensors`` with ``card.toml``
(to colorize with: ``--model FOLDER``).
"""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from colorcli.errors import ColorcliError, UsageError
from colorcli.report.curves import plot_curves, read_log
from colorcli.training import batches, checkpoint, data
from colorcli.training.ema import EMA
from colorcli.training.export import export
from colorcli.training.recipe import Optimizer, Recipe, dumps
from colorcli.training.samples import write_samples
from colorcli.training.task import Task, measure_prior, validate

#: Steps between two lines of the log.
LOG_EVERY = 20


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a run stands; given to the ``report`` callback at every line of the log."""

    step: int
    steps: int
    loss: float
    rate: float
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Run:
    """Where and how to train.

    Attributes:
        folder: takes everything the run writes.
        device: what the network runs on.
        precision: dtype of the network's matrix products; weights and losses stay in float32.
        resume: go on from ``last.pt``.
        workers: processes that make batches; None takes none where the network itself runs on the CPU.
        report: called with a :class:`Progress` now and then.
    """

    folder: Path
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    precision: torch.dtype = torch.float32
    resume: bool = False
    workers: int | None = None
    report: Callable[[Progress], None] = lambda progress: None


def learning_rate(options: Optimizer, step: int) -> float:
    """Return the learning rate at ``step``: linear warm-up, then a cosine that ends at zero."""
    if step < options.warmup:
        return options.lr * (step + 1) / options.warmup
    done = (step - options.warmup) / max(1, options.steps - options.warmup)
    return options.lr * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def train(recipe: Recipe, train_on: Sequence[Path], run: Run, validate_on: Sequence[Path] = ()) -> None:
    """Train a recipe on pictures and leave a usable model in ``run.folder``.

    Args:
        recipe: what to train.
        train_on: folders of pictures, tar shards, folders of shards.
        run: where and how.
        validate_on: the same for validation; without it ``val-*`` shards, or a random share of the pictures, are used.

    Raises:
        UsageError: no data, or the folder already holds a run and ``resume`` is off.
        WeightsError: the checkpoint to resume from is missing or damaged, or of another network.
        MediaError: the folder cannot be written.
        ColorcliError: the loss is no longer a number; the batch is kept in ``nan.pt``.
    """
    folder, device = run.folder, run.device
    if (folder / checkpoint.LAST).exists() and not run.resume:
        raise UsageError(f"{folder}: there is a run in this folder", hint="go on with --resume, or give another folder")
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    pictures, val = _pictures(recipe, train_on, validate_on)
    state = checkpoint.load(folder / checkpoint.LAST) if run.resume else None
    prior = state["prior"] if state else measure_prior(pictures, seed=recipe.seed)
    (folder / "recipe.toml").write_text(dumps(recipe))
    facts = {"training": len(pictures), "validation": len(val), "report": pictures.report,
             "sources": [str(path) for path in train_on]}  # fmt: skip
    (folder / "data.json").write_text(json.dumps(facts, indent=1))

    # Set before the network is built: its first weights are the first random numbers drawn.
    torch.manual_seed(recipe.seed)
    task = Task(recipe, prior)
    network = task.network.to(device).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    ema = EMA(network, recipe.optimizer.ema)
    optimizer = _optimizer(network, recipe.optimizer)
    autocast = None if run.precision == torch.float32 else run.precision
    scaler = torch.amp.GradScaler(device.type, enabled=run.precision == torch.float16)
    start, best = 0, -math.inf
    if state:
        start, best = _restore(state, network, ema, optimizer, scaler)

    workers = run.workers if run.workers is not None else (0 if device.type == "cpu" else 8)
    with _Log(folder / "log.jsonl", start) as log:
        log.write({"step": start, "event": "start", **_circumstances(device, run.precision)})
        clock, seen = time.perf_counter(), 0
        for step, batch in enumerate(batches.stream(pictures, recipe, start=start, workers=workers), start):
            rate = learning_rate(recipe.optimizer, step)
            for group in optimizer.param_groups:
                group["lr"] = rate
            batch = batch.to(device, non_blocking=True)
            losses = task.loss(network, batch, step, autocast)
            optimizer.zero_grad(set_to_none=True)
            scaler.scale(losses["loss"]).backward()  # type: ignore[no-untyped-call]
            scaler.unscale_(optimizer)
            norm = nn.utils.clip_grad_norm_(network.parameters(), recipe.optimizer.clip)
            scaler.step(optimizer)
            scaler.update()
            ema.update(network)

            seen += len(batch)
            done = step + 1
            last = done == recipe.optimizer.steps
            measured = last or done % recipe.validation.every == 0
            kept = measured or done % recipe.checkpoint == 0
            if kept or done % LOG_EVERY == 0:
                _check_finite(losses, batch, step, folder)  # before anything is written over the last good state
            if last or done % LOG_EVERY == 0:
                speed = seen / (time.perf_counter() - clock)
                row = {name: round(float(value.detach()), 5) for name, value in losses.items()}
                log.write({"step": done, **row, "lr": rate, "norm": round(float(norm), 4), "size": batch.shape[-1],
                           "pictures_per_second": round(speed, 1)})  # fmt: skip
                run.report(Progress(step=done, steps=recipe.optimizer.steps, loss=row["loss"], rate=speed))
                clock, seen = time.perf_counter(), 0
            if measured:
                scores = validate(task, ema.average, val, recipe.validation, device)
                log.write({"step": done, **{f"val_{name}": round(value, 4) for name, value in vars(scores).items()}})
                plot_curves(folder / "log.jsonl", folder / "curves.png")
                write_samples(task, ema.average, val, folder / "samples" / f"{done:07d}.jpg", recipe.validation, device)
                run.report(Progress(step=done, steps=recipe.optimizer.steps, loss=scores.loss, rate=0.0,
                                    note=f"AuC {scores.auc:.2f}, gray {scores.gray:.2f}"))  # fmt: skip
            if kept:
                better = measured and scores.auc > best
                best = max(best, scores.auc) if measured else best
                state = _state(done, best, prior, network, ema, optimizer, scaler)
                checkpoint.save(state, folder / checkpoint.LAST)
                if better:
                    checkpoint.save(state, folder / checkpoint.BEST)
                export(recipe, ema.average, folder, data=", ".join(str(path) for path in train_on))
                clock, seen = time.perf_counter(), 0
        log.write({"step": recipe.optimizer.steps, "event": "end"})


def _pictures(
    recipe: Recipe, train_on: Sequence[Path], validate_on: Sequence[Path]
) -> tuple[data.Pictures, data.Pictures]:
    here, held = data.sources(train_on)
    if validate_on:
        given, named = data.sources(validate_on)
        held = given + named
    pictures = data.load(here, side=recipe.data.side, gray=recipe.data.gray)
    if not held:
        return data.split(pictures, recipe.data.validation, recipe.seed)
    # Validation pictures are kept at the size they are measured at.
    return pictures, data.load(held, side=recipe.validation.crop, gray=recipe.data.gray)


def _optimizer(network: nn.Module, options: Optimizer) -> torch.optim.Optimizer:
    matrices = [p for p in network.parameters() if p.ndim >= 2]
    vectors = [p for p in network.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": options.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=options.lr, betas=options.betas, fused=True)


def _state(
    step: int,
    best: float,
    prior: Tensor,
    network: nn.Module,
    ema: EMA,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
) -> dict[str, Any]:
    return {"step": step, "best": best, "prior": prior, "network": network.state_dict(),
            "ema": ema.average.state_dict(), "updates": ema.updates, "optimizer": optimizer.state_dict(),
            "scaler": scaler.state_dict()}  # fmt: skip


def _restore(
    state: dict[str, Any], network: nn.Module, ema: EMA, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler
) -> tuple[int, float]:
    try:
        network.load_state_dict(state["network"])
        ema.average.load_state_dict(state["ema"])
        optimizer.load_state_dict(state["optimizer"])
    except (RuntimeError, ValueError) as error:
        raise UsageError(
            f"the checkpoint is of another network: {error}", hint="resume with the recipe in the run's recipe.toml"
        ) from error
    scaler.load_state_dict(state.get("scaler", {}))
    ema.updates = state["updates"]
    return int(state["step"]), float(state["best"])


def _check_finite(losses: dict[str, Tensor], batch: Tensor, step: int, folder: Path) -> None:
    if math.isfinite(float(losses["loss"].detach())):
        return
    checkpoint.save({"step": step, "batch": batch.cpu()}, folder / "nan.pt")
    raise ColorcliError(
        f"{folder}: the loss is not a number at step {step}; the batch is kept in nan.pt",
        hint="resume with a lower rate, for example --resume --set optimizer.lr=5e-4",
    )


def _circumstances(device: torch.device, precision: torch.dtype) -> dict[str, Any]:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    return {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "torch": torch.__version__,
            "numpy": np.__version__, "device": f"{device} ({name})", "threads": torch.get_num_threads(),
            "precision": str(precision).removeprefix("torch.")}  # fmt: skip


class _Log:
    """JSON lines, one object per event; lines beyond the step a run resumes from are dropped: they happen again."""

    def __init__(self, path: Path, start: int) -> None:
        kept = [row for row in read_log(path) if row["step"] <= start] if path.exists() and start else []
        path.write_text("".join(f"{json.dumps(row)}\n" for row in kept), encoding="utf-8")
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._begun = time.perf_counter()

    def __enter__(self) -> _Log:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def write(self, row: dict[str, Any]) -> None:
        seconds = {"seconds": round(time.perf_counter() - self._begun, 1), "cpu_seconds": round(time.process_time(), 1)}
        self._file.write(json.dumps(row | seconds) + "\n")
