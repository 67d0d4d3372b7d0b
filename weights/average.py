"""The mean of several models' weights: a better model, where they are runs that began from each other.

Weights that were trained on from the same start lie in one valley of the loss, and their middle is often better, and
hardly ever worse, than either end (Izmailov et al. 2018, arXiv 1803.05407; Wortsman et al. 2022, arXiv 2203.05482).
Weights of runs that began apart have nothing to do with each other, and their mean is rubbish: it is refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from colorcli.errors import UsageError
from colorcli.weights.cache import check_free
from colorcli.weights.card import Card, Source
from colorcli.weights.load import check
from colorcli.weights.resolve import Model, resolve
from colorcli.weights.save import write_safetensors

#: Least cosine between the weights of two models that may be averaged: strangers are at 0.00, a run of an hour and a
#: half is at 0.87 of what it began from.
LEAST = 0.3


def average(models: Sequence[str | Path], target: Path, *, overwrite: bool = False) -> Card:
    """Write the mean of models as one safetensors file, with the first one's card but for its scores.

    Args:
        models: two or more of one network and the same sizes, each weighing the same.
        target: the file to write; it is complete when it has its name.
        overwrite: replace a file of that name.

    Returns:
        The card in the file.

    Raises:
        UsageError: fewer than two; they are not of one network; they did not begin from each other; ``target`` exists
            or has another ending.
        WeightsError: weights are missing, damaged or do not fit their card.
    """
    if target.suffix.lower() != ".safetensors":
        raise UsageError(f"{target}: weights end in .safetensors", hint=f"-o {target.with_suffix('.safetensors')}")
    check_free(target, overwrite=overwrite)
    if len(models) < 2:
        raise UsageError("an average takes two models or more", hint="name the others too")
    found = [resolve(model) for model in models]
    for model in found[1:]:
        _comparable(found[0], model)
    states = [check(model) for model in found]
    for model, state in zip(found[1:], states[1:], strict=True):
        if (alike := cosine(states[0], state)) < LEAST:
            raise UsageError(
                f"{found[0].card.name!r} and {model.card.name!r} did not begin from each other (cosine {alike:.2f}):"
                " the mean of their weights knows nothing",
                hint="average a run with what its --init named; --blend averages the colours of any models",
            )
    names = [model.card.name for model in found]
    card = dataclasses.replace(
        found[0].card,
        name=target.stem,
        source=Source(kind="file", file=target.name),
        description=f"mean of {', '.join(names)}",
        licence=_all(model.card.licence for model in found),
        data=_all(model.card.data for model in found),
        sha256=None,
        scores={},
    )
    write_safetensors(target, mean(states), card)
    return card


def mean(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the mean of state dicts of equal keys and shapes, in the first one's dtypes and with its counters."""
    first = states[0]
    return {
        key: torch.stack([state[key].float() for state in states]).mean(0).to(value.dtype)
        if value.is_floating_point()
        else value
        for key, value in first.items()
    }


def cosine(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    """Return the cosine between the matrices and kernels of two state dicts with equal keys, taken as one vector."""
    keys = [key for key, value in one.items() if value.ndim >= 2]
    a, b = (torch.cat([state[key].float().flatten() for key in keys]) for state in (one, other))
    return float(torch.nn.functional.cosine_similarity(a, b, 0))


def _all(said: Iterable[str]) -> str:
    """Return what several cards say, each thing once."""
    return "; ".join(dict.fromkeys(filter(None, said)))


def _comparable(one: Model, other: Model) -> None:
    for what, a, b in (
        ("network", one.card.network, other.card.network),
        ("sizes", dict(one.card.sizes), dict(other.card.sizes)),
    ):
        if a != b:
            raise UsageError(f"{one.card.name!r} and {other.card.name!r} differ in their {what}: {a} and {b}")
