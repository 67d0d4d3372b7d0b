"""Recipes: what an experiment is, as TOML read into frozen dataclasses.

A key that does not exist is an error with a near miss, so a misspelt setting never trains silently with its default.
``--set optimizer.steps=1000`` changes one value; the resolved recipe is written into the run.
"""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import tomli_w

from colorcli.errors import UsageError
from colorcli.registry import near_miss


@dataclass(frozen=True, kw_only=True)
class Network:
    """Which architecture, and the sizes its ``build`` takes."""

    name: str
    sizes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Loss:
    """One term of the loss.

    Attributes:
        name: of ``colorcli.registry.LOSSES``.
        weight: its factor.
        of: which of the network's outputs, for a loss that takes several (``"ab"``, ``"rgb"``); None is RGB where the
            network predicts it.
        options: what its ``build`` takes.
    """

    name: str
    weight: float = 1.0
    of: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Data:
    """Pictures and crops.

    Attributes:
        side: pictures are kept decoded with their short side at most this long (the cache).
        batch: pictures per step.
        sizes: ``[[share, size], ...]``: from that share of all steps on, crops are scaled to size x size pixels.
        area: smallest and largest share of a picture's area that a crop takes.
        aspect: narrowest and widest crop, width over height, before scaling to a square.
        gray: pictures whose mean chroma is below this are left out.
        validation: share of the pictures held out when no validation data is given.
    """

    side: int = 160
    batch: int = 32
    sizes: tuple[tuple[float, int], ...] = ((0.0, 128),)
    area: tuple[float, float] = (0.4, 1.0)
    aspect: tuple[float, float] = (0.75, 1.3333)
    gray: float = 2.0
    validation: float = 0.02


@dataclass(frozen=True, kw_only=True)
class Augment:
    """Changes to the lightness a network sees; the colours to learn stay.

    Attributes:
        flip: chance of mirroring left to right.
        tone: chance of a changed tone curve (gamma and contrast).
        gamma: largest factor of the gamma change.
        contrast: largest share of contrast lost (black lifted, white lowered).
        noise: chance of Gaussian grain.
        grain: largest standard deviation of the grain, in L units.
        blur: chance of softening with a 3x3 binomial filter.
    """

    flip: float = 0.5
    tone: float = 0.5
    gamma: float = 1.4
    contrast: float = 0.2
    noise: float = 0.2
    grain: float = 5.0
    blur: float = 0.1


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """AdamW, linear warm-up, cosine to zero.

    Attributes:
        steps: length of the run.
        lr: the highest learning rate.
        weight_decay: on weights with two or more axes only.
        betas: of Adam.
        warmup: steps of linear warm-up.
        clip: largest gradient norm.
        ema: decay of the weight average that is validated and exported.
    """

    steps: int = 10_000
    lr: float = 1.5e-3
    weight_decay: float = 0.02
    betas: tuple[float, float] = (0.9, 0.98)
    warmup: int = 500
    clip: float = 1.0
    ema: float = 0.999


@dataclass(frozen=True, kw_only=True)
class Validation:
    """How often and on what a run is measured.

    Attributes:
        every: steps between measurements.
        pictures: how many validation pictures are used.
        crop: their centre crop, scaled to crop x crop pixels; error is measured at this size.
        size: what the network sees of it, size x size pixels.
    """

    every: int = 1000
    pictures: int = 240
    crop: int = 256
    size: int = 192


