"""What `colorcli metric` is asked for, checked, and the words for it that stand beside every score."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from colorcli import __version__
from colorcli.engine.options import ColorizeOptions
from colorcli.engine.settings import DECODER
from colorcli.engine.settings import choose as settings_of
from colorcli.errors import UsageError
from colorcli.evaluation import runner
from colorcli.evaluation.bench import ANCHORS, MEAN, RANDOM, Job
from colorcli.evaluation.protocol import PRIOR
from colorcli.weights.resolve import resolve


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be measured, and how.

    Attributes:
        results: folders, shards or files of results, each one row; or none.
        truth: the true pictures of the results, or None.
        models: models that are to colour ``data``, each one row.
        data: what ``train --data`` takes.
        metrics: names of metrics and groups; empty for the standard ones.
        settings: ``METRIC.OPTION=VALUE``.
        resize: a key of `protocol.RESIZES`.
        anchors: all four anchors also beside results; beside models they always stand.
        bootstrap: replicates for 95 % intervals; 0 for none.
        seed: of the bootstrap and of the row Random.
        workers: processes; None goes by cores and pictures.
        per_picture: scores of single pictures, too.

    Raises:
        UsageError: results and models at once, or neither; one without the other's pictures; a number out of range.
    """

    results: tuple[Path, ...] = ()
    truth: Path | None = None
    models: tuple[ColorizeOptions, ...] = ()
    data: tuple[Path, ...] = ()
    metrics: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    resize: Literal["none", "crop256", "stretch256"] = "none"
    anchors: bool = False
    bootstrap: int = 0
    seed: int = 0
    workers: int | None = None
    per_picture: bool = False

    def __post_init__(self) -> None:
        usage = "colorcli metric RESULTS --truth PHOTOS, or colorcli metric --model NAME --data PHOTOS"
        if bool(self.results) == bool(self.models):
            both = "results and --model exclude each other" if self.models else "metric needs results or a model"
            raise UsageError(both, hint=usage)
        if bool(self.models) != bool(self.data):
            missing = "--model needs --data" if self.models else "--data goes with --model"
            raise UsageError(f"{missing}: the photos to colour", hint=usage)
        if self.models and self.truth is not None:
            raise UsageError("--truth goes with results; a model's truth is --data", hint=usage)
        if self.anchors and self.results and self.truth is None:
            raise UsageError("--anchors needs --truth", hint=usage)
        for name, value in (("bootstrap", self.bootstrap), ("workers", self.workers or 0), ("seed", self.seed)):
            if value < 0:
                raise UsageError(f"{name} must not be negative, got {value}")
        names = [str(path) for path in self.results] or [options.model for options in self.models]
        twice = {name for name in names if names.count(name) > 1}
        if twice or set(names) & set(ANCHORS):
            raise UsageError(f"{', '.join(sorted(twice) or sorted(set(names) & set(ANCHORS)))}: two rows of one name")


def words_of(request: Request, job: Job, source: str, count: int, *, film: bool) -> dict[str, str]:
    """Return what is to be said beside the scores of a request.

    Args:
        request: what was asked for.
        job: what was done with each picture.
        source: the names of folders and shards.
        count: how many pictures were measured.
        film: they were clips.
    """
    unit = "clips" if film else "pictures"
    words = {"colorcli": __version__, unit: f"{count} of {source}"}
    if film:
        words["frames"] = "all, in order; video metrics: mean over clips, others: over frames; a cut counts as a change"
    for name, options in job.models:
        model = resolve(options.model)
        choice = settings_of(options, model.card)
        decoder = f", decoder {choice.decoder or DECODER}" if choice.decoder or model.card.decoder else ""
        at = f" at temperature {choice.temperature:g}" if choice.temperature else ""
        words[f"model {name}"] = (
            f"{model.card.network}, working size {choice.size}{decoder}{at}, weights {model.sha256[:12]}"
        )
    words |= job.protocol.words()
    if job.models or request.anchors:
        words["gray"] = "L of the truth, 8 bits; models see it at the size of comparison"
    shown = dict(job.anchors)
    if RANDOM in shown:
        words["random"] = f"ab of a random other picture, stretched to this one's size, seed {request.seed}"
    if MEAN in shown and job.mean is not None:
        words["mean"] = f"ab of all true pixels, their mean: ({job.mean[0]:.2f}, {job.mean[1]:.2f})"
    if any(hasattr(one.kind, "curve") for one in job.metrics):
        words["auc"] = "thresholds 0, 1, ..., 150 Lab units; auc over all pixels in one pot, -image mean over pictures"
    if any(runner.rebalances(one.kind) for one in job.metrics):
        words["prior"] = f"that of the true pixels of these {count} {unit}; {PRIOR}"
    if request.bootstrap and count > 1:
        words["intervals"] = f"95 %, bootstrap over {unit}, {request.bootstrap} replicates, seed {request.seed}"
    return words
