"""What a measurement found, as tables, plots and pages show it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Facts:
    """What is to be known of a metric: its name, unit, range, source, and whether higher is better (None: neither)."""

    name: str
    unit: str
    range: tuple[float, float]
    higher_is_better: bool | None
    source: str
    over: str

    @property
    def best(self) -> str:
        """``higher``, ``lower``, or ``the truth's``."""
        if self.higher_is_better is None:
            return "the truth's"
        return "higher" if self.higher_is_better else "lower"


@dataclass(frozen=True)
class Score:
    """A score with its 95 % interval, if one was asked for and there is one; NaN where the metric is not defined."""

    value: float
    low: float = math.nan
    high: float = math.nan

    @property
    def has_interval(self) -> bool:
        """Whether there is an interval."""
        return not (math.isnan(self.low) or math.isnan(self.high))


@dataclass(frozen=True)
class System:
    """One row of a table: a folder of results, a model, or an anchor.

    Attributes:
        name: of the folder or the model; ``Ground truth``, ``Gray``, ``Random`` or ``Mean``.
        anchor: it is one of these four.
        pictures: how many were measured.
        scores: by metric. A metric that was not measured on this system is missing.
        curves: c(t) for t = 0..150 in 0..1, by metric of the AuC family.
        samples: curves of single pictures, for those metrics that average them; at most 200, evenly chosen.
    """

    name: str
    anchor: bool
    pictures: int
    scores: dict[str, Score]
    curves: dict[str, list[float]] = field(default_factory=dict)
    samples: dict[str, list[list[float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class PictureScores:
    """The scores of one picture of one system; NaN where a metric is not defined on it."""

    picture: str
    system: str
    scores: dict[str, float]


@dataclass(frozen=True)
class Measurement:
    """Everything that was found.

    Attributes:
        protocol: in words, in the order in which it is told: what was measured, on what, how.
        metrics: what was measured, in the order of the table.
        systems: anchors and measured systems, in the order of the table.
        pictures: scores of single pictures, if they were asked for.
        unit: what was counted: ``pictures`` or ``clips``.
    """

    protocol: dict[str, str]
    metrics: list[Facts]
    systems: list[System]
    pictures: list[PictureScores] = field(default_factory=list)
    unit: str = "pictures"

    def facts(self, name: str) -> Facts:
        """Return the facts of a metric."""
        return next(facts for facts in self.metrics if facts.name == name)
