"""Which pictures are trained on, which measured while training, and which kept for the end.

A picture's place is decided by a hash of its name and the seed. So a split does not depend on the order in which
pictures are found, and hardly changes when some are added; and a run keeps it, by name, in ``splits.json``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from colorcli.errors import UsageError
from colorcli.training import data, sources
from colorcli.training.data import Pictures
from colorcli.training.recipe import Recipe

#: The file of a run that keeps the split.
FILE = "splits.json"


@dataclass(frozen=True)
class Split:
    """Pictures by what they are for.

    Attributes:
        train: to learn from.
        validation: to measure a run with while it goes on.
        test: to measure its end with; None where the recipe holds none back.
    """

    train: Pictures
    validation: Pictures
    test: Pictures | None = None

    def to_json(self, seed: int) -> str:
        """Return the names of all, and how they were chosen."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        names = {part: list(found.names) for part, found in parts.items() if found is not None}
        return json.dumps({"seed": seed, "fingerprint": fingerprint(self), **names}, indent=0)

    def say(self) -> str:
        """Return how many pictures there are for what, and how many were left out, in words."""
        parts = [f"{len(self.train)} pictures to train on", f"{len(self.validation)} to validate on"]
        parts += [f"{len(self.test)} to test on"] if self.test is not None else []
        return f"{', '.join(parts)}; {data.left_out(self.train.report) or 'none left out'}"


def fingerprint(split: Split) -> str:
    """Return a short name of a split: equal for equal names in equal parts, whatever their order."""
    parts = (split.train, split.validation, split.test)
    names = ["\n".join(sorted(part.names)) if part is not None else "" for part in parts]
    return hashlib.sha256("\0".join(names).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def gather(recipe: Recipe, train_on: Sequence[Path], validate_on: Sequence[Path], kept: Path | None = None) -> Split:
    """Decode what the user named, or open the cache of it, and divide it.

    Args:
        recipe: sizes, shares and seed. The shares count only where no validation pictures are given or found; with
            ``data.split``, the names in that file decide.
        train_on: what :func:`colorcli.training.sources.find` takes.
        validate_on: the same.
        kept: ``splits.json`` of a run that goes on; it decides as far as it knows the pictures.

    Raises:
        UsageError: there are too few usable pictures, or the shares leave none to train on.
    """
    here, held = sources.find(train_on)
    if validate_on:
        given, named = sources.find(validate_on)
        held = given + named
    options = recipe.data
    if not here:
        raise UsageError(
            f"{', '.join(map(str, train_on))}: only validation pictures (val-*), none to train on",
            hint="name a shard by itself to train on it",
        )
    pictures = data.load(here, side=options.side, gray=options.gray)
    if held:
        # Validation pictures are kept at the size they are measured at.
        val = data.load(held, side=recipe.validation.crop, gray=options.gray)
        # Only the first ones are measured: those of a folder must not all be of the folder that comes first.
        mixed = any(source.is_folder for source in held)
        return Split(pictures, val.subset(_order(val.names, recipe.seed)) if mixed else val)
    if options.split:
        return again(pictures, Path(options.split))
    if kept is not None and kept.exists() and _known(pictures, _read(kept)["validation"]):
        return again(pictures, kept)
    return divide(pictures, options.validation, options.test, recipe.seed)


def divide(pictures: Pictures, validation: float, test: float, seed: int) -> Split:
    """Divide pictures by shares; at least one goes to each side.

    Raises:
        UsageError: there are too few pictures, or the shares leave none to train on.
    """
    least = 3 if test else 2
    if len(pictures) < least:
        raise UsageError(
            f"found {len(pictures)} usable picture(s), and training needs at least {least}",
            hint=data.left_out(pictures.report) or "add pictures to the folder",
        )
    if validation < 0 or test < 0 or validation + test >= 1:
        raise UsageError(
            f"data.validation={validation} and data.test={test} leave nothing to train on",
            hint="shares of all pictures, for example 0.2 and 0.2",
        )
    order = _order(pictures.names, seed)
    held = max(1, round(validation * len(pictures)))
    kept = max(1, round(test * len(pictures))) if test else 0
    held = min(held, len(pictures) - kept - 1)
    rest = np.sort(order[held + kept :])
    return Split(
        pictures.subset(rest),
        pictures.subset(order[:held]),
        pictures.subset(order[held : held + kept]) if kept else None,
    )


def again(pictures: Pictures, path: Path) -> Split:
    """Divide pictures as ``splits.json`` of a run says; those it does not know are trained on.

    Raises:
        UsageError: the file cannot be read, or none of its validation pictures is there, or none to train on.
    """
    names = _read(path)
    validation, test = (_known(pictures, names.get(part, [])) for part in ("validation", "test"))
    rest = sorted(set(range(len(pictures))) - {*validation, *test})
    if not validation or not rest:
        what = "validation pictures is" if not validation else "training pictures is"
        raise UsageError(f"{path}: none of its {what} among these", hint="give the pictures of the run it is from")
    parts = [np.array(part, np.int64) for part in (rest, validation, test)]
    return Split(pictures.subset(parts[0]), pictures.subset(parts[1]), pictures.subset(parts[2]) if test else None)


def _read(path: Path) -> dict[str, list[str]]:
    try:
        names: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
        names["validation"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path}: not a readable split", hint=f"give the {FILE} of a run") from error
    return names


def _known(pictures: Pictures, names: Sequence[str]) -> list[int]:
    """Return the places of named pictures, in the order of the names."""
    places: dict[str, list[int]] = {}
    for place, name in enumerate(pictures.names):
        places.setdefault(name, []).append(place)
    return [place for name in dict.fromkeys(names) for place in places.get(name, [])]


def _order(names: Sequence[str], seed: int) -> npt.NDArray[np.int64]:
    """Return the pictures' places in an order that looks random, and that each keeps when others come or go."""
    keys = [hashlib.sha256(f"{seed}\0{name}".encode("utf-8", "surrogateescape")).digest() for name in names]
    return np.array(sorted(range(len(names)), key=keys.__getitem__), np.int64)
