"""One picture on the bench: read, brought to the protocol's size, coloured by all systems, turned into rows of numbers.

This is what worker processes do. Everything that goes to them and comes back from them is defined here.
"""

from __future__ import annotations

import pickle
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from colorcli.color import bins, lab
from colorcli.engine import merge
from colorcli.engine.colorizer import Colorizer
from colorcli.engine.options import ColorizeOptions
from colorcli.errors import ColorcliError
from colorcli.evaluation import films
from colorcli.evaluation.choice import Chosen
from colorcli.evaluation.pairing import Member
from colorcli.evaluation.protocol import Pixels, Protocol, bytes_of, tensor
from colorcli.media.photo import Photo
from colorcli.metrics._batch import Batch, Pictures
from colorcli.metrics._metric import Metric
from colorcli.training.sources import pixels_of

TRUTH, GRAY, RANDOM, MEAN = "Ground truth", "Gray", "Random", "Mean"
ANCHORS = (TRUTH, GRAY, RANDOM, MEAN)
#: Mean chroma, Lab units, below which a picture has no colour worth the name.
NO_COLOUR = 0.5

Row = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """One picture, or one clip.

    Attributes:
        index: its place in the order of all.
        name: of the truth, or of the result that has none.
        truth: the true picture, or None.
        results: (system, picture) of systems that are folders.
        other: for the row Random, the picture whose colours are taken.
    """

    index: int
    name: str
    truth: Member | None = None
    results: tuple[tuple[str, Member], ...] = ()
    other: Member | None = None

    @property
    def film(self) -> bool:
        """Whether it is a clip."""
        return (self.truth or self.results[0][1]).film


@dataclass(frozen=True)
class Job:
    """What is done with every picture.

    Attributes:
        protocol: how pictures are made comparable.
        metrics: what is measured.
        models: (system, options) of systems that are models.
        anchors: (anchor, names of the metrics it is measured with).
        mean: the colour of the row Mean, ab in Lab units.
    """

    protocol: Protocol
    metrics: tuple[Chosen, ...] = ()
    models: tuple[tuple[str, ColorizeOptions], ...] = ()
    anchors: tuple[tuple[str, tuple[str, ...]], ...] = ()
    mean: tuple[float, float] | None = None


@dataclass
class Found:
    """What came of one picture.

    Attributes:
        task: the picture.
        rows: by system and metric, ``(S,)`` float64.
        pictures: by system, ``(1, 3, h, w)``, for metrics that run in the main process; the truth under None.
        gray: the truth has no colour.
        problem: why there is nothing else.
    """

    task: Task
    rows: dict[str, dict[str, Row]] = field(default_factory=dict)
    pictures: dict[str | None, Tensor] = field(default_factory=dict)
    gray: bool = False
    problem: ColorcliError | None = None


@dataclass
class Seen:
    """What is known of true pictures before anything is measured.

    Attributes:
        pictures: how many were looked at.
        counts: pixels in each of the 313 ab bins.
        total: sums of a and b.
        problems: of pictures that cannot be read, by the index of the task.
    """

    pictures: int = 0
    counts: Tensor = field(default_factory=lambda: torch.zeros(bins.Q, dtype=torch.float64))
    total: Tensor = field(default_factory=lambda: torch.zeros(2, dtype=torch.float64))
    problems: dict[int, ColorcliError] = field(default_factory=dict)

    def add(self, other: Seen) -> None:
        """Add what was seen elsewhere."""
        self.pictures += other.pictures
        self.counts += other.counts
        self.total += other.total
        self.problems |= other.problems


@dataclass
class Views:
    """The pictures of one task at the size at which they are compared: the truth, its gray version, each system's."""

    truth: Pixels | None
    gray: npt.NDArray[np.uint8] | None
    systems: dict[str, Pixels]


def survey(protocol: Protocol, tasks: list[Task]) -> Seen:
    """Look at true pictures, before anything is measured."""
    seen = Seen(pictures=len(tasks))
    for task in tasks:
        one = Seen()
        try:
            for truth in _truths(protocol, task):
                pictures = Pictures(rgb=tensor(truth))
                one.counts += torch.bincount(pictures.bins.flatten(), minlength=bins.Q)
                one.total += pictures.ab.double().sum((0, 2, 3))
        except ColorcliError as error:
            seen.problems[task.index] = error
            continue
        seen.add(one)
    return seen


def _truths(protocol: Protocol, task: Task) -> Iterator[Pixels]:
    assert task.truth is not None
    if task.truth.film:
        yield from films.truths(task.truth, protocol)
    else:
        yield protocol.fit(pixels_of(task.truth.where, name=task.truth.name))


