"""What is asked for and what the card says, filled into each other once for the colorizer and for the manifest."""

from __future__ import annotations

import pytest

from colorcli.engine.options import ColorizeOptions
from colorcli.engine.settings import choose
from colorcli.weights.card import Card, Source

SOURCE = Source(kind="file", file="a.safetensors")


@pytest.mark.parametrize(
    ("card", "asked", "temperature"),
    [
        ("annealed", None, 0.5),
        ("annealed", "annealed", 0.5),
        ("annealed", "mean", None),  # tuned for another decoder
        (None, None, 0.5),
        (None, "annealed", 0.5),  # what a card without a decoder means
        (None, "mean", None),
    ],
)
def test_the_cards_temperature_is_for_the_cards_decoder(
    card: str | None, asked: str | None, temperature: float | None
) -> None:
    made = Card(name="a", network="resnet-fusion", source=SOURCE, licence="x", decoder=card, temperature=0.5)
    assert choose(ColorizeOptions(decoder=asked), made).temperature == temperature
    assert choose(ColorizeOptions(decoder=asked, temperature=0.7), made).temperature == 0.7