@dataclass(frozen=True, kw_only=True)
class Model:
    """Defaults of the model that comes out; they go into its card."""

    decoder: str = "annealed"
    temperature: float | None = None
    rebalance: float = 0.0
    strength: float = 1.0
    size: int = 192
    upsampler: str = "bicubic"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One experiment, complete."""

    name: str
    description: str = ""
    network: Network
    losses: tuple[Loss, ...]
    data: Data = Data()
    augment: Augment = Augment()
    optimizer: Optimizer = Optimizer()
    validation: Validation = Validation()
    model: Model = Model()
    seed: int = 0
    checkpoint: int = 500


def names() -> list[str]:
    """Return the names of the recipes that come with colorcli."""
    return sorted(entry.name[:-5] for entry in _folder().iterdir() if entry.name.endswith(".toml"))


def text(name: str) -> str:
    """Return the TOML text of a recipe given by name or by the path of a TOML file."""
    path = Path(name)
    if path.suffix == ".toml":
        try:
            return path.read_text(encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{name}: cannot read the recipe: {error.strerror}") from error
    if name not in names():
        raise UsageError(f"unknown recipe {name!r}", hint=near_miss(name, names()))
    return str((_folder() / f"{name}.toml").read_text(encoding="utf-8"))


def load(name: str, settings: typing.Iterable[str] = ()) -> Recipe:
    """Read a recipe by name or path and apply ``key=value`` settings; dotted keys, values as in TOML.

    Raises:
        UsageError: unknown recipe or key (with a near miss), or a value of the wrong type.
    """
    return parse(text(name), settings, where=name)


def parse(source: str, settings: typing.Iterable[str] = (), *, where: str = "recipe") -> Recipe:
    """Read a recipe from TOML text; ``where`` names it in messages."""
    try:
        table = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{where}: not TOML: {error}") from error
    for setting in settings:
        _apply(table, setting)
    recipe: Recipe = _build(Recipe, table, where)
    return recipe


def as_dict(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe as plain tables, lists and values, without those that are None."""

    def plain(value: Any) -> Any:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            pairs = ((f.name, getattr(value, f.name)) for f in dataclasses.fields(value))
            return {key: plain(item) for key, item in pairs if item is not None}
        if isinstance(value, tuple | list):
            return [plain(item) for item in value]
        return value

    result: dict[str, Any] = plain(recipe)
    return result


def dumps(recipe: Recipe) -> str:
    """Return the recipe as TOML that :func:`parse` reads back to an equal recipe."""
    return tomli_w.dumps(as_dict(recipe))


def _folder() -> Any:
    return files("colorcli.training.recipes")


def _apply(table: dict[str, Any], setting: str) -> None:
    key, equals, value = setting.partition("=")
    if not equals:
        raise UsageError(f"--set {setting}: expected key=value", hint="for example --set optimizer.steps=1000")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value  # a bare word is a string
    *path, last = key.strip().split(".")
    for part in path:
        node = table.setdefault(part, {})
        if not isinstance(node, dict):
            raise UsageError(f"--set {setting}: {part!r} is not a table")
        table = node
    table[last] = parsed


def _build(kind: Any, value: Any, where: str) -> Any:
    """Turn TOML values into ``kind``, checking names and types on the way."""
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise UsageError(f"{where}: expected a table, got {value!r}")
        hints = typing.get_type_hints(kind)
        known = {f.name: f for f in dataclasses.fields(kind)}
        for key in value:
            if key not in known:
                raise UsageError(f"{where}: unknown key {key!r}", hint=near_miss(key, known))
        for key, entry in known.items():
            needed = entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING
            if needed and key not in value:
                raise UsageError(f"{where}: the key {key!r} is missing")
        return kind(**{key: _build(hints[key], item, f"{where}: {key}") for key, item in value.items()})
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        if not isinstance(value, list):
            raise UsageError(f"{where}: expected a list, got {value!r}")
        if arguments[-1] is Ellipsis:
            return tuple(_build(arguments[0], item, where) for item in value)
        if len(value) != len(arguments):
            raise UsageError(f"{where}: expected {len(arguments)} values, got {value!r}")
        return tuple(_build(part, item, where) for part, item in zip(arguments, value, strict=True))
    if origin is types.UnionType:
        return _build(next(part for part in arguments if part is not type(None)), value, where)
    if origin is dict:
        if not isinstance(value, dict):
            raise UsageError(f"{where}: expected a table, got {value!r}")
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise UsageError(f"{where}: expected {kind.__name__}, got {value!r}")
    return value
