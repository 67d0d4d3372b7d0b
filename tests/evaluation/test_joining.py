"""How metrics join: with options, in the main process, without rows, all without a line in the runner."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from colorcli.errors import UsageError
from colorcli.evaluation.choice import Chosen, choose, settable
from colorcli.evaluation.measure import measure
from colorcli.evaluation.request import Request
from colorcli.metrics._batch import Batch
from colorcli.metrics._metric import Mean, Metric
from colorcli.registry import METRICS


class Answer(Mean):
    """A metric that holds something costly, takes options, and looks at names."""

    name = "answer"
    range = (0.0, 100.0)
    higher_is_better = True
    source = "this test"
    group = "network"
    place = "main"
    made: ClassVar[list[Answer]] = []

    def __init__(self, classifier: Path | None = None, *, top: int = 1, prior: Tensor | None = None) -> None:
        super().__init__()
        if classifier is None:
            raise UsageError("metric 'answer' needs a classifier", hint="--set answer.classifier=FILE")
        self.classifier, self.top, self.names = classifier, top, []  # type: ignore[var-annotated]
        self.made.append(self)

    def values(self, batch: Batch) -> Tensor:
        self.names += batch.names
        return torch.full((len(batch.result.rgb),), float(self.top))


class Spread(Metric):
    """A metric whose statistics are too large for rows: the covariance of colours over the set."""

    name = "spread"
    range = (0.0, float("inf"))
    higher_is_better = True
    source = "this test"
    group = "network"
    place = "main"
    by_rows = False

    def reset(self) -> None:
        super().reset()
        self.seen: list[Tensor] = []

    def statistics(self, batch: Batch) -> Tensor:
        raise AssertionError("it has no rows")

    def score(self, total: Tensor) -> float:
        raise AssertionError("it has no rows")

    def update(self, batch: Batch) -> None:
        self.seen.append(batch.result.ab.flatten(2)[0])

    def compute(self) -> float:
        return float(torch.cat(self.seen, 1).cov().det())


@pytest.fixture(autouse=True)
def _joined(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (Answer, Spread):
        module = ModuleType(f"joined_{kind.name}")
        module.METRIC = kind  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(METRICS._own, kind.name, module.__name__)
    Answer.made.clear()


def _ask(pairs: tuple[Path, Path], **more: Any) -> Request:
    settings = ("answer.classifier=some.pt", "answer.top=5")
    names = ("psnr", "answer", "spread")
    return Request(results=pairs[:1], truth=pairs[1], metrics=names, settings=settings, **more)


@pytest.mark.parametrize("workers", [1, 2])
def test_metrics_of_the_main_process(pairs: tuple[Path, Path], workers: int) -> None:
    ask = _ask(pairs, workers=workers, bootstrap=20, per_picture=True)
    [system] = measure(ask).measurement.systems
    assert system.scores["answer"].value == 5 and system.scores["answer"].has_interval
    assert system.scores["spread"].value > 0 and not system.scores["spread"].has_interval
    assert system.scores["psnr"].has_interval
    assert len(Answer.made) == 1  # the costly thing exists once
    assert Answer.made[0].classifier == Path("some.pt")
    assert sorted(Answer.made[0].names) == ["0.png", "2.png", "4.png", "deep/1.png", "deep/3.png", "deep/5.png"]


def test_each_system_has_its_own_sums(pairs: tuple[Path, Path]) -> None:
    systems = measure(_ask(pairs, workers=1, anchors=True)).measurement.systems
    spread = {system.name: system.scores["spread"].value for system in systems}
    assert spread["Ground truth"] > spread[str(pairs[0])] > spread["Gray"]


def test_what_is_missing_is_told(pairs: tuple[Path, Path]) -> None:
    with pytest.raises(UsageError, match="needs a classifier"):
        measure(Request(results=pairs[:1], truth=pairs[1], metrics=("answer",), workers=1))


def test_groups() -> None:
    names = {group: [one.name for one in choose((group,), needs=("pair", "single"))] for group in ("standard", "all")}
    assert names["standard"][:2] == ["auc", "auc-image"] and "bias" not in names["standard"]
    assert {*names["standard"], "bias", "leaking"} <= set(names["all"])
    assert not {"answer", "spread"} & set(names["all"])  # a network is only taken when it is named
    assert "answer" in [one.name for one in choose(("network",), needs=("pair", "single"))]
    assert [one.name for one in choose(("psnr", "auc"), needs=("pair",))] == ["psnr", "auc"]
    with pytest.raises(UsageError, match="is for videos"):
        choose(("flicker",), needs=("pair", "single"))


def test_what_can_be_set() -> None:
    assert settable(Answer) == {"classifier": (Path,), "top": (int,)}
    assert settable(Chosen("auc-rebalanced").kind) == {"mix": (float,)}
