"""The best and the worst pictures of each system, made once more for the eye."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch

from colorcli.evaluation.bench import Bench, Task, gray_of
from colorcli.evaluation.measure import Measured
from colorcli.evaluation.protocol import Pixels, bytes_of
from colorcli.media import photo
from colorcli.report.measurement import Facts, PictureScores
from colorcli.report.page import Gallery, Shot
from colorcli.report.scores import number

#: Pictures at each end, and the longest side at which they are shown.
EACH, SIDE = 3, 200
_QUALITY = 80


@torch.inference_mode()
def galleries(measured: Measured) -> list[Gallery]:
    """Return the extremes of every measured system by every metric that orders its pictures.

    Metrics that find the same extremes share a gallery. Where the truth is there, metrics of which its own value is the
    best are left out: their differences from it are metrics, too.

    Args:
        measured: with the scores of single pictures.
    """
    tasks = {task.name: task for task in measured.tasks}
    names = list(dict.fromkeys(system.name for system in measured.measurement.systems if not system.anchor))
    bench = Bench(replace(measured.job, metrics=(), anchors=()))
    made: dict[str, _Thumbnails] = {}  # the same pictures come up again and again
    found = []
    for system in names:
        own = [one for one in measured.measurement.pictures if one.system == system]
        for metrics, ahead, behind in _extremes(own, measured.measurement.metrics, tasks):
            for one in (*ahead, *behind):
                if one.picture not in made:
                    made[one.picture] = _thumbnails(bench, tasks[one.picture])
            shots = [[_shot(one, metrics, made[one.picture]) for one in end] for end in (ahead, behind)]
            words = ("highest", "lowest") if metrics[0].higher_is_better is None else ("best", "worst")
            found.append(Gallery(system, tuple(one.name for one in metrics), *words, *shots))
    return found


def _extremes(
    pictures: Sequence[PictureScores], metrics: Sequence[Facts], tasks: dict[str, Task]
) -> list[tuple[list[Facts], list[PictureScores], list[PictureScores]]]:
    """Return (metrics, best, worst), metrics with the same answer together."""
    groups: dict[tuple[str, ...], tuple[list[Facts], list[PictureScores], list[PictureScores]]] = {}
    for facts in metrics:
        known = [one for one in pictures if not math.isnan(one.scores.get(facts.name, math.nan))]
        if not known or (facts.higher_is_better is None and tasks[known[0].picture].truth is not None):
            continue
        sign = 1 if facts.higher_is_better is False else -1
        known.sort(key=lambda one: (sign * one.scores[facts.name], one.picture))
        if len(known) > 1 and known[0].scores[facts.name] == known[-1].scores[facts.name]:
            continue  # no order
        each = min(EACH, max(1, len(known) // 2))
        ahead, behind = known[:each], known[each:][-each:][::-1]
        key = tuple(one.picture for one in (*ahead, *behind))
        groups.setdefault((str(facts.higher_is_better is None), *key), ([], ahead, behind))[0].append(facts)
    return list(groups.values())


@dataclass(frozen=True)
class _Thumbnails:
    """JPEG files of a task's pictures."""

    truth: bytes | None
    gray: bytes | None
    systems: dict[str, bytes]


def _thumbnails(bench: Bench, task: Task) -> _Thumbnails:
    views = bench.views(task)
    systems = {name: _jpeg(pixels) for name, pixels in views.systems.items()}
    if views.truth is None:
        return _Thumbnails(None, None, systems)
    return _Thumbnails(_jpeg(views.truth), _jpeg(gray_of(views.truth)), systems)


def _shot(one: PictureScores, metrics: Sequence[Facts], made: _Thumbnails) -> Shot:
    score = ", ".join(f"{facts.name} {number(one.scores[facts.name])}" for facts in metrics)
    return Shot(one.picture, score, made.truth, made.gray, made.systems[one.system])


def _jpeg(pixels: Pixels) -> bytes:
    small = bytes_of(pixels)
    height, width = small.shape[:2]
    scale = SIDE / max(height, width)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_AREA), np.uint8)
    stream = io.BytesIO()
    photo.write(photo.Photo(pixels=np.ascontiguousarray(small)), stream, format="JPEG", quality=_QUALITY)
    return stream.getvalue()
