"""What `colorcli metric` does, from names of folders and models to scores beside their protocol."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from colorcli.engine import device as devices
from colorcli.errors import ColorcliError, MediaError, UsageError
from colorcli.evaluation import pairing, runner
from colorcli.evaluation.bench import ANCHORS, GRAY, MEAN, RANDOM, TRUTH, Job, Seen, Task
from colorcli.evaluation.choice import Chosen, choose
from colorcli.evaluation.protocol import Protocol as Fitting
from colorcli.evaluation.request import Request, words_of
from colorcli.metrics._metric import Metric
from colorcli.report.measurement import Facts, Measurement
from colorcli.weights.resolve import resolve

#: At most so many names are told of pictures that have no partner, no colour and the like.
_NAMED = 5


class Teller(Protocol):
    """Whom to tell what is meant for a person, and how far it is."""

    def note(self, text: str) -> None:
        """Say something."""

    def warning(self, text: str) -> None:
        """Warn of something."""

    def progress(self, total: int, noun: str) -> AbstractContextManager[Callable[[], None]]:
        """Return a context that gives a function to be called for each of ``total`` that is done."""


class Silent:
    """Tells nobody."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def warning(self, text: str) -> None:
        """Say nothing."""

    def progress(self, total: int, noun: str) -> AbstractContextManager[Callable[[], None]]:
        """Show nothing."""
        return nullcontext(lambda: None)


@dataclass
class Measured:
    """What came of a request.

    Attributes:
        measurement: scores and protocol.
        job: what was done with each picture.
        tasks: the pictures that were measured.
        problems: (picture, why it was not measured).
    """

    measurement: Measurement
    job: Job
    tasks: list[Task]
    problems: list[tuple[str, ColorcliError]] = field(default_factory=list)


def measure(request: Request, tell: Teller | None = None) -> Measured:
    """Measure what is asked for.

    Raises:
        ColorcliError: something that concerns everything: no pair, a model that cannot be loaded, no picture that can
            be read. What concerns single pictures stands in :attr:`Measured.problems`.
    """
    tell = tell or Silent()
    for options in request.models:
        resolve(options.model)  # a slip of the pen is told before anything is read
    tasks, source = _tasks(request, tell)
    compared, film = tasks[0].truth is not None, tasks[0].film
    there = {"pair": compared, "single": True, "video": film}
    metrics = choose(request.metrics, request.settings, needs=[kind for kind, is_there in there.items() if is_there])
    if film:
        _check_films(request, metrics)
    job = Job(Fitting(request.resize), tuple(metrics), tuple((one.model, one) for one in request.models))
    problems: list[tuple[str, ColorcliError]] = []
    with runner.Workers(_workers(request), len(tasks)) as workers:
        if compared:
            job = replace(job, anchors=_anchors(request, metrics, len(tasks), film=film))
            seen = _survey(job, tasks, workers, tell)
            problems = [(task.name, seen.problems[task.index]) for task in tasks if task.index in seen.problems]
            tasks = [task for task in tasks if task.index not in seen.problems]
            job = _surveyed(job, tasks, seen, problems)
            tasks = _with_others(tasks, request.seed) if any(name == RANDOM for name, _ in job.anchors) else tasks
        if request.bootstrap and len(tasks) == 1:
            one = "clip" if film else "picture"
            tell.warning(f"one {one} has no interval: --bootstrap draws {one}s, and needs two at least")
        with tell.progress(len(tasks), "clips" if film else "pictures") as tick:
            outcome = runner.run(
                job, tasks, workers, bootstrap=request.bootstrap, seed=request.seed,
                per_picture=request.per_picture, tick=tick,
            )  # fmt: skip
    problems += outcome.problems
    if not outcome.systems:
        raise _nothing(problems)
    count = outcome.systems[-1].pictures
    _tell_gray(outcome.gray, count, tell)
    words = words_of(request, job, source, count, film=film)
    words |= {f"metric {name}": text for name, text in outcome.words.items()}
    facts = [_facts(one.kind) for one in metrics]
    found = Measurement(words, facts, outcome.systems, outcome.pictures, "clips" if film else "pictures")
    failed = {name for name, _ in problems}
    return Measured(found, job, [task for task in tasks if task.name not in failed], problems)


def _workers(request: Request) -> int | None:
    """Return how many processes are to work: one where a model sits on an accelerator, unless others are asked for."""
    if request.workers is None and any(devices.select(one.device).type != "cpu" for one in request.models):
        return 1
    return request.workers


