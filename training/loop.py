"""The trainer: one loop to be read top to bottom.

    >>> from colorcli.training.loop import Run, train                                   # doctest: +SKIP
    >>> train(recipe.load("default"), [Path("places")], Run(Path("runs/places")))       # doctest: +SKIP

What a run leaves in its folder is told in :mod:`colorcli.training.record`. A step is a function of the recipe, the
pictures, the state before it and its number; nothing else is random. So a run that was killed and resumed ends with the
weights of one that was not.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch

from colorcli.errors import ColorcliError, UsageError
from colorcli.media.atomic import writing
from colorcli.registry import LOSSES, NETWORKS
from colorcli.report.prior import plot_prior
from colorcli.training import (
    batches,
    checkpoint,
    data,
    labels,
    optimizers,
    priors,
    record,
    schedule,
    splits,
    stopping,
    subjects,
)
from colorcli.training.distributed import Group
from colorcli.training.export import export
from colorcli.training.learner import Learner, Lesson
from colorcli.training.recipe import Recipe, dumps
from colorcli.training.samples import write_samples
from colorcli.training.task import Scores, Task, validate
from colorcli.weights.start import read as read_start
from colorcli.weights.start import start as begin_with

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
        resume: go on from ``last.pt``; ``init`` is of no account then.
        init: trained weights to begin with; what :mod:`colorcli.weights.start` takes.
        workers: processes that make batches; None takes none where the network itself runs on the CPU.
        compiled: whether the network goes through ``torch.compile``.
        tensorboard: whether the log goes to TensorBoard too.
        group: the processes of the run; see :mod:`colorcli.training.distributed`.
        report: called with a :class:`Progress` now and then, in the first process.
        stop: asked after every step; True ends the run there, with a checkpoint to go on from.
    """

    folder: Path
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    precision: torch.dtype = torch.float32
    resume: bool = False
    init: str | None = None
    workers: int | None = None
    compiled: bool = False
    tensorboard: bool = False
    group: Group = field(default_factory=Group)
    report: Callable[[Progress], None] = lambda progress: None
    stop: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class End:
    """How far a run came: to its end, to where its metric no longer improved, or to where it was told to stop."""

    step: int
    reason: Literal["done", "no longer improving", "stopped"]


