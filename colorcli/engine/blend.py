"""Several models as one: what ``--blend name:0.6,name:0.4`` says. Imports no torch: mistakes are told at once."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from dataclasses import dataclass
from functools import cached_property

from colorcli.engine.options import ColorizeOptions
from colorcli.errors import UsageError
from colorcli.weights.pull import Fetching, named, pull
from colorcli.weights.resolve import Model

_EXAMPLE = "for example --blend default:0.6,mrf:0.4"


@dataclass(frozen=True)
class Blend(Model):
    """Models whose ab are averaged.

    Attributes:
        card: of the first, under the name of all.
        parts: the models and their shares, which sum to 1.
    """

    parts: tuple[tuple[Model, float], ...] = ()

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of all that decides: the weights, shares and cards of the parts."""
        texts = [f"{share!r} {part.sha256}\n{part.card.to_toml()}" for part, share in self.parts]
        return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def parse(text: str) -> list[tuple[str, float]]:
    """Read names and weights.

    Returns:
        Names and shares, which sum to 1.

    Raises:
        UsageError: a weight is missing or not above 0, or a name comes twice.
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        name, colon, number = part.strip().rpartition(":")
        try:
            weight = float(number)
        except ValueError:
            weight = math.nan
        if not (colon and name) or not 0 < weight < math.inf:
            raise UsageError(f"--blend: {part.strip()!r} is not NAME:WEIGHT with a weight above 0", hint=_EXAMPLE)
        if name in found:
            raise UsageError(f"--blend: {name!r} comes twice", hint="add its weights")
        found[name] = weight
    total = sum(found.values())
    return [(name, weight / total) for name, weight in found.items()]


def find(asked: ColorizeOptions) -> Model:
    """Return the model, or the blend of models, that is asked for; what has to be fetched is not here yet.

    Raises:
        UsageError: unknown names, or a blend that has no meaning.
        WeightsError: a faulty card.
    """
    if asked.blend is None:
        return named(asked.model)
    if asked.model != ColorizeOptions.model:
        raise UsageError("a blend names its models itself", hint="leave out --model")
    parts = tuple((named(name), share) for name, share in parse(asked.blend))
    first = parts[0][0]
    name = "+".join(f"{part.card.name}:{share:.4g}" for part, share in parts)
    return Blend(dataclasses.replace(first.card, name=name), first.file, first.published, parts)


def missing(model: Model) -> list[Model]:
    """Return the model, or those of a blend's parts, whose weights are not here."""
    parts = [part for part, _ in model.parts] if isinstance(model, Blend) else [model]
    return [part for part in parts if part.file is None]


def fetched(model: Model, how: Fetching) -> Model:
    """Return what :func:`find` returned with all weights here, fetched if need be.

    Raises:
        WeightsError: weights cannot be had.
    """
    if not missing(model):
        return model
    if not isinstance(model, Blend):
        return pull(model.card, how)
    parts = tuple((fetched(part, how), share) for part, share in model.parts)
    first = parts[0][0]
    return Blend(dataclasses.replace(first.card, name=model.card.name), first.file, first.published, parts)
