"""Plots of a measurement: cumulative curves of ab error, and how the scores of single pictures spread."""

from __future__ import annotations

import math
from typing import Any, BinaryIO

from colorcli.report.measurement import Facts, Measurement, System
from colorcli.report.scores import heading

_PANELS = (
    ("auc", "all pixels in one pot"),
    ("auc-image", "mean over pictures"),
    ("auc-rebalanced", "all pixels, rare colours weighted up"),
)
_ANCHORS = {"Ground truth": ":", "Gray": "--", "Random": "-.", "Mean": (0, (6, 2))}
#: Box plots in a row, and systems whose single curves are drawn: more hide each other.
_COLUMNS, _SAMPLED = 4, 3


def plot_auc(found: Measurement, target: BinaryIO) -> bool:
    """Draw c(t), the share of pixels whose error of ab is at most t, for every system, as a PNG.

    One panel for each of AuC over pixels, over pictures (with thin curves for single pictures) and rebalanced.

    Returns:
        False, and nothing is written, if none of them was measured.
    """
    panels = [(name, title) for name, title in _PANELS if any(name in system.curves for system in found.systems)]
    if not panels:
        return False
    plt = _pyplot()
    figure, axes = plt.subplots(1, len(panels), figsize=(5 * len(panels), 4.6), layout="constrained", squeeze=False)
    colors = _colors(found.systems)
    for axis, (name, title) in zip(axes[0], panels, strict=True):
        for system in [one for one in found.systems if not one.anchor][:_SAMPLED]:
            for sample in system.samples.get(name, []):
                axis.plot(sample, lw=0.4, alpha=0.15, color=colors[system.name])
        for system in found.systems:
            if name in system.curves:
                style = _ANCHORS.get(system.name, "-") if system.anchor else "-"
                label = f"{system.name} ({system.scores[name].value:.2f})"
                axis.plot(system.curves[name], ls=style, color=colors[system.name], label=label)
        axis.set(xlabel="error of ab, Lab units", title=title, xlim=(0, 150), ylim=(0, 1.02))
        axis.legend(fontsize=8, loc="lower right", title="area, %", title_fontsize=8)
    axes[0][0].set(ylabel="share of pixels")
    figure.savefig(target, dpi=110, format="png")
    plt.close(figure)
    return True


def plot_spread(found: Measurement, target: BinaryIO) -> bool:
    """Draw the scores of single pictures as a PNG: a box plot for each metric and system.

    A metric that says of every single picture what another one says (``delta-cf-means`` and ``delta-cf``) is left out.

    Returns:
        False, and nothing is written, if there are fewer than two pictures with a score.
    """
    values = {facts.name: _finite(found, facts.name) for facts in found.metrics}
    shown: list[Facts] = []
    for facts in found.metrics:  # auc is auc-image here
        known = any(len(one) > 1 for one in values[facts.name].values())
        if known and not any(_alike(values[facts.name], values[other.name]) for other in shown):
            shown.append(facts)
    if not shown:
        return False
    plt = _pyplot()
    colors = _colors(found.systems)
    rows = math.ceil(len(shown) / _COLUMNS)
    columns = min(_COLUMNS, len(shown))
    size = (3.6 * columns, (1.2 + 0.28 * len(found.systems)) * rows)
    figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    for axis in axes.flat[len(shown) :]:
        axis.set_visible(False)
    for axis, facts in zip(axes.flat, shown, strict=False):
        systems = [name for name, one in values[facts.name].items() if one][::-1]
        boxes = axis.boxplot(
            [values[facts.name][name] for name in systems], orientation="horizontal", widths=0.7, patch_artist=True,
            flierprops={"markersize": 2, "alpha": 0.4}, medianprops={"color": "black"},
        )  # fmt: skip
        for box, name in zip(boxes["boxes"], systems, strict=True):
            box.set(facecolor=colors[name], alpha=0.6)
        axis.set_yticks(range(1, len(systems) + 1), [_short(name) for name in systems], fontsize=7)
        axis.tick_params(axis="x", labelsize=7)
        axis.set_title(heading(facts), fontsize=9)
    figure.savefig(target, dpi=110, format="png")
    plt.close(figure)
    return True


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def _colors(systems: list[System]) -> dict[str, str]:
    measured = [system.name for system in systems if not system.anchor]
    return {system.name: "0.45" for system in systems if system.anchor} | {
        name: f"C{i % 10}" for i, name in enumerate(measured)
    }


def _finite(found: Measurement, metric: str) -> dict[str, list[float]]:
    values: dict[str, list[float]] = {system.name: [] for system in found.systems if system.name != "Ground truth"}
    for one in found.pictures:
        if one.system in values and math.isfinite(value := one.scores.get(metric, math.nan)):
            values[one.system].append(value)
    return values


def _alike(first: dict[str, list[float]], second: dict[str, list[float]]) -> bool:
    """Say whether two metrics give each picture the same score, up to rounding."""
    pairs = ((first[system], second[system]) for system in first)
    return all(len(a) == len(b) and all(map(math.isclose, a, b)) for a, b in pairs)


def _short(name: str) -> str:
    return name if len(name) <= 24 else f"…{name[-23:]}"