def train(recipe: Recipe, train_on: Sequence[Path], run: Run, validate_on: Sequence[Path] = ()) -> End:
    """Train a recipe on pictures and leave a usable model in ``run.folder``.

    Args:
        recipe: what to train.
        train_on: folders of pictures, tar shards, folders of shards. A run that is resumed may be given others: it
            goes on with them, keeps its prior, and notes them in ``data.json``; if the validation pictures changed,
            what was best before no longer counts.
        run: where and how.
        validate_on: the same for validation; without it ``val-*`` shards, or a random share of the pictures, are used.

    Returns:
        How far it came.

    Raises:
        UsageError: no data; unknown names in the recipe; the folder already holds a run and ``resume`` is off; the
            checkpoint is of another network.
        WeightsError: the checkpoint to resume from is missing or damaged, or weights to begin with do not fit.
        MediaError: the folder cannot be written, or a shard or batch cannot be read.
        DeviceError: out of memory.
        ColorcliError: the loss is no longer a number; the batch is kept in ``nan.pt``.
    """
    folder, device, group = run.folder, run.device, run.group
    _check_names(recipe, group)
    if group.first:
        record.prepare(folder, resume=run.resume)
    begin = read_start(run.init) if run.init is not None and not run.resume else None
    state = group.share(lambda: checkpoint.load(folder / checkpoint.LAST) if run.resume else None)
    past = folder if run.resume else None
    split = group.in_turn(lambda: splits.gather(recipe, train_on, validate_on, past and past / splits.FILE))
    recipe, pictures, classes = labels.fit(recipe, split.train, past and past / labels.FILE)
    val = split.validation
    prior = (
        state["prior"] if state
        else group.share(lambda: priors.choose(recipe.data.prior, pictures, seed=recipe.seed))
    )  # fmt: skip

    # Set before the network is built: its first weights are the first random numbers drawn.
    torch.manual_seed(recipe.seed)
    task = Task(recipe, prior)
    begun = begin_with(task.network, recipe.network.name, begin) if begin is not None else ""
    learner = Learner(task, recipe, device, run.precision, group, compiled=run.compiled)
    best, start, now = stopping.Best(recipe.validation), 0, [record.digest(pictures), record.digest(val)]
    if state:
        start = int(state["step"])
        learner.restore(state)
        if state.get("data", now)[1] == now[1]:
            best.restore(state)
    if group.first:
        facts = {"training": len(pictures), "validation": len(val), "test": len(split.test) if split.test else 0,
                 "report": pictures.report, "left_out": pictures.without, "split": splits.fingerprint(split),
                 "sources": [str(path) for path in train_on], **({"init": begun} if begun else {})}  # fmt: skip
        record.write_text(folder / "recipe.toml", dumps(recipe))
        record.write_data(folder / "data.json", facts, start)
        record.write_text(folder / splits.FILE, split.to_json(recipe.seed))
        if classes:
            record.write_text(folder / labels.FILE, json.dumps(classes, indent=0))
        if task.info.output == "logits":
            with writing(folder / "prior.png", overwrite=True) as file:
                plot_prior(prior, file)
        run.report(Progress(step=start, steps=recipe.optimizer.steps, loss=0.0, rate=0.0, note=split.say()))

    def keep(step: int, *, better: bool = False) -> None:
        """Write model and checkpoints; ``last.pt`` comes last, so that a crash before it repeats what is missing."""
        if not group.first:
            return
        state = {"step": step, "prior": prior, "data": now, **best.state(), **learner.state()}
        if better:
            checkpoint.save(state, folder / checkpoint.BEST)
        export(recipe, learner.ema.average, folder, data=record.sources(train_on))
        checkpoint.save(state, folder / checkpoint.LAST)

    def measure(step: int) -> Scores:
        scores = validate(task, learner.ema.average, val, recipe.validation, device)
        log.write({"step": step, **{f"val_{name}": round(value, 4) for name, value in vars(scores).items()}})
        log.draw(folder / "curves.png")
        sheet = folder / "samples" / f"{step:07d}.jpg"
        write_samples(task, learner.ema.average, val, sheet, recipe.validation, device)
        run.report(Progress(step=step, steps=steps, loss=scores.loss, rate=0.0,
                            note=f"AuC {scores.auc:.2f}, gray {scores.gray:.2f}"))  # fmt: skip
        if recipe.validation.subjects:
            of = subjects.measure(task, learner.ema.average, val, recipe.validation, device)
            line = {
                "step": step,
                "epoch": round(step * recipe.data.batch / len(pictures), 2),
                "subjects": subjects.row(of),
            }
            log.write(line)
            subjects.write_table(folder / "log.jsonl", folder / "subjects.md")
            run.report(Progress(step=step, steps=steps, loss=scores.loss, rate=0.0, note=subjects.table([line])))
        return scores

    steps = recipe.optimizer.steps
    end = End(start, "no longer improving") if best.hopeless else End(max(start, steps), "done")
    workers = run.workers if run.workers is not None else (0 if device.type == "cpu" else 8)
    share = (group.rank, group.processes)
    notes = {"processes": group.processes if group.processes > 1 else 0, "init": begun,
             "data": record.sources(train_on) if state and state.get("data", now) != now else ""}  # fmt: skip
    with record.Log(folder, start, tensorboard=run.tensorboard, silent=not group.first) as log:
        log.write({"step": start, "event": "start", **record.circumstances(device, run.precision),
                   **{name: note for name, note in notes.items() if note}})  # fmt: skip
        if begun:
            run.report(Progress(step=0, steps=steps, loss=0.0, rate=0.0, note=begun))
        clock, seen = time.perf_counter(), 0
        stream = batches.stream(pictures, recipe, start=start, workers=workers, share=share)
        for step, batch in enumerate(stream if end.step > start else (), start):
            lesson = learner.learn(batch.to(device), step)

            seen += batch.of
            done = step + 1
            last = done == steps
            stopped = group.most(run.stop()) > 0 and not last
            measured = last or done % recipe.validation.every == 0
            kept = measured or stopped or done % recipe.checkpoint == 0
            if device.type == "cpu" or kept or done % LOG_EVERY == 0:
                _check_finite(learner, pictures, folder)  # before anything is written over the last good state
            if last or done % LOG_EVERY == 0:
                speed = seen / (time.perf_counter() - clock)
                row = _means(lesson, len(batch) / batch.of, group)
                log.write({"step": done, **row, "lr": lesson.rate, "norm": round(float(lesson.norm), 4),
                           "size": batch.rgb.shape[-1], "pictures_per_second": round(speed, 1)})  # fmt: skip
                if group.first:
                    run.report(Progress(step=done, steps=steps, loss=row["loss"], rate=speed))
                clock, seen = time.perf_counter(), 0
            better = measured and best.update(group.share(lambda done=done: measure(done)))  # type: ignore[misc]
            if kept:
                keep(done, better=better)
                clock, seen = time.perf_counter(), 0
            if stopped or best.hopeless:
                end = End(done, "stopped" if stopped else "no longer improving")
                break
        if end.reason == "no longer improving" and group.first:
            # The model that is left is the one that was best, not the one that came last.
            learner.ema.average.load_state_dict(checkpoint.load(folder / checkpoint.BEST)["ema"])
            export(recipe, learner.ema.average, folder, data=record.sources(train_on))
        if split.test is not None and end.reason != "stopped" and group.first:
            tested = validate(task, learner.ema.average, split.test, recipe.validation, device)
            log.write({"step": end.step, **{f"test_{name}": round(value, 4) for name, value in vars(tested).items()}})
        log.write({"step": end.step, "event": "end", **({} if end.reason == "done" else {"reason": end.reason})})
    return end


