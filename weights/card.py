"""A card says what a model is: which network, which weights, which decoder, and how the three are run.

Cards are TOML. What ``--model`` takes is the name of one in ``weights/cards``, a folder that holds a ``card.toml``, or
a safetensors file with the card's text in its header. Unknown keys are errors, so that a misspelt one is never
silently ignored. Reading cards imports no torch: naming models must be quick.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import tomli_w

from colorcli.errors import WeightsError
from colorcli.registry import near_miss

#: Where weights may lie: beside the installed cards, or beside the card itself.
SOURCE_KINDS = ("embedded", "file")
#: What ``extends`` does not hand down: it belongs to one model alone.
_OWN = ("name", "description", "scores")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a model's weights lie.

    Attributes:
        kind: ``"embedded"`` (in the installed package) or ``"file"`` (relative to the card's folder).
        file: name of the safetensors file.
    """

    kind: str
    file: str


@dataclass(frozen=True, kw_only=True)
class Card:
    """One model.

    Attributes:
        name: what ``--model`` and reports call it.
        network: name of the architecture in ``colorcli.registry.NETWORKS``.
        source: where the weights lie.
        description: one sentence for lists of models.
        sizes: keyword arguments of the network's ``build``.
        decoder: name of the decoder for networks that predict distributions; None for networks that predict ab.
        temperature: for the decoder; None takes the decoder's own default.
        rebalance: exponent on the class rebalancing weights that multiply the distribution before decoding; 0 is off.
        form: form of the field for the ``mrf`` decoder.
        strength: factor on the predicted chroma.
        size: side of the square whose area the network's input has.
        fit: "keep" the photo's aspect ratio, or "stretch" it to a square as the network's authors do.
        upsampler: name of the upsampler.
        sha256: of the weights file; checked before use when given.
        licence: of the weights.
        data: what the network was trained on.
        recipe: name of the training recipe.
        seed: of the training run.
        scores: measured quality, by name; tables may be nested.
    """

    name: str
    network: str
    source: Source
    description: str = ""
    sizes: Mapping[str, Any] = field(default_factory=dict)
    decoder: str | None = None
    temperature: float | None = None
    rebalance: float = 0.0
    form: str = "joint"
    strength: float = 1.0
    size: int = 256
    fit: str = "keep"
    upsampler: str = "bicubic"
    sha256: str | None = None
    licence: str = ""
    data: str = ""
    recipe: str = ""
    seed: int | None = None
    scores: Mapping[str, Any] = field(default_factory=dict)

    def to_toml(self) -> str:
        """Return the card as TOML that :func:`parse` reads back to an equal card."""
        values = {key: value for key, value in dataclasses.asdict(self).items() if value is not None}
        return tomli_w.dumps(values)


_TYPES: dict[str, tuple[type, ...]] = {
    "name": (str,), "network": (str,), "source": (dict,), "description": (str,), "sizes": (dict,), "decoder": (str,),
    "temperature": (float, int), "rebalance": (float, int), "form": (str,), "strength": (float, int), "size": (int,),
    "fit": (str,), "upsampler": (str,), "sha256": (str,), "licence": (str,), "data": (str,), "recipe": (str,),
    "seed": (int,), "scores": (dict,),
}  # fmt: skip


def parse(text: str, *, origin: str, base: Callable[[str], str] | None = None) -> Card:
    """Read a card.

    Args:
        text: TOML. ``extends = "NAME"`` takes what the card leaves unsaid from another card, except name, description
            and scores, and except the temperature where the card names a decoder of its own.
        origin: file name for messages.
        base: gives the text of the card that ``extends`` names; None forbids ``extends``.

    Raises:
        WeightsError: not TOML; unknown, missing or ill-typed keys.
    """
    values = _values(text, origin, base)
    for key in ("name", "network", "source"):
        if key not in values:
            raise WeightsError(f"{origin}: the card has no {key!r}", hint="every card names name, network and source")
    source = values["source"]
    unknown = sorted(set(source) - {"kind", "file"})
    if unknown:
        raise WeightsError(f"{origin}: unknown key 'source.{unknown[0]}'", hint=near_miss(unknown[0], ("kind", "file")))
    if source.get("kind") not in SOURCE_KINDS or not isinstance(source.get("file"), str):
        raise WeightsError(
            f"{origin}: source must be {{kind, file}}, got {source}", hint=f"known kinds: {', '.join(SOURCE_KINDS)}"
        )
    return Card(**{**values, "source": Source(**source)})


def _values(text: str, origin: str, base: Callable[[str], str] | None) -> dict[str, Any]:
    """Return the card's keys, checked one by one, with those it inherits filled in."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WeightsError(f"{origin}: not a valid card: {error}", hint="cards are TOML") from error
    extends = values.pop("extends", None)
    for key, value in values.items():
        if key not in _TYPES:
            raise WeightsError(f"{origin}: unknown key {key!r}", hint=near_miss(key, _TYPES))
        if not isinstance(value, _TYPES[key]) or isinstance(value, bool):
            expected = " or ".join(kind.__name__ for kind in _TYPES[key])
            raise WeightsError(f"{origin}: {key} must be {expected}, got {value!r}")
    if extends is None:
        return values
    if base is None:
        raise WeightsError(f"{origin}: only installed cards may extend another", hint="write out what it inherits")
    inherited = _values(base(str(extends)), f"{extends} (extended by {origin})", None)
    # A temperature is tuned for one decoder.
    own = (*_OWN, "temperature") if "decoder" in values else _OWN
    return {key: value for key, value in inherited.items() if key not in own} | values
