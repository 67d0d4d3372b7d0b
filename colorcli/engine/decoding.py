"""From a network's distributions to ab: which decoder, told what, with hints and without."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor, nn

from colorcli.color import prior
from colorcli.decoders._options import DecodeOptions
from colorcli.engine import palette
from colorcli.engine.options import ColorizeOptions
from colorcli.engine.settings import DECODER, HINTED_DECODER, Choice, choose
from colorcli.errors import UsageError
from colorcli.registry import DECODERS
from colorcli.weights.card import Card

#: Options that only a network that predicts distributions has a use for.
ONLY_HERE = ("decoder", "temperature", "palette", "form")


def refuse(asked: ColorizeOptions, card: Card) -> None:
    """Refuse what only distributions have a use for.

    Raises:
        UsageError: there is something of that kind among the options.
    """
    for option in ONLY_HERE:
        if getattr(asked, option) is not None:
            raise UsageError(
                f"model {card.name!r} predicts colours, not distributions: {option} has no meaning",
                hint=f"leave {option} out, or take a model such as 'default'",
            )


class Decoding:
    """The decoder of one model and its settings.

    Args:
        asked: options.
        card: of the model.
        network: of the model; its buffer ``prior`` is needed where the card rebalances.
        device: where the network is.

    Attributes:
        name: of the decoder.
        hinted_name: of the decoder of photos with hints: ``mrf``, which carries them on, unless another is asked for.
        options: what the decoder is told.

    Raises:
        UsageError: unknown decoder; a palette without colour.
        MediaError: the palette cannot be read.
    """

    def __init__(self, asked: ColorizeOptions, card: Card, network: nn.Module, device: torch.device) -> None:
        self._asked, self._card = asked, card
        choice = choose(asked, card)
        self.name = choice.decoder or DECODER
        self.hinted_name = asked.decoder or HINTED_DECODER
        self._decode = _decoder(self.name)
        self._log_weights = _log_weights(asked, card, network, device)
        self.options = self._told(choice)

    def __call__(self, logits: Tensor, L: Tensor, hints: Tensor | None = None) -> Tensor:
        """Decode one picture: logits ``(1, Q, h, w)``, L ``(1, 1, h, w)`` to ab ``(2, h, w)``.

        Pictures come one by one: a decoder that draws or iterates must not let neighbours in a batch meet.

        Args:
            logits: of the network.
            L: 0..100, at the resolution of the logits.
            hints: ``(3, h, w)`` as for `colorcli.decoders._options.DecodeOptions`, or None.
        """
        if hints is None:
            return self._decode(logits, L, self.options)[0]
        decode, options = self._hinted
        return decode(logits, L, dataclasses.replace(options, hints=hints))[0]

    @cached_property
    def _hinted(self) -> tuple[Callable[..., Tensor], DecodeOptions]:
        choice = choose(dataclasses.replace(self._asked, decoder=self.hinted_name), self._card)
        return _decoder(self.hinted_name), self._told(choice)

    def _told(self, choice: Choice) -> DecodeOptions:
        return DecodeOptions(
            temperature=choice.temperature,
            log_weights=self._log_weights,
            seed=self._asked.seed,
            form=choice.form,
        )


def _decoder(name: str) -> Callable[..., Tensor]:
    found: Callable[..., Tensor] = DECODERS.load(name).decode
    return found


def _log_weights(asked: ColorizeOptions, card: Card, network: nn.Module, device: torch.device) -> Tensor | None:
    """Return what is added to the logits, ``(Q,)`` on the device: class rebalancing and the palette, or None."""
    total: Tensor | None = None
    if card.rebalance:
        known = network.get_buffer("prior").float().cpu()
        total = card.rebalance * prior.rebalancing(known).log()
    if asked.palette is not None:
        preferred = palette.read(asked.palette)
        total = preferred if total is None else total + preferred
    return None if total is None else total.to(device)
