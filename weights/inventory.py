"""What models there are, which of them are here, whether they still are what they were, and taking them away again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from colorcli.errors import UsageError, WeightsError
from colorcli.weights import cache
from colorcli.weights.card import HUB
from colorcli.weights.pull import discard, expected, is_ours, named
from colorcli.weights.resolve import Model, names


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One model.

    Attributes:
        name: what ``--model`` takes.
        model: card and file.
        bytes: that its weights take on this disk, as published and converted; 0 if they are not here.
    """

    name: str
    model: Model
    bytes: int

    @property
    def here(self) -> bool:
        """Whether it can be used without a network."""
        return self.model.file is not None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One file of a model, looked at.

    Attributes:
        model: name.
        path: the file.
        expected: hash that it should have, in hex; "" if none is known.
        found: hash that it has; "" if it cannot be read.
    """

    model: str
    path: Path
    expected: str
    found: str

    @property
    def good(self) -> bool:
        """Whether the file could be read, and is what it should be as far as that is known."""
        return bool(self.found) and self.expected in ("", self.found)


def entries() -> list[Entry]:
    """Return the installed models and what was fetched from the Hub by its name there, in this order, each sorted.

    Raises:
        WeightsError: an installed card is faulty.
    """
    return [_entry(name, named(name)) for name in (*names(), *_fetched())]


def _fetched() -> list[str]:
    """Return the ``hf:`` names under which models were fetched and can be used."""
    found = []
    for path in (cache.home() / "pins").glob("*.json"):
        try:
            source = json.loads(path.read_text(encoding="utf-8"))["source"]
            if source.startswith(HUB) and source not in _of_cards() and named(source).file is not None:
                found.append(source)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, WeightsError, UsageError):
            continue  # no record of ours
    return sorted(found)


def _of_cards() -> set[str]:
    return {str(named(name).card.source) for name in names()}


def _entry(name: str, model: Model) -> Entry:
    files = {path for path, _ in _files(model)}
    return Entry(name=name, model=model, bytes=sum(path.stat().st_size for path in files if path.is_file()))


def _files(model: Model) -> Iterator[tuple[Path, str]]:
    """Yield a model's files on this disk with the hash that each should have; "" where none is known."""
    pin = cache.pin(model.card.source) if model.card.source.remote else None
    if pin is not None:
        if pin.file is not None:
            yield pin.file, expected(model.card)
        converted = cache.converted(pin.sha256)  # it may be too damaged for the model to have it
        if converted.is_file():
            yield converted, _beside(converted)
    elif model.file is not None:
        yield model.file, _beside(model.file) if model.published else (model.card.sha256 or "").lower()


def _beside(path: Path) -> str:
    try:
        return cache.hash_beside(path).read_text(encoding="ascii").split()[0]
    except (OSError, IndexError, ValueError):
        return ""


def verify(name: str | Path) -> list[Verdict]:
    """Hash a model's files anew.

    Raises:
        UsageError: nothing has that name.
        WeightsError: the card is faulty, or the weights are not here.
    """
    model = named(name)
    files = list(_files(model))
    if not files:
        model.weights  # noqa: B018  raises
    return [Verdict(model=model.card.name, path=path, expected=wanted, found=_hash(path)) for path, wanted in files]


def _hash(path: Path) -> str:
    try:
        return cache.sha256_of(path)
    except OSError:
        return ""


def remove(name: str, *, forget: bool = False) -> int:
    """Take a model's downloaded files away; return how many bytes that frees.

    Args:
        name: of the model.
        forget: also what the first download recorded, so that the next may bring another file.

    Raises:
        UsageError: nothing has that name, or it was not downloaded.
    """
    model = named(name)
    if not model.card.source.remote:
        raise UsageError(f"model {name!r} was not downloaded", hint="what is installed or your own is not removed here")
    freed = 0
    for path, _ in _files(model):
        if is_ours(path):
            freed += discard(path)
            cache.hash_beside(path).unlink(missing_ok=True)
    if forget:
        cache.forget(model.card.source)
    return freed
