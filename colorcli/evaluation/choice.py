"""Which metrics are measured: by name or group, with their options."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from colorcli.errors import UsageError
from colorcli.metrics._metric import Metric
from colorcli.registry import METRICS, near_miss

#: Groups that ``--metrics`` takes beside names; see `Metric.group`.
GROUPS = ("standard", "failures", "network", "video", "all")
#: Kinds of constructor arguments that a command line can give.
_KINDS = (bool, int, float, str, Path)


@dataclass(frozen=True)
class Chosen:
    """A metric and the arguments its constructor gets: what a worker process makes it from.

    Attributes:
        name: as in the registry.
        options: keyword arguments that pickle.
        place: as the metric's; known here so that a worker need not import what does not run there.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    place: Literal["worker", "main"] = "worker"

    @property
    def kind(self) -> type[Metric]:
        """The metric's class."""
        kind: type[Metric] = METRICS.load(self.name).METRIC
        return kind

    def make(self) -> Metric:
        """Return a new metric; raises what its constructor does, for example if an extra is missing."""
        return self.kind(**self.options)


def choose(names: Sequence[str], settings: Iterable[str] = (), *, needs: Sequence[str]) -> list[Chosen]:
    """Return the metrics that are asked for.

    Args:
        names: of metrics and groups; empty for the standard ones, or for clips those of videos with ``cf`` and
            ``chroma`` beside them, as gray clips score best on all of them.
        settings: ``NAME.OPTION=VALUE``, an argument of a metric's constructor. NAME is a metric, or what comes before
            a hyphen in the names of several: ``classifier.weights`` is for ``classifier-top1`` and ``-top5``.
        needs: kinds of input that are there, as `Metric.needs` names them. Metrics that need others are left out of
            groups.

    Raises:
        UsageError: an unknown name, group or option, a value of another type, or a metric named outright whose kind of
            input is not there.
    """
    kinds: dict[str, type[Metric]] = {name: METRICS.load(name).METRIC for name in METRICS.names()}
    wanted: dict[str, None] = {}
    for name in names or (("video", "cf", "chroma") if "video" in needs else ("standard",)):
        if name in GROUPS:
            asked = [one for one, kind in kinds.items() if name in (kind.group, "all") and kind.needs in needs]
            if name == "all":  # what needs a network needs options, too: only by name
                asked = [one for one in asked if kinds[one].group != "network"]
            order = sorted(asked, key=lambda one: (GROUPS.index(kinds[one].group), not one.startswith("auc"), one))
            wanted |= dict.fromkeys(order)  # AuC, the field's own, first
        elif name not in kinds:
            raise UsageError(f"unknown metric {name!r}", hint=near_miss(name, [*kinds, *GROUPS]))
        elif kinds[name].needs not in needs:
            raise UsageError(*_unfit(name, kinds[name].needs))
        else:
            wanted[name] = None
    if not wanted:
        raise UsageError(f"no metric of {', '.join(names)} fits what is given", hint="see colorcli metric --list")
    options = _options(settings, wanted, kinds)
    return [Chosen(name, options.get(name, {}), kinds[name].place) for name in wanted]


def _unfit(name: str, needs: str) -> tuple[str]:
    told = {"pair": "compares with the truth: give --truth", "video": "is for videos", "single": "is for photos"}
    return (f"metric {name!r} {told[needs]}",)


def _options(
    settings: Iterable[str], wanted: Iterable[str], kinds: dict[str, type[Metric]]
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        name, dot, option = key.partition(".")
        if not equals or not dot:
            raise UsageError(f"{setting!r} is no setting of a metric", hint="--set METRIC.OPTION=VALUE")
        meant = [name] if name in wanted else [one for one in wanted if one.startswith(f"{name}-")]
        if not meant:
            raise UsageError(f"--set {setting}: {name!r} is not measured", hint=f"measured: {', '.join(wanted)}")
        for one in meant:
            known = settable(kinds[one])
            if option not in known:
                raise UsageError(f"metric {one!r} has no option {option!r}", hint=near_miss(option, known))
            found.setdefault(one, {})[option] = _parsed(setting, value, known[option])
    return found


def settable(kind: type[Metric]) -> dict[str, tuple[type, ...]]:
    """Return the constructor's arguments that ``--set`` can give, each with the types it takes."""
    hints = typing.get_type_hints(kind.__init__)
    found = {}
    for name in inspect.signature(kind).parameters:
        hint = hints.get(name, str)
        parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        if simple := tuple(part for part in parts if part in _KINDS):
            found[name] = simple
    return found


def _parsed(setting: str, value: str, kinds: tuple[type, ...]) -> Any:
    for kind in kinds:
        if kind is bool:
            if value in ("true", "false"):
                return value == "true"
            continue
        try:
            return kind(value)
        except ValueError:
            continue
    raise UsageError(f"--set {setting}: not a value of type {' or '.join(kind.__name__ for kind in kinds)}")
