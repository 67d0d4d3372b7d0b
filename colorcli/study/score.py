"""The fooling rate: how often colorized pictures were taken for real (Zhang et al. 2016, section 3.1).

Beside it stands how often real ones were taken for real: who calls everything real is fooled by everything. Rates bear
the interval of Wilson (1927), which holds for few answers and at 0 and 1 too. It takes answers as independent; those of
one participant, and those to one picture, are not quite, so the true uncertainty is somewhat larger.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from colorcli.study.answers import Answers, Key

#: Two-sided 95 % of the normal distribution.
Z95 = 1.959963984540054


@dataclass(frozen=True)
class Rate:
    """How many of how many pictures were judged real."""

    real: int
    judged: int

    @property
    def value(self) -> float | None:
        """Return the share, None if nothing was judged."""
        return self.real / self.judged if self.judged else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Return Wilson's 95 % interval, None if nothing was judged."""
        return wilson(self.real, self.judged) if self.judged else None

    def to_json(self) -> dict[str, object]:
        """Return a JSON object."""
        return {"rate": self.value, "interval95": self.interval, "judged_real": self.real, "judged": self.judged}


def wilson(successes: int, trials: int, z: float = Z95) -> tuple[float, float]:
    """Return Wilson's score interval of a share.

    Raises:
        ValueError: not ``0 <= successes <= trials``, or no trials.
    """
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError(f"{successes} of {trials} is no share")
    share, spread = successes / trials, z * z / trials
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / trials + spread / (4 * trials))
    # At the ends the formula gives 0 and 1 up to rounding.
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    return low, 1.0 if successes == trials else min(1.0, middle + half)


@dataclass(frozen=True)
class Line:
    """The rates of colorized and of real pictures for one participant or scene."""

    name: str
    colorized: Rate
    real: Rate

    def to_json(self, noun: str) -> dict[str, object]:
        """Return a JSON object; ``noun`` says whose it is."""
        return {noun: self.name, "colorized": self.colorized.to_json(), "real": self.real.to_json()}


@dataclass(frozen=True)
class Score:
    """What a study found.

    Attributes:
        study: its identity.
        colorized: over all colorized pictures judged: the fooling rate.
        real: over all real ones.
        participants: one line each, in the order of the files.
        scenes: one line each, the most convincing first; scenes that nobody judged are left out.
    """

    study: str
    colorized: Rate
    real: Rate
    participants: Sequence[Line]
    scenes: Sequence[Line]

    def to_json(self) -> dict[str, object]:
        """Return a JSON object."""
        return {
            "study": self.study,
            "fooling_rate": self.colorized.value,
            "interval95": self.colorized.interval,
            "colorized": self.colorized.to_json(),
            "real": self.real.to_json(),
            "participants": [line.to_json("participant") for line in self.participants],
            "scenes": [line.to_json("scene") for line in self.scenes],
        }


def score(key: Key, answers: Sequence[Answers]) -> Score:
    """Count what participants said against what was."""
    judged = [(one.participant, picture, real) for one in answers for picture, real in one.real.items()]

    def rates(name: str, rows: Iterable[tuple[str, str, bool]]) -> Line:
        said: dict[bool, list[bool]] = {True: [], False: []}
        for _, picture, real in rows:
            said[key.real[picture]].append(real)
        return Line(name, *(Rate(sum(said[kind]), len(said[kind])) for kind in (False, True)))

    people = [rates(one.participant, [row for row in judged if row[0] == one.participant]) for one in answers]
    by_scene: dict[str, list[tuple[str, str, bool]]] = {}
    for row in judged:
        by_scene.setdefault(key.scene[row[1]], []).append(row)
    scenes = [rates(name, rows) for name, rows in by_scene.items()]
    scenes.sort(key=lambda line: (-(line.colorized.value if line.colorized.value is not None else -1.0), line.name))
    everything = rates("", judged)
    return Score(key.study, everything.colorized, everything.real, people, scenes)
