"""Recipes: what an experiment is, as TOML read into frozen dataclasses.

A key that does not exist is an error with a near miss, so a misspelt setting never trains silently with its default.
``--set optimizer.steps=1000`` changes one value; the resolved recipe is written into the run.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import tomli_w

from colorcli.errors import UsageError
from colorcli.registry import near_miss
from colorcli.training.tables import apply, build, plain


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
        optional: of a loss that learns classes: leave it out where the pictures have none.
    """

    name: str
    weight: float = 1.0
    of: str | None = None
    optional: bool = False
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
        fit: ``"crop"`` cuts squares out of pictures; ``"pad"`` shrinks whole pictures into a square with white around
            them. The losses called masked do not learn the margin.
        gray: pictures whose mean chroma is below this are left out.
        validation: share of the pictures held out when no validation data is given.
        test: share of the pictures held out for the end of the run then.
        split: ``splits.json`` of another run, whose split is taken instead; "" is none.
        prior: where the frequencies of the bins come from: "" measures them on the pictures to train on; a model or a
            ``.npy`` file of 313 numbers has its own. See :mod:`colorcli.training.priors`.
    """

    side: int = 160
    batch: int = 32
    sizes: tuple[tuple[float, int], ...] = ((0.0, 128),)
    area: tuple[float, float] = (0.4, 1.0)
    aspect: tuple[float, float] = (0.75, 1.3333)
    fit: str = "crop"
    gray: float = 2.0
    validation: float = 0.02
    test: float = 0.0
    split: str = ""
    prior: str = ""


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
        age: chance of damage as old prints, films and their scans have it; see :mod:`colorcli.training.ageing`.
        wear: chance of each kind of damage to a picture that is damaged.
    """

    flip: float = 0.5
    tone: float = 0.5
    gamma: float = 1.4
    contrast: float = 0.2
    noise: float = 0.2
    grain: float = 5.0
    blur: float = 0.1
    age: float = 0.0
    wear: float = 0.35


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """How the weights move, and for how long.

    Attributes:
        name: ``"adamw"``, ``"muon"``, ``"adam"``, ``"sgd"`` or ``"adadelta"``; see :mod:`colorcli.training.optimizers`.
        steps: length of the run.
        lr: the highest learning rate.
        schedule: what it does after the warm-up: ``"cosine"`` to zero, ``"step"`` down, or ``"constant"``.
        drops: of the schedule ``step``: shares of the run at which the rate is multiplied by ``factor``.
        factor: see ``drops``.
        warmup: steps of linear warm-up.
        weight_decay: of ``adamw`` and ``muon`` on weights with two or more axes only; of the others on all, as their
            papers have it.
        betas: of Adam and AdamW, and of what Muon leaves to AdamW.
        momentum: of SGD and Muon.
        clip: largest gradient norm; 0 is any.
        ema: decay of the weight average that is validated and exported; 0 takes the weights as they are.
        accumulate: parts a batch is computed in, one after the other, to save memory. A step still learns from
            ``data.batch`` pictures; only batch norm sees the parts.
    """

    name: str = "adamw"
    steps: int = 10_000
    lr: float = 1.5e-3
    schedule: str = "cosine"
    drops: tuple[float, ...] = (0.5, 0.75)
    factor: float = 0.1
    warmup: int = 500
    weight_decay: float = 0.02
    betas: tuple[float, float] = (0.9, 0.98)
    momentum: float = 0.9
    clip: float = 1.0
    ema: float = 0.999
    accumulate: int = 1


@dataclass(frozen=True, kw_only=True)
class Adversarial:
    """A second stage against a discriminator; see :mod:`colorcli.training.adversarial`.

    Attributes:
        start: share of the run after which it begins.
        alone: steps from there on in which only the discriminator learns (NoGAN's critic training).
        weight: factor of the adversarial term, beside the recipe's losses.
        lr: the discriminator's learning rate.
        betas: of its Adam.
        width: channels of its first layer.
        layers: its layers of stride 2; each doubles the size of a patch.
    """

    start: float = 0.8
    alone: int = 0
    weight: float = 0.1
    lr: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    width: int = 64
    layers: int = 2


@dataclass(frozen=True, kw_only=True)
class Validation:
    """How often and on what a run is measured.

    Attributes:
        every: steps between measurements.
        pictures: how many validation pictures are used.
        crop: their centre crop, scaled to crop x crop pixels; error is measured at this size.
        size: what the network sees of it, size x size pixels.
        subjects: whether error and accuracy are also measured per subject; see :mod:`colorcli.training.subjects`.
        metric: which score decides what is best: a field of :class:`colorcli.training.task.Scores`.
        patience: measurements without a new best after which the run ends early; 0 goes to the end.
    """

    every: int = 1000
    pictures: int = 240
    crop: int = 256
    size: int = 192
    subjects: bool = False
    metric: str = "auc"
    patience: int = 0


@dataclass(frozen=True, kw_only=True)
class Model:
    """Defaults of the model that comes out; they go into its card."""

    decoder: str = "annealed"
    temperature: float | None = None
    rebalance: float = 0.0
    form: str = "joint"
    strength: float = 1.0
    contrast: float = 1.0
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
    adversarial: Adversarial | None = None
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


def load(name: str, settings: Iterable[str] = ()) -> Recipe:
    """Read a recipe by name or path and apply ``key=value`` settings; dotted keys, values as in TOML.

    Raises:
        UsageError: unknown recipe or key (with a near miss), or a value of the wrong type.
    """
    return parse(text(name), settings, where=name)


def parse(source: str, settings: Iterable[str] = (), *, where: str = "recipe") -> Recipe:
    """Read a recipe from TOML text; ``where`` names it in messages."""
    try:
        table = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{where}: not TOML: {error}") from error
    for setting in settings:
        apply(table, setting)
    recipe: Recipe = build(Recipe, table, where)
    return recipe


def dumps(recipe: Recipe) -> str:
    """Return the recipe as TOML that :func:`parse` reads back to an equal recipe."""
    return tomli_w.dumps(plain(recipe))


def _folder() -> Any:
    return files("colorcli.training.recipes")