def _check_names(recipe: Recipe, group: Group) -> None:
    """Find misspelt names before pictures are decoded, which may take long."""
    NETWORKS.load(recipe.network.name)
    for loss in recipe.losses:
        LOSSES.load(loss.name)
    batches.check(recipe.data)
    optimizers.check(recipe.optimizer)
    schedule.check(recipe.optimizer)
    stopping.check(recipe.validation)
    if recipe.optimizer.accumulate < 1:
        raise UsageError(f"optimizer.accumulate must be 1 or more, not {recipe.optimizer.accumulate}")
    if recipe.data.batch < group.processes:
        raise UsageError(
            f"data.batch={recipe.data.batch} is too small for {group.processes} processes",
            hint="each needs at least one picture of every batch",
        )


def _means(lesson: Lesson, share: float, group: Group) -> dict[str, float]:
    """Return the losses over the whole batch, of which this process had a share."""
    values = group.total(torch.stack(list(lesson.losses.values())).float().cpu() * share)
    return {name: round(float(value), 5) for name, value in zip(lesson.losses, values, strict=True)}


def _check_finite(learner: Learner, pictures: data.Pictures, folder: Path) -> None:
    """Stop if a loss or gradient was no number; the batch of that step is made again and kept."""
    step = learner.group.most(int(learner.failed))
    if step < 0:
        return
    if learner.group.first:
        batch = batches.Crops(pictures, learner.recipe)[step]
        checkpoint.save({"step": step, "batch": batch.rgb}, folder / "nan.pt")
    raise ColorcliError(
        f"{folder}: the loss is not a number at step {step}; the batch is kept in nan.pt",
        hint="resume with a lower rate, for example --resume --set optimizer.lr=5e-4",
    )
