"""Error and accuracy per subject: a folder of validation pictures per subject (landscapes, animals, faces).

A picture's subject is the first folder of its name; ``all`` is all of them together. Accuracy is not a word that
regression knows, so it is defined here and wherever it is printed (:data:`MEANING`).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from colorcli.media.atomic import writing
from colorcli.report.curves import read_log
from colorcli.training.data import Pictures
from colorcli.training.recipe import Validation
from colorcli.training.task import Task, answers

#: Lab units from the truth within which a pixel's colour is right.
NEAR = 10.0
ALL = "all"
MEANING = (
    f"accuracy: share of pixels whose predicted (a, b) is at most {NEAR:g} Lab units from the true one; MSE: mean "
    "squared error of a and b, Lab units squared; in brackets what a gray picture gets"
)


@dataclass(frozen=True)
class Subject:
    """Scores of one subject; those of an all-gray answer to the same pictures are called ``gray_*``."""

    pictures: int
    mse: float
    accuracy: float
    gray_mse: float
    gray_accuracy: float


def subject_of(name: str) -> str | None:
    """Return the subject that a picture's name says it is of; None outside of all folders."""
    folder, slash, _ = name.partition("/")
    return folder if slash else None


def measure(
    task: Task, network: nn.Module, pictures: Pictures, options: Validation, device: torch.device
) -> dict[str, Subject]:
    """Measure a network on up to ``options.pictures`` pictures of each subject; the whole, ``"all"``, comes last."""
    chosen: dict[str | None, list[int]] = defaultdict(list)
    for index, name in enumerate(pictures.names):
        if len(chosen[subject_of(name)]) < options.pictures:
            chosen[subject_of(name)].append(index)
    sums: dict[str, Tensor] = defaultdict(lambda: torch.zeros(5, dtype=torch.float64))
    for subject in sorted(chosen, key=str):
        for answer in answers(task, network, pictures, options, device, chosen[subject]):
            row = torch.tensor([1.0, *_errors(answer.ab, answer.truth), *_errors(0 * answer.truth, answer.truth)])
            for name in {subject or ALL, ALL}:
                sums[name] += row
    ordered = [*(name for name in sums if name != ALL), ALL]
    return {name: Subject(int(sums[name][0]), *(sums[name][1:] / sums[name][0]).tolist()) for name in ordered}


def _errors(ab: Tensor, truth: Tensor) -> tuple[float, float]:
    """Return mean squared error and accuracy of ab ``(1, 2, H, W)``."""
    difference = (ab - truth).double()
    return float((difference**2).mean()), float((difference.norm(dim=1) <= NEAR).double().mean())


def row(scores: dict[str, Subject]) -> dict[str, Any]:
    """Return the scores as a line of a run's log holds them."""
    return {name: {key: round(value, 4) for key, value in asdict(of).items()} for name, of in scores.items()}


def table(lines: list[dict[str, Any]]) -> str:
    """Return lines of a run's log that have ``"subjects"`` as one Markdown table."""
    text = ["| step | epoch | subject | pictures | MSE (gray) | accuracy (gray) |", "|--:|--:|---|--:|--:|--:|"]
    for line in lines:
        for name, of in line["subjects"].items():
            text.append(
                f"| {line['step']} | {line['epoch']:.2f} | {name} | {of['pictures']} | {of['mse']:.1f} "
                f"({of['gray_mse']:.1f}) | {of['accuracy']:.1%} ({of['gray_accuracy']:.1%}) |"
            )
    return f"{MEANING}.\n\n" + "\n".join(text) + "\n"


def write_table(log: Path, target: Path) -> None:
    """Write the table of all that a run's log says of subjects, as Markdown."""
    lines: list[dict[str, Any]] = [entry for entry in read_log(log) if "subjects" in entry]
    with writing(target, overwrite=True) as file:
        file.write(table(lines).encode())
