"""A measurement as text, Markdown, CSV and JSON; the protocol stands in each."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from typing import Any

from colorcli.report.measurement import Facts, Measurement, Score, System


def number(value: float) -> str:
    """Return a score for people: two decimals from 10 on, four significant digits below; ``-`` for NaN."""
    if math.isnan(value):
        return "-"
    if math.isinf(value) or value == 0:
        return f"{value:g}"
    if abs(value) < 0.001:
        return f"{value:.1e}"
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:#.4g}"


def shown(score: Score | None) -> str:
    """Return a score with its interval; nothing for a metric that was not measured there."""
    if score is None:
        return ""
    interval = f" [{number(score.low)}, {number(score.high)}]" if score.has_interval else ""
    return number(score.value) + interval


def heading(facts: Facts) -> str:
    """Return a metric's name with its unit and an arrow towards better scores."""
    arrow = {True: "↑", False: "↓", None: "≈"}[facts.higher_is_better]
    return f"{facts.name} {arrow}" + (f" ({facts.unit})" if facts.unit else "")


def rows(found: Measurement) -> list[list[str]]:
    """Return the table: metrics down, systems across, the numbers of pictures last."""
    table = [["", *(system.name for system in found.systems)]]
    table += [[heading(f), *(shown(system.scores.get(f.name)) for system in found.systems)] for f in found.metrics]
    return [*table, [found.unit, *(str(system.pictures) for system in found.systems)]]


LEGEND = "↑ higher is better, ↓ lower is better, ≈ the truth's is best, - not defined"


def text(found: Measurement) -> str:
    """Return the table in columns, the protocol below it."""
    table = rows(found)
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines = []
    for row in table:
        first, *rest = (
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join([first, *rest]).rstrip())
    lines += ["", LEGEND, "", *(f"{key}: {value}" for key, value in found.protocol.items())]
    for system, names, scores in _pictures(found):
        lines += ["", f"{system}, picture by picture", *("\t".join(row) for row in [["picture", *names], *scores])]
    return "\n".join(lines)


def markdown(found: Measurement) -> str:
    """Return the table in Markdown, the protocol as a list below it."""
    lines = _markdown_table(rows(found))
    lines += ["", LEGEND, "", *(f"- {_escaped(key)}: {_escaped(value)}" for key, value in found.protocol.items())]
    for system, names, scores in _pictures(found):
        lines += ["", f"{_escaped(system)}, picture by picture:", "", *_markdown_table([["picture", *names], *scores])]
    return "\n".join(lines)


def _markdown_table(table: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(_escaped(cell) for cell in row) + " |" for row in table]
    return [lines[0], "|---|" + "---:|" * (len(table[0]) - 1), *lines[1:]]


def _escaped(cell: str) -> str:
    return cell.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")


def _pictures(found: Measurement) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """Yield system, names of metrics, and the rows of its pictures."""
    for system in found.systems:
        own = [one for one in found.pictures if one.system == system.name]
        if own:
            names = [facts.name for facts in found.metrics if facts.name in own[0].scores]
            yield system.name, names, [[one.picture, *(number(one.scores[name]) for name in names)] for one in own]


def csv_text(found: Measurement) -> str:
    """Return one line for each system and metric, and for each picture if there are any; the protocol in each line.

    Columns: system, anchor, picture (empty for the whole set), metric, score, low, high, pictures, unit, best, then
    ``protocol.KEY`` for each line of the protocol. An undefined score is empty, an infinite one ``inf``.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    keys = list(found.protocol)
    columns = ["system", "anchor", "picture", "metric", "score", "low", "high", "pictures", "unit", "best"]
    writer.writerow([*columns, *(f"protocol.{key}" for key in keys)])
    told = [found.protocol[key] for key in keys]
    for system in found.systems:
        for name, score in system.scores.items():
            facts = found.facts(name)
            numbers = [_cell(score.value), _cell(score.low), _cell(score.high), system.pictures, facts.unit, facts.best]
            writer.writerow([system.name, int(system.anchor), "", name, *numbers, *told])
    anchors = {system.name: system.anchor for system in found.systems}
    for one in found.pictures:
        for name, value in one.scores.items():
            facts = found.facts(name)
            numbers = [_cell(value), "", "", 1, facts.unit, facts.best]
            writer.writerow([one.system, int(anchors[one.system]), one.picture, name, *numbers, *told])
    return out.getvalue().rstrip("\n")


def _cell(value: float) -> str:
    return "" if math.isnan(value) else repr(value)


def records(found: Measurement) -> Iterator[dict[str, Any]]:
    """Yield one JSON object for each system, then one for each picture of each system, if there are any.

    An undefined score is null, an infinite one the text ``"inf"``: JSON has no numbers for them.
    """
    facts = {one.name: {"unit": one.unit, "best": one.best, "over": one.over} for one in found.metrics}
    for system in found.systems:
        record: dict[str, Any] = {
            "system": system.name,
            "anchor": system.anchor,
            "pictures": system.pictures,
            "scores": {name: _json(score.value) for name, score in system.scores.items()},
        }
        if intervals := _intervals(system):
            record["intervals"] = intervals
        yield {**record, "metrics": {name: facts[name] for name in system.scores}, "protocol": found.protocol}
    for one in found.pictures:
        scores = {name: _json(value) for name, value in one.scores.items()}
        yield {"system": one.system, "picture": one.picture, "scores": scores}


def _intervals(system: System) -> dict[str, list[float | str | None]]:
    return {name: [_json(s.low), _json(s.high)] for name, s in system.scores.items() if s.has_interval}


def _json(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else ("inf" if value > 0 else "-inf")
