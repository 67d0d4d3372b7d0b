"""Classes of pictures: the folder a picture lies in, for losses that learn what kind of place it shows.

Names are ``.../<class>/<picture>``, in a folder, in a tar shard and of CIFAR-10 alike. A picture that lies in no
folder, or in one called ``none``, has no class. The names are kept with the decoded pictures, so the classes are too.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from colorcli.errors import UsageError
from colorcli.registry import LOSSES, NETWORKS
from colorcli.training.data import Pictures
from colorcli.training.recipe import Recipe

#: Folder of pictures that have no class, and the number they get.
NONE, UNKNOWN = "none", -1
#: The file of a run that keeps the classes in the order of their numbers.
FILE = "classes.json"


def class_of(name: str) -> str | None:
    """Return the class that a picture's name says it has.

    >>> class_of("places/beach/0001.jpg"), class_of("0001.jpg"), class_of("places/none/0001.jpg")
    ('beach', None, None)
    """
    folder = name.rpartition("/")[0].rpartition("/")[2]
    return folder if folder and folder.lower() != NONE else None


def classes(names: Iterable[str]) -> list[str]:
    """Return the classes of these pictures, sorted."""
    return sorted({found for name in names if (found := class_of(name)) is not None})


def numbers(names: Sequence[str], known: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the number of each picture's class within ``known``, -1 where it is none of them."""
    place: dict[str | None, int] = {name: number for number, name in enumerate(known)}
    return np.array([place.get(class_of(name), UNKNOWN) for name in names], np.int64)


def needed(recipe: Recipe) -> bool:
    """Return whether a loss of the recipe learns classes."""
    return any("classes" in _kinds(LOSSES.load(loss.name).OUTPUT) for loss in recipe.losses)


def _without(recipe: Recipe) -> Recipe | None:
    """Return the recipe without the losses that learn classes, None if one of them is not optional."""
    learning = [loss for loss in recipe.losses if "classes" in _kinds(LOSSES.load(loss.name).OUTPUT)]
    if not all(loss.optional for loss in learning):
        return None
    return dataclasses.replace(recipe, losses=tuple(loss for loss in recipe.losses if loss not in learning))


def _kinds(output: str | tuple[str, ...]) -> tuple[str, ...]:
    return (output,) if isinstance(output, str) else output


def fit(recipe: Recipe, pictures: Pictures, kept: Path | None = None) -> tuple[Recipe, Pictures, list[str]]:
    """Give pictures their classes, and the network as many as there are, where a recipe learns them.

    Args:
        recipe: what to train. If it does not say how many classes its network has, the pictures do.
        pictures: to train on.
        kept: ``classes.json`` of the run that goes on: its classes keep their numbers; others are unknown to it.

    Returns:
        The recipe with the number of classes, the pictures with labels, and the classes. A recipe that learns no
        classes gets back what it gave, and none; so does one that can do without, less what learns them.

    Raises:
        UsageError: there are not two classes among the pictures, or more than the network has.
    """
    if not needed(recipe):
        return _sized(recipe, 1), pictures, []
    known = json.loads(kept.read_text(encoding="utf-8")) if kept is not None and kept.exists() else None
    found = classes(pictures.names) if known is None else list(known)
    if len(found) < 2 and (without := _without(recipe)) is not None:
        return _sized(without, 1), pictures, []
    if len(found) < 2:
        said = f"all are of class {found[0]!r}" if found else "the pictures have none"
        raise UsageError(
            f"the recipe {recipe.name!r} learns classes, but {said}",
            hint="give a folder with one folder of pictures per class, or take a recipe without class-cross-entropy",
        )
    recipe = _sized(recipe, len(found))
    room = recipe.network.sizes.get("classes", len(found))
    if len(found) > room:
        raise UsageError(
            f"the pictures have {len(found)} classes, the network of the recipe {recipe.name!r} {room}",
            hint=f"--set network.sizes.classes={len(found)}",
        )
    return recipe, dataclasses.replace(pictures, labels=numbers(pictures.names, found)), found


def _sized(recipe: Recipe, count: int) -> Recipe:
    """Return the recipe with a number of classes for a network that takes one, unless it says so itself."""
    if "classes" not in NETWORKS.load(recipe.network.name).INFO.also or "classes" in recipe.network.sizes:
        return recipe
    sizes: dict[str, Any] = {**recipe.network.sizes, "classes": count}
    return dataclasses.replace(recipe, network=dataclasses.replace(recipe.network, sizes=sizes))
