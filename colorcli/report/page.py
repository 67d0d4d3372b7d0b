"""A measurement as one HTML page that needs nothing beside it: table, protocol, curves, best and worst pictures."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import BinaryIO

from colorcli.report import scores
from colorcli.report.measurement import Measurement
from colorcli.report.measurement_plots import plot_auc, plot_spread


@dataclass(frozen=True)
class Shot:
    """One picture: JPEG files of truth, gray and result (the first two None where there is no truth), its score."""

    picture: str
    score: str
    truth: bytes | None
    gray: bytes | None
    result: bytes


@dataclass(frozen=True)
class Gallery:
    """The extremes of one system by metrics that put its pictures into the same order.

    Attributes:
        system: name of the system.
        metrics: names of the metrics.
        first: what ``ahead`` is called: ``best``, or ``highest`` where no direction is better.
        last: what ``behind`` is called.
        ahead: the best pictures, the very best first.
        behind: the worst pictures, the very worst first.
    """

    system: str
    metrics: tuple[str, ...]
    first: str
    last: str
    ahead: Sequence[Shot]
    behind: Sequence[Shot]


def write_page(found: Measurement, galleries: Sequence[Gallery], target: BinaryIO, *, title: str = "") -> None:
    """Write the page.

    Args:
        found: the measurement, with the scores of single pictures if their spread is to be drawn.
        galleries: the extremes.
        target: a file open for binary writing.
        title: of the page.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(files("colorcli.report").joinpath("page.html").read_text(encoding="utf-8"))
    table = scores.rows(found)
    page = template.render(
        title=title or "colorcli metric",
        head=table[0][1:],
        body=[(row[0], list(zip(row[1:], _best(found, index), strict=True))) for index, row in enumerate(table[1:])],
        anchors=[system.anchor for system in found.systems],
        legend=scores.LEGEND,
        facts=found.metrics,
        protocol=found.protocol,
        curves=_plot(plot_auc, found),
        spread=_plot(plot_spread, found),
        galleries=galleries,
        jpeg=lambda data: _uri(data, "jpeg"),
    )
    target.write(page.encode("utf-8"))


def _plot(draw: Callable[[Measurement, BinaryIO], bool], found: Measurement) -> str:
    stream = io.BytesIO()
    return _uri(stream.getvalue(), "png") if draw(found, stream) else ""


def _uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _best(found: Measurement, index: int) -> list[bool]:
    """Say for each system whether it has the best score of those that were measured, anchors left out."""
    nothing = [False] * len(found.systems)
    if index >= len(found.metrics) or (higher := found.metrics[index].higher_is_better) is None:
        return nothing
    name = found.metrics[index].name
    values = [s.scores[name].value for s in found.systems if not s.anchor and name in s.scores]
    values = [value for value in values if value == value]
    if len(values) < 2:
        return nothing
    top = max(values) if higher else min(values)
    return [not s.anchor and name in s.scores and s.scores[name].value == top for s in found.systems]
