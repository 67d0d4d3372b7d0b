"""Weights without a card: which network they are for, told from their names and shapes (the idea is spandrel's).

A state dict is offered to every network (``detect`` of its module) and to every converter of published keys
(``detect``, then ``convert``); of those that take it for theirs the first into which it fits strictly is it. The result
is kept as safetensors in the user's cache, with a card made up for it in its header, so that a pickle is opened once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from colorcli.errors import ColorcliError, UsageError, WeightsError
from colorcli.registry import NETWORKS, Registry
from colorcli.weights import cache, checkpoint
from colorcli.weights.card import Card, Source
from colorcli.weights.load import build, differences
from colorcli.weights.resolve import HEADER_KEY, named_after, readable_card
from colorcli.weights.save import write_safetensors

CONVERTERS = Registry("colorcli.weights.convert", "converter")
#: How many keys of an unknown file a message shows.
_SHOWN = 5


@dataclass(frozen=True)
class Recognized:
    """What a state dict is for.

    Attributes:
        network: name of the architecture.
        sizes: what its ``build`` takes.
        state: the tensors under our names.
        origin: name of the converter; "" for a state that has our names already.
        lines: what does not fit, see `colorcli.weights.load.differences`; empty if it all does.
    """

    network: str
    sizes: Mapping[str, Any]
    state: Mapping[str, Tensor]
    origin: str = ""
    lines: tuple[str, ...] = ()


def recognize(state: Mapping[str, Tensor]) -> Recognized | None:
    """Return what a state dict is for; the best guess with what does not fit, or None if nothing takes it for its own.

    Raises:
        WeightsError: a converter knows the file as its own, but not all that is in it.
    """
    best: Recognized | None = None
    for found in _candidates(state):
        if not found.lines:
            return found
        if best is None or sum(map(len, found.lines)) < sum(map(len, best.lines)):
            best = found
    return best


def _candidates(state: Mapping[str, Tensor]) -> Iterator[Recognized]:
    yield from _of_networks(state, NETWORKS.names(), "")
    for name in CONVERTERS.names():
        converter = CONVERTERS.load(name)
        if hasattr(converter, "detect") and converter.detect(state):
            yield from _of_networks(converter.convert(state), converter.NETWORKS, name)


def _of_networks(state: Mapping[str, Tensor], names: list[str] | tuple[str, ...], origin: str) -> Iterator[Recognized]:
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    for name in names:
        detect = getattr(NETWORKS.load(name), "detect", None)
        sizes = detect(shapes) if detect is not None else None
        if sizes is None:
            continue
        try:
            lines = differences(build(name, sizes).state_dict(), state)
        except (ColorcliError, ValueError):
            continue  # shapes that no network of this kind has
        yield Recognized(name, sizes, state, origin, tuple(lines))


def card_for(network: str, sizes: Mapping[str, Any], name: str, **values: Any) -> Card:
    """Make up a card: as the first installed one of the same network and sizes, else of the same network, says.

    Args:
        network: name of the architecture.
        sizes: what its ``build`` takes.
        name: of the model.
        values: what is known besides.
    """
    from colorcli.weights.resolve import names, resolve

    cards = [card for card in (resolve(name).card for name in names()) if card.network == network]
    same = [card for card in cards if {**card.sizes}.items() <= {**sizes}.items()]
    card = Card(name=name, network=network, source=Source(kind="file", file=""), sizes=dict(sizes))
    for model in (same or cards)[:1]:
        card = dataclasses.replace(
            card, decoder=model.decoder, temperature=model.temperature, rebalance=model.rebalance, form=model.form,
            size=model.size, upsampler=model.upsampler,
        )  # fmt: skip
    return dataclasses.replace(card, **values)


def convert(path: Path, *, sha256: str = "", unsafe: bool = False) -> Path:
    """Return the file's weights as safetensors with our names and a card, out of the cache if they are there.

    Args:
        path: of any file that `colorcli.weights.checkpoint.read` reads.
        sha256: of the file, if it is known; "" computes it.
        unsafe: run what a pickle asks for.

    Raises:
        UsageError: there is no such file.
        WeightsError: it is damaged, asks to run code, or fits no network.
    """
    sha256 = sha256 or sha256_of(path)
    target = cache.converted(sha256)
    if target.is_file() and cache.hash_beside(target).is_file() and readable_card(target) is not None:
        return target
    found = fitting(checkpoint.read(path, unsafe=unsafe).state, str(path))
    card = card_for(found.network, found.sizes, named_after(path), source=Source(kind="file", file=path.name))
    origin = {"origin": found.origin, "published_sha256": sha256}
    content = save({key: value.contiguous() for key, value in found.state.items()},
                   metadata={"format": "pt", HEADER_KEY: card.to_toml(), **origin})  # fmt: skip
    cache.replace_file(target, content)
    cache.replace_file(cache.hash_beside(target), f"{cache.sha256_of(target)}  {target.name}\n".encode())
    return target


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex.

    Raises:
        WeightsError: it cannot be read.
    """
    try:
        return cache.sha256_of(path)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}", hint="check the path") from error


def fitting(state: Mapping[str, Tensor], origin: str) -> Recognized:
    """Return what a state is for.

    Raises:
        WeightsError: nothing known here, or something that does not fit quite; the message says what differs.
    """
    found = recognize(state)
    if found is None:
        keys = [f"{key} {tuple(value.shape)}" for key, value in state.items()]
        rest = f"; and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
        raise WeightsError(
            f"{origin}: not the weights of a network known here: {'; '.join(keys[:_SHOWN])}{rest}",
            hint=f"known networks: {', '.join(NETWORKS.names())}",
        )
    if found.lines:
        raise WeightsError(
            f"{origin}: looks like network {found.network!r} with sizes {dict(found.sizes)}, but does not fit it\n  "
            + "\n  ".join(found.lines),
            hint="the file is incomplete, or of a variant that colorcli does not know",
        )
    return found


def write(
    path: Path, target: Path, *, unsafe: bool = False, half: bool = False, licence: str = "", overwrite: bool = False
) -> Card:
    """Write a file's weights as safetensors with our names and a card: a model in one file.

    Args:
        path: of any file that `colorcli.weights.checkpoint.read` reads.
        target: ends in ``.safetensors``.
        unsafe: run what a pickle asks for.
        half: store matrices and kernels in fp16.
        licence: of the weights, for the card.
        overwrite: replace a file that exists.

    Returns:
        The card.

    Raises:
        UsageError: there is no such file; ``target`` exists, or has another ending.
        WeightsError: the file is damaged, asks to run code, or fits no network.
    """
    if target.suffix != ".safetensors":
        raise UsageError(f"{target}: weights are written as safetensors", hint="name a file that ends in .safetensors")
    cache.check_free(target, overwrite=overwrite)
    found = fitting(checkpoint.read(path, unsafe=unsafe).state, str(path))
    source = Source(kind="file", file=target.name)
    card = card_for(found.network, found.sizes, named_after(target), source=source, licence=licence)
    write_safetensors(target, found.state, card, half=half)
    return card
