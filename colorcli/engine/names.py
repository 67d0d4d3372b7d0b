"""Names of outputs: distinct, and the same from run to run."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colorcli.engine.book import Book

#: Where A.jpg and a.jpg are one file.
_FOLDS_CASE = sys.platform in ("win32", "darwin")


def remembered(names: Sequence[str], wanted: Sequence[Path], out: Path, book: Book) -> dict[int, Path]:
    """Return the targets that inputs had in earlier runs, by the inputs' numbers."""
    found: dict[int, Path] = {}
    for i, (name, target) in enumerate(zip(names, wanted, strict=True)):
        planned = book.manifest.names.get((name, target.relative_to(out).as_posix()))
        if planned is not None:
            found[i] = out / planned
    return found


def owned(out: Path, book: Book) -> Iterator[Path]:
    """Yield all names that earlier runs gave, to inputs that are there and to those that are not."""
    for planned, record in book.manifest.latest.items():
        yield out / planned
        if record.output != planned:
            yield out / record.output


def copy_of(source: Path, target: Path) -> Path:
    """Return the name of a photo that is copied as it is: the output's, with the input's suffix."""
    if source.suffix.lower() == target.suffix.lower():
        return target
    stem = target.name.removesuffix(target.suffix)
    return target.with_name(stem if stem == source.name else f"{stem}{source.suffix}")


def distinct(inputs: Sequence[Path], targets: Sequence[Path], reserved: Collection[str] = ()) -> list[Path]:
    """Give inputs that aim at one output names of their own.

    ``a.jpg`` and ``a.heic`` that both aim at ``a.jpg`` become ``a.jpg`` and ``a.heic.jpg``: the one that bears the
    name keeps it. Those that still collide (``x/a.jpg`` and ``y/a.jpg``) are numbered in the order of their paths.
    """
    result = list(targets)
    for target, members in _collisions(targets).items():
        bearers = [i for i in members if inputs[i].suffix.casefold() == target.suffix.casefold()]
        bearers.sort(key=lambda i: inputs[i].suffix != target.suffix)
        for i in members:
            if i not in bearers[:1]:
                stem = result[i].stem
                tail = inputs[i].suffix if i not in bearers else ""
                result[i] = result[i].with_name(f"{stem}{tail}{result[i].suffix}")
    taken: set[str] = set(reserved)
    for i in sorted(range(len(result)), key=lambda i: str(inputs[i])):
        wanted, number = result[i], 1
        while key(result[i]) in taken:
            number += 1
            result[i] = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
        taken.add(key(result[i]))
    return result


def key(path: Path) -> str:
    """Return what is equal for names of one file."""
    return str(path).casefold() if _FOLDS_CASE else str(path)


def _collisions(targets: Sequence[Path]) -> dict[Path, list[int]]:
    groups: dict[str, list[int]] = {}
    for i, target in enumerate(targets):
        groups.setdefault(key(target), []).append(i)
    return {targets[members[0]]: members for members in groups.values() if len(members) > 1}