def _tasks(request: Request, tell: Teller) -> tuple[list[Task], str]:
    """Return the pictures, and in words where they come from."""
    if request.models:
        truths, source = pairing.data(request.data)
        return [Task(i, truth.name, truth) for i, truth in enumerate(truths)], source
    folders = {str(path): pairing.members(path, results=True) for path in request.results}
    truths = pairing.members(request.truth) if request.truth is not None else []
    pairing.check_kinds([*(member for found in folders.values() for member in found), *truths])
    if request.truth is None:
        named: dict[str, list[tuple[str, pairing.Member]]] = {}
        for system, found in folders.items():
            for member in found:
                named.setdefault(member.name, []).append((system, member))
        rows = [Task(i, name, None, tuple(results)) for i, (name, results) in enumerate(named.items())]
        return rows, ", ".join(folders)
    partners: dict[str, list[tuple[str, pairing.Member]]] = {}
    for system, found in folders.items():
        pairs = pairing.pair(found, truths)
        if not pairs.found:
            raise pairing.no_pairs(pairs, Path(system), request.truth)
        _tell_unpaired(pairs, system, request.truth, tell)
        for result, truth in pairs.found:
            partners.setdefault(truth.name, []).append((system, result))
    whole = [truth for truth in truths if len(partners.get(truth.name, ())) == len(folders)]
    if not whole:
        raise MediaError("no picture has a result in every folder", hint="measure the folders one by one")
    if len(folders) > 1 and len(whole) < len(partners):
        tell.warning(f"{len(partners) - len(whole)} pictures have no result in every folder, and are left out")
    tasks = [Task(i, truth.name, truth, tuple(partners[truth.name])) for i, truth in enumerate(whole)]
    return tasks, str(request.truth)


def _tell_unpaired(pairs: pairing.Pairs, results: str, truth: Path, tell: Teller) -> None:
    for names, there, here in ((pairs.truths, truth, results), (pairs.results, results, truth)):
        if names:
            tell.warning(f"{_listed(names)} of {there}: no partner in {here}")


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{len(names)} picture{'s' * (len(names) > 1)} ({shown}{more})"


def _check_films(request: Request, metrics: Sequence[Chosen]) -> None:
    if request.models:
        raise UsageError(
            "models colour photos here, and --data holds videos",
            hint="colorcli video first, then colorcli metric COLORED --truth VIDEOS",
        )
    if request.anchors:
        raise UsageError("--anchors is for photos", hint="leave it out: beside videos the truth and gray always stand")
    if here := [one.name for one in metrics if one.place == "main"]:
        raise UsageError(f"metric {here[0]!r} is for photos", hint="ffmpeg -i video.mp4 frames/%06d.png makes photos")


def _anchors(
    request: Request, metrics: Sequence[Chosen], count: int, *, film: bool
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return which anchors stand beside the systems, and what is measured on them.

    Beside results they cost as much as the results themselves, so there it is only what no score can be read without:
    the AuC of gray, and of the truth what has no best value of its own. The metrics of clips are measured on both: the
    true clip's score is not 0, and that of the gray one is the best of all.
    """
    every = tuple(one.name for one in metrics)
    if request.models or request.anchors:
        return tuple((name, every) for name in ANCHORS if name != RANDOM or count > 1)
    alone = tuple(one.name for one in metrics if one.kind.needs in ("single", "video") and one.place == "worker")
    auc = tuple(one.name for one in metrics if hasattr(one.kind, "curve"))
    gray = (*auc, *alone) if film else auc
    return tuple((name, names) for name, names in ((TRUTH, alone), (GRAY, gray)) if names)


def _survey(job: Job, tasks: list[Task], workers: runner.Workers, tell: Teller) -> Seen:
    needs_prior = any(runner.rebalances(one.kind) for one in job.metrics)
    if not needs_prior and not any(name == MEAN for name, _ in job.anchors):
        return Seen()
    with tell.progress(len(tasks), "true colours") as tick:
        return runner.survey(job, tasks, workers, tick)


def _surveyed(job: Job, tasks: list[Task], seen: Seen, problems: list[tuple[str, ColorcliError]]) -> Job:
    if not tasks:
        raise _nothing(problems)
    if not seen.counts.sum():  # there was nothing to look for
        return job
    return runner.with_prior(job, seen)


def _tell_gray(names: Sequence[str], count: int, tell: Teller) -> None:
    if len(names) == count:
        raise UsageError(
            f"the truth is gray: {_listed(names)} without colour",
            hint="--truth and --data take the colour photos, not what they were made gray to",
        )
    if names:
        tell.warning(f"the truth of {_listed(names)} is gray: there a gray answer is the right one")


def _with_others(tasks: list[Task], seed: int) -> list[Task]:
    """Give each picture another one, at random, whose colours it takes for the row Random."""
    random = np.random.default_rng(seed)
    steps = random.integers(1, len(tasks), len(tasks)) if len(tasks) > 1 else [0]
    return [
        replace(task, other=tasks[(i + int(step)) % len(tasks)].truth)
        for i, (task, step) in enumerate(zip(tasks, steps, strict=True))
    ]


def _nothing(problems: Sequence[tuple[str, ColorcliError]]) -> MediaError:
    first = problems[0][1]
    return MediaError(f"none of {len(problems)} pictures can be measured: {first.message}", hint=first.hint)


def _facts(kind: type[Metric]) -> Facts:
    return Facts(kind.name, kind.unit, kind.range, kind.higher_is_better, kind.source, kind.over)
