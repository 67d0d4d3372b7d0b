"""The runner: pictures go out to worker processes, rows of numbers come back, and are added.

How a metric joins. It is a module of :mod:`colorcli.metrics` that offers a `Metric` as ``METRIC``; nothing else has to
know it. Its ``group`` says what it is asked for with and its ``needs`` what it looks at.

A metric with options takes them as keyword arguments of its constructor, annotated ``bool``, ``int``, ``float``,
``str`` or ``Path`` (or one of these ``| None``), all with defaults: ``--set METRIC.OPTION=VALUE`` then gives them, and
the worker processes make the metric from them. What is missing in the end (a classifier, an extra) the constructor
says as a `ColorcliError`; what is to be said beside its score (a network, its preprocessing) its ``words()``. A metric
that holds a network sets ``place = "main"``: it gets its batches in the main process, one picture each, on the CPU,
with ``batch.names``, the picture's relative path, for labels by folder. If a row of statistics would be too large to
resample (the covariances of FID), it sets ``by_rows = False`` and overrides ``update``, ``compute``, ``merge`` and
``reset``. Each measured system has its own copy, made by ``fresh``.

A video metric is a :class:`colorcli.metrics._video.VideoMetric`. It sees the frames of one clip after the other, in
order, one at a time, in the worker that reads the clip (:mod:`colorcli.evaluation.films`); its row is that of the clip.
The rows of other metrics are added over the frames. So for everything here a clip is what a picture is.
"""

from __future__ import annotations

import itertools
import math
import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from colorcli.color import prior
from colorcli.engine import threads
from colorcli.errors import ColorcliError, DeviceError
from colorcli.evaluation import bench
from colorcli.evaluation.bench import Bench, Found, Job, Row, Seen, Task
from colorcli.evaluation.bootstrap import Draws, Replicates
from colorcli.metrics._batch import Batch, Pictures
from colorcli.metrics._metric import Metric
from colorcli.report.measurement import PictureScores, Score, System

#: Pictures a worker process gets at once.
_CHUNK = 4
#: Fewer pictures than this are not worth the start of a process.
_WORTH = 24
#: Curves of single pictures that are kept for plots, at most.
SAMPLES = 200


@dataclass
class Outcome:
    """What came of a run.

    Attributes:
        systems: scores of each.
        pictures: scores of single pictures, if they were asked for.
        gray: names of true pictures without colour.
        problems: (picture, why it was not measured).
        words: by metric, what is to be said beside its score, if anything.
    """

    systems: list[System]
    pictures: list[PictureScores] = field(default_factory=list)
    gray: list[str] = field(default_factory=list)
    problems: list[tuple[str, ColorcliError]] = field(default_factory=list)
    words: dict[str, str] = field(default_factory=dict)


class Workers:
    """Processes that work on chunks of pictures; with fewer than two, this process does it all.

    Args:
        count: of processes; None goes by the cores and by how many pictures there are.
        pictures: how many there are.
    """

    def __init__(self, count: int | None, pictures: int) -> None:
        self.count = min(threads.cores(), math.ceil(pictures / _WORTH)) if count is None else count
        self._chunk = min(_CHUNK, math.ceil(pictures / max(1, self.count)))
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Workers:
        if self.count > 1:
            # A fork would copy torch's locks in whatever state they are.
            context = multiprocessing.get_context("spawn")
            self._before = set(multiprocessing.active_children())
            self._pool = ProcessPoolExecutor(self.count, mp_context=context, initializer=bench.start)
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is None:
            return
        if error[0] is not None:  # a clip may take minutes, and nobody waits for it any more
            for process in set(multiprocessing.active_children()) - self._before:
                process.terminate()
        self._pool.shutdown(cancel_futures=True)

    def map(self, function: Callable[..., Any], tasks: Sequence[Task], *first: Any) -> Iterator[Any]:
        """Yield ``function(*first, chunk)`` for chunks of tasks, in order; only a few chunks are under way at once."""
        chunks = (list(tasks[i : i + self._chunk]) for i in range(0, len(tasks), self._chunk))
        if self._pool is None:
            for chunk in chunks:
                yield function(*first, chunk)
            return
        pending: deque[Future[Any]] = deque()
        try:
            for chunk in chunks:
                with _without_interrupts():  # processes may start here
                    pending.append(self._pool.submit(function, *first, chunk))
                if len(pending) > 3 * self.count:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        except BrokenProcessPool as error:
            raise DeviceError(
                "a worker process was killed, most likely for want of memory", hint="give fewer --workers"
            ) from error


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Keep Ctrl-C for later: processes that start meanwhile never hear of it, not even before they can ignore it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def survey(job: Job, tasks: Sequence[Task], workers: Workers, tick: Callable[[], None]) -> Seen:
    """Look at all true pictures: how often each colour occurs, which cannot be read."""
    seen = Seen()
    for part in workers.map(bench.survey, tasks, job.protocol):
        seen.add(part)
        for _ in range(part.pictures):
            tick()
    return seen


def with_prior(job: Job, seen: Seen) -> Job:
    """Return the job with what the survey found: the prior for metrics that rebalance, the mean colour."""
    total = seen.counts.sum()
    frequency = prior.smooth((seen.counts / total).float())
    metrics = tuple(
        replace(one, options={"frequency": frequency, **one.options}) if rebalances(one.kind) else one
        for one in job.metrics
    )
    a, b = (seen.total / total).tolist()
    return replace(job, metrics=metrics, mean=(a, b))


def rebalances(kind: type[Metric]) -> bool:
    """Say whether a metric takes the prior of the true colours."""
    return "frequency" in kind.__init__.__code__.co_varnames


