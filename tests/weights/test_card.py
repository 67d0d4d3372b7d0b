from __future__ import annotations

import dataclasses

import pytest

from colorcli.errors import WeightsError
from colorcli.weights.card import Card, Source, parse

MINIMAL = 'name = "x"\nnetwork = "resnet-fusion"\nsource = {kind = "file", file = "m.safetensors"}\n'


def test_minimal_card_takes_defaults() -> None:
    card = parse(MINIMAL, origin="x.toml")
    assert card.source == Source(kind="file", file="m.safetensors")
    assert card.decoder is None
    assert card.strength == 1.0


def test_toml_round_trip() -> None:
    card = Card(
        name="a \"b\"\nü", network="resnet-fusion", source=Source(kind="file", file="m.safetensors"),
        sizes={"width": 8}, decoder="mrf", temperature=0.38, rebalance=0.5, seed=3, sha256="ab" * 32,
        scores={"auc": 90.5, "by decoder": {"mrf": {"auc": 91.0}}, "flags": [1, 2]},
    )  # fmt: skip
    assert parse(card.to_toml(), origin="x") == card


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (MINIMAL + 'decodr = "mrf"', "unknown key 'decodr'.*did you mean 'decoder'"),
        (MINIMAL.replace("file =", "fil ="), "unknown key 'source.fil'.*did you mean 'file'"),
        (MINIMAL.replace('"file"', '"ftp"'), "source.kind must be one of embedded, file, hub, url"),
        (MINIMAL + 'size = "big"', "size must be int"),
        (MINIMAL + "seed = true", "seed must be int"),
        (MINIMAL + "name = 3", "not a valid card"),
        ('name = "x"', "has no 'network'"),
        ("no toml [", "not a valid card"),
        (MINIMAL + 'extends = "default"', "only installed cards may extend"),
    ],
)
def test_faulty_card(text: str, match: str) -> None:
    with pytest.raises(WeightsError, match=f"^x.toml: .*{match}") as caught:
        parse(text, origin="x.toml")
    assert caught.value.exit_code == 4


def test_extends_inherits_what_is_unsaid() -> None:
    base = MINIMAL + 'description = "d"\ntemperature = 0.4\nsize = 192\nscores = {auc = 1.0}\ndecoder = "annealed"\n'
    card = parse('name = "y"\nextends = "x"\ndecoder = "mrf"', origin="y.toml", base=lambda name: {"x": base}[name])
    assert (card.name, card.network, card.size, card.decoder) == ("y", "resnet-fusion", 192, "mrf")
    assert card.description == "" and card.scores == {}
    assert card.temperature is None  # it was tuned for another decoder


def test_every_field_can_be_read() -> None:
    from colorcli.weights.card import _TYPES

    assert set(_TYPES) == {field.name for field in dataclasses.fields(Card)}
