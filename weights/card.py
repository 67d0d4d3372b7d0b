"""A card says what a model is: which network, which weights, which decoder, and how the three are run.

Cards are TOML. What ``--model`` takes is the name of one in ``weights/cards``, a folder that holds a ``card.toml``, a
safetensors file with the card's text in its header, or weights without a card, for which one is made up
(:mod:`colorcli.weights.recognize`). Unknown keys are errors, so that a misspelt one is never silently ignored. Reading
cards imports no torch: naming models must be quick.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import tomli_w

from colorcli.errors import UsageError, WeightsError
from colorcli.registry import near_miss

#: Where weights may lie -> the keys of such a source: in the installed package, beside the card itself, in a
#: repository of the Hugging Face Hub, at an address.
SOURCE_KINDS = {
    "embedded": ("file",),
    "file": ("file",),
    "hub": ("repository", "file", "revision", "megabytes"),
    "url": ("url", "megabytes"),
}
_OPTIONAL = ("revision", "megabytes")
#: What the name of a file on the Hub begins with: ``hf:owner/name@revision:file``.
HUB = "hf:"
#: What ``extends`` does not hand down: it belongs to one model alone.
_OWN = ("name", "description", "scores")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a model's weights lie.

    Attributes:
        kind: one of :data:`SOURCE_KINDS`.
        file: name of the file: of kind ``"file"`` relative to the card's folder, of kind ``"hub"`` in the repository.
        repository: ``owner/name`` on the Hub.
        revision: commit, tag or branch there; "" where none is known: then the first download decides.
        url: address of the file.
        megabytes: about how much there is to download, in units of 10^6 bytes; 0 is unknown.
    """

    kind: str
    file: str = ""
    repository: str = ""
    revision: str = ""
    url: str = ""
    megabytes: int = 0

    @property
    def remote(self) -> bool:
        """Whether the weights have to be downloaded."""
        return self.kind in ("hub", "url")

    @property
    def name(self) -> str:
        """The file's own name, without folders."""
        return (self.url.partition("?")[0] if self.kind == "url" else self.file).rpartition("/")[2]

    def __str__(self) -> str:
        if self.kind == "hub":
            revision, file = self.revision and f"@{self.revision}", self.file and f":{self.file}"
            return f"{HUB}{self.repository}{revision}{file}"
        return self.url or self.file


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
        contrast: factor on how far colours lie from the picture's mean colour.
        size: side of the square whose area the network's input has.
        fit: "keep" the photo's aspect ratio, or "stretch" it to a square as the network's authors do.
        upsampler: name of the upsampler.
        sha256: of the weights file as it is downloaded; checked before use when given.
        licence: of the weights, with what is uncertain about it.
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
    contrast: float = 1.0
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
        values["source"] = {key: value for key, value in values["source"].items() if value}
        return tomli_w.dumps(values)


_TYPES: dict[str, tuple[type, ...]] = {
    "name": (str,), "network": (str,), "source": (dict,), "description": (str,), "sizes": (dict,), "decoder": (str,),
    "temperature": (float, int), "rebalance": (float, int), "form": (str,), "strength": (float, int),
    "contrast": (float, int), "size": (int,),
    "fit": (str,), "upsampler": (str,), "sha256": (str,), "licence": (str,), "data": (str,), "recipe": (str,),
    "seed": (int,), "scores": (dict,),
}  # fmt: skip


def parse(text: str, *, origin: str, base: Callable[[str], str] | None = None) -> Card:
    """Read a card.

    Args:
        text: TOML. ``extends = "NAME"`` takes what the card leaves unsaid from another card, except name, description
            and scores, the temperature where the card names a decoder of its own, and the hash where it names a
            source of its own.
        origin: file name for messages.
        base: gives the text of the card that ``extends`` names; None forbids ``extends``.

    Raises:
        WeightsError: not TOML; unknown, missing or ill-typed keys.
    """
    values = _values(text, origin, base)
    for key in ("name", "network", "source"):
        if key not in values:
            raise WeightsError(f"{origin}: the card has no {key!r}", hint="every card names name, network and source")
    return Card(**{**values, "source": _source(values["source"], origin)})


def non_commercial(licence: str) -> bool:
    """Return whether a licence, as a card or the Hub words it, keeps to non-commercial use."""
    return re.search(r"\bnc\b|non-?\s?commercial|research[ -]only", licence, re.IGNORECASE) is not None


def hub_source(text: str) -> Source:
    """Read ``hf:owner/name``, with ``@revision`` or ``:file`` or both; without a file the repository's own is meant.

    Raises:
        UsageError: it is not of that form.
    """
    found = re.fullmatch(r"hf:([\w.-]+/[\w.-]+)(?:@([^:\s]+))?(?::(\S+))?", text, re.ASCII)
    if found is None or ".." in text:
        raise UsageError(f"{text!r} names no file on the Hub", hint="hf:owner/name, or hf:owner/name@revision:file")
    return Source(kind="hub", repository=found[1], revision=found[2] or "", file=found[3] or "")


def _source(table: Mapping[str, Any], origin: str) -> Source:
    kind = table.get("kind")
    keys = SOURCE_KINDS.get(kind) if isinstance(kind, str) else None
    if keys is None:
        raise WeightsError(
            f"{origin}: source.kind must be one of {', '.join(SOURCE_KINDS)}, got {kind!r}",
            hint="a source is a table {kind, ...}",
        )
    for key, value in table.items():
        if key not in ("kind", *keys):
            raise WeightsError(f"{origin}: unknown key 'source.{key}'", hint=near_miss(key, ("kind", *keys)))
        if type(value) is not (int if key == "megabytes" else str):
            raise WeightsError(f"{origin}: source.{key} cannot be {value!r}")
    missing = [key for key in keys if key not in _OPTIONAL and not table.get(key)]
    if missing:
        raise WeightsError(
            f"{origin}: the source has no {missing[0]!r}", hint=f"a source of kind {kind!r} has {', '.join(keys)}"
        )
    return Source(**table)


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
    # A temperature is tuned for one decoder, a hash is that of one file.
    own = (*_OWN, *(["temperature"] if "decoder" in values else []), *(["sha256"] if "source" in values else []))
    return {key: value for key, value in inherited.items() if key not in own} | values