class Bench:
    """Everything that stays from picture to picture: the metrics, the loaded models.

    Raises:
        ColorcliError: a model cannot be loaded, or a metric not be made.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self._metrics: dict[str, Metric] = {one.name: one.make() for one in job.metrics if one.place == "worker"}
        self._every = tuple(one.name for one in job.metrics)
        self._elsewhere = {one.name for one in job.metrics if one.place == "main"}
        self._models = {name: Colorizer(options) for name, options in job.models}

    def measure(self, task: Task) -> Found:
        """Turn one picture into rows."""
        found = Found(task)
        try:
            if task.film:
                return self._clip(task)
            views = self.views(task)
        except ColorcliError as error:
            found.problem = error
            return found
        truth = None if views.truth is None else Pictures(rgb=tensor(views.truth))
        found.gray = truth is not None and _is_gray(truth)
        partial = dict(self.job.anchors)
        for system, pixels in views.systems.items():
            result = truth if pixels is views.truth and truth is not None else Pictures(rgb=tensor(pixels))
            batch = Batch(result=result, reference=truth, names=(task.name,))
            names = partial.get(system, self._every)
            found.rows[system] = {
                name: metric.statistics(batch)[0].numpy() for name, metric in self._metrics.items() if name in names
            }
            if self._elsewhere.intersection(names):
                found.pictures[system] = result.rgb
        if found.pictures and truth is not None:
            found.pictures[None] = truth.rgb
        return found

    def views(self, task: Task) -> Views:
        """Read a task's pictures and make those of models and anchors.

        Raises:
            ColorcliError: one cannot be read, or shows another part of the scene.
        """
        protocol = self.job.protocol
        if task.film:
            still, shown = films.still(protocol, task.truth, task.results)
            return Views(still, None if still is None else gray_of(still), shown)
        truth: Pixels | None = None
        size, read = None, None
        if task.truth is not None:
            read = pixels_of(task.truth.where, name=task.truth.name)
            truth = protocol.fit(read)
            size = truth.shape[:2]
        systems: dict[str, Pixels] = {}
        for system, member in task.results:
            pixels = pixels_of(member.where, name=member.name)
            if read is not None:
                protocol.check(pixels.shape[:2], read.shape[:2], (_shown(member), task.name))
            systems[system] = protocol.fit(pixels, size)
        if truth is None:
            return Views(None, None, systems)
        gray = gray_of(truth)
        for system, model in self._models.items():
            systems[system] = model(Photo(gray)).pixels
        for anchor, _ in self.job.anchors:
            systems[anchor] = self._anchor(anchor, task, truth, gray)
        return Views(truth, gray, systems)

    def _clip(self, task: Task) -> Found:
        """Turn a clip into rows: what its frames add up to."""
        partial = dict(self.job.anchors)
        clips: dict[str, films.ClipRows] = {}
        gray = task.truth is not None
        for truth, results in films.together(self.job.protocol, task.truth, task.results):
            true = None if truth is None else films.pictures_of(truth)
            shown = {system: films.pictures_of(pixels) for system, pixels in results.items()}
            if truth is not None and true is not None:
                gray = gray and _is_gray(true)
                if TRUTH in partial:
                    shown[TRUTH] = true
                if GRAY in partial:
                    shown[GRAY] = films.pictures_of(np.repeat(gray_of(truth)[..., None], 3, 2))
            for system, pictures in shown.items():
                if system not in clips:
                    clips[system] = films.ClipRows(self._metrics, partial.get(system, self._every))
                clips[system].add(pictures, true, task.name)
        return Found(task, {name: one.rows() for name, one in clips.items()}, gray=gray)

    def _anchor(self, anchor: str, task: Task, truth: Pixels, gray: npt.NDArray[np.uint8]) -> Pixels:
        if anchor == TRUTH:
            return truth
        if anchor == GRAY:
            return np.repeat(gray[..., None], 3, 2)
        if anchor == MEAN:
            assert self.job.mean is not None
            ab = torch.tensor(self.job.mean)[:, None, None]
        else:
            assert task.other is not None
            other = pixels_of(task.other.where, name=task.other.name)
            ab = Pictures(rgb=tensor(self.job.protocol.fit(other, truth.shape[:2]))).ab[0]
        painted: Pixels = merge.merge(gray, ab, torch.zeros(1, *ab.shape[1:]))
        return painted


def gray_of(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """Return the lightness (L of Lab) of RGB pixels ``(h, w, 3)`` as a gray photo ``(h, w)``, 8 bits."""
    gray = lab.L_to_gray(lab.rgb_to_lab(tensor(bytes_of(pixels)).float() / 255)[0, 0])
    return bytes_of(gray.numpy())


def _is_gray(pictures: Pictures) -> bool:
    return float(Pictures(rgb=pictures.rgb[..., ::4, ::4]).chroma.mean()) < NO_COLOUR


def _shown(member: Member) -> str:
    return str(member.where) if not isinstance(member.where, (tuple, np.ndarray)) else member.name


_bench: Bench | None = None
_bench_of = b""


def start() -> None:
    """Prepare a worker process: one thread, and Ctrl-C is the main process's."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@torch.inference_mode()
def work(job: Job, tasks: list[Task]) -> list[Found]:
    """Measure pictures in a worker process; what the job needs is made once and kept until another job comes."""
    global _bench, _bench_of
    key = pickle.dumps(job)
    if _bench is None or _bench_of != key:
        _bench, _bench_of = Bench(job), key
    return [_bench.measure(task) for task in tasks]