def run(
    job: Job,
    tasks: Sequence[Task],
    workers: Workers,
    *,
    bootstrap: int = 0,
    seed: int = 0,
    per_picture: bool = False,
    tick: Callable[[], None] = lambda: None,
) -> Outcome:
    """Measure pictures.

    Args:
        job: what is measured, on which systems.
        tasks: the pictures.
        workers: who does it.
        bootstrap: replicates for the intervals; 0 for none.
        seed: of the replicates.
        per_picture: give the scores of single pictures, too.
        tick: called for each picture that is done.

    Raises:
        ColorcliError: a model cannot be loaded, a metric not be made.
    """
    collected = _Collected(job, tasks, bootstrap=bootstrap, seed=seed, per_picture=per_picture)
    with ExitStack() as stack:
        function: Callable[..., list[Found]] = bench.work
        first: tuple[Any, ...] = (job,)
        if workers.count < 2:  # nothing of it outlives the run
            stack.enter_context(torch.inference_mode())
            own = Bench(job)
            function, first = _measure, (own,)
        for found in itertools.chain.from_iterable(workers.map(function, tasks, *first)):
            collected.add(found)
            tick()
    return collected.outcome()


def _measure(own: Bench, tasks: list[Task]) -> list[Found]:
    return [own.measure(task) for task in tasks]


class _Collected:
    """Sums, replicates, and the scores of single pictures, by system."""

    def __init__(self, job: Job, tasks: Sequence[Task], *, bootstrap: int, seed: int, per_picture: bool) -> None:
        self._job = job
        self._draws = Draws(bootstrap, len(tasks), seed=seed) if bootstrap and len(tasks) > 1 else None
        self._per_picture = per_picture
        self._every = math.ceil(len(tasks) / SAMPLES) if tasks else 1
        self._kinds = {one.name: one for one in job.metrics}
        self._metrics: dict[str, dict[str, Metric]] = {}
        self._scorers = {one.name: one.make() for one in job.metrics}
        self._replicates: dict[tuple[str, str], Replicates] = {}
        self._samples: dict[tuple[str, str], list[list[float]]] = {}
        self._counts: dict[str, int] = {}
        self._pictures: list[PictureScores] = []
        self._gray: list[str] = []
        self._problems: list[tuple[str, ColorcliError]] = []

    def add(self, found: Found) -> None:
        drawn = self._draws.next() if self._draws is not None else None
        if found.problem is not None:
            self._problems.append((found.task.name, found.problem))
            return
        if found.gray:
            self._gray.append(found.task.name)
        self._in_main(found)
        for system, rows in found.rows.items():
            self._counts[system] = self._counts.get(system, 0) + 1
            for name, row in rows.items():
                self._metric(system, name).add(torch.from_numpy(row)[None])
                if drawn is not None:
                    self._replicates.setdefault((system, name), Replicates()).add(row, drawn)
                self._sample(system, name, row, found.task.index)
            if self._per_picture:
                scores = {name: self._scorers[name].score(torch.from_numpy(row)) for name, row in rows.items()}
                self._pictures.append(PictureScores(found.task.name, system, scores))

    def _in_main(self, found: Found) -> None:
        """Let the metrics that live here look at the pictures; those with rows join the others."""
        partial = dict(self._job.anchors)
        here = [name for name, one in self._kinds.items() if one.place == "main"]
        rgb = found.pictures.get(None)
        truth = None if rgb is None else Pictures(rgb=rgb)
        for system, result in found.pictures.items():
            if system is None:
                continue
            batch = Batch(result=Pictures(rgb=result), reference=truth, names=(found.task.name,))
            for name in here:
                if name not in partial.get(system, here):
                    continue
                if self._kinds[name].kind.by_rows:
                    row: Row = self._scorers[name].statistics(batch)[0].numpy()
                    found.rows.setdefault(system, {})[name] = row
                else:
                    self._metric(system, name).update(batch)

    def _metric(self, system: str, name: str) -> Metric:
        metrics = self._metrics.setdefault(system, {})
        if name not in metrics:
            metrics[name] = self._scorers[name].fresh()
        return metrics[name]

    def _sample(self, system: str, name: str, row: Row, index: int) -> None:
        metric = self._scorers[name]
        if hasattr(metric, "curve") and metric.over == "pictures" and index % self._every == 0:
            alone = metric.fresh()
            alone.add(torch.from_numpy(row)[None])
            self._samples.setdefault((system, name), []).append(alone.curve().tolist())

    def outcome(self) -> Outcome:
        systems = []
        anchors = [name for name, _ in self._job.anchors]
        for system in sorted(self._metrics, key=lambda name: _place(name, anchors)):
            scores, curves = {}, {}
            for name in self._kinds:
                if (metric := self._metrics[system].get(name)) is None:
                    continue
                low, high = math.nan, math.nan
                if (replicates := self._replicates.get((system, name))) is not None:
                    low, high = replicates.interval(metric)
                scores[name] = Score(metric.compute(), low, high)
                if hasattr(metric, "curve"):
                    curves[name] = metric.curve().tolist()
            samples = {name: curves for (one, name), curves in self._samples.items() if one == system}
            systems.append(System(system, system in anchors, self._counts.get(system, 0), scores, curves, samples))
        words = {name: text for name, metric in self._scorers.items() if (text := metric.words())}
        return Outcome(systems, self._pictures, self._gray, self._problems, words)


def _place(system: str, anchors: Sequence[str]) -> tuple[bool, int]:
    """Order: anchors first, as they come, then the measured systems, as they came."""
    return (system not in anchors, anchors.index(system) if system in anchors else 0)
