"""From what ``--model`` says to a card and the file its weights lie in, without importing torch.

Three things name a model: an installed card (``default``), a folder that a training run wrote (``card.toml`` beside
``model.safetensors``), and a single ``.safetensors`` file with the card in its header.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from safetensors import SafetensorError, safe_open

from colorcli.errors import UsageError, WeightsError
from colorcli.registry import near_miss
from colorcli.weights.card import Card, parse

_HOME = Path(__file__).parent
#: Key of the card's TOML text in a safetensors header.
HEADER_KEY = "card"
#: Names of the two files of a run folder.
RUN_CARD, RUN_WEIGHTS = "card.toml", "model.safetensors"


@dataclass(frozen=True)
class Model:
    """A card and where its weights lie.

    Attributes:
        card: the card.
        weights: the safetensors file; not yet read, nor even known to exist.
    """

    card: Card
    weights: Path

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the weights file, in hex. Read once (a 20 MB file takes about 20 ms).

        Raises:
            WeightsError: the file cannot be read.
        """
        try:
            with self.weights.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise unreadable(self, error) from error


def names() -> list[str]:
    """Return the names of the installed cards, sorted."""
    return sorted(path.stem for path in (_HOME / "cards").glob("*.toml"))


def resolve(model: str | Path) -> Model:
    """Find the card that ``model`` names.

    Args:
        model: name of an installed card, run folder, card file (``.toml``) or ``.safetensors`` file with a card in
            it. Installed names come first; write ``./default`` for a folder of that name.

    Raises:
        UsageError: nothing has that name (with a near miss).
        WeightsError: the card is faulty, or the file has none.
    """
    text = str(model)
    if text in names():
        return Model(*_installed(text))
    path = Path(text)
    if path.is_dir():
        return _beside(path / RUN_CARD)
    if path.is_file():
        return _beside(path) if path.suffix == ".toml" else _inside(path)
    if "/" in text or path.suffix in (".safetensors", ".toml"):
        raise UsageError(f"no model at {text!r}: there is no such file or folder", hint=near_miss(path.name, names()))
    raise UsageError(f"unknown model {text!r}", hint=near_miss(text, names()))


def _card_text(name: str) -> str:
    path = _HOME / "cards" / f"{name}.toml"
    if not path.is_file():
        raise WeightsError(f"a card extends {name!r}, which is not installed", hint=near_miss(name, names()))
    return path.read_text(encoding="utf-8")


def _installed(name: str) -> tuple[Card, Path]:
    card = parse(_card_text(name), origin=f"{name}.toml", base=_card_text)
    return card, _locate(card, _HOME / "cards")


def _beside(path: Path) -> Model:
    """Return the model of a card file; weights of kind ``file`` are relative to it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WeightsError(
            f"{path.parent}: no readable {path.name}", hint=f"a model folder holds {RUN_CARD} and {RUN_WEIGHTS}"
        ) from error
    card = parse(text, origin=str(path))
    return Model(card, _locate(card, path.parent))


def _inside(path: Path) -> Model:
    """Return the model of a safetensors file that carries its card."""
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{path}: not a safetensors file, or damaged: {error}", hint="copy or download it again"
        ) from error
    if HEADER_KEY not in metadata:
        raise WeightsError(
            f"{path}: the file has no model card in its header",
            hint=f"put a {RUN_CARD} beside it and name the folder instead",
        )
    return Model(parse(metadata[HEADER_KEY], origin=str(path)), path)


def _locate(card: Card, folder: Path) -> Path:
    return (_HOME if card.source.kind == "embedded" else folder) / card.source.file


def unreadable(model: Model, error: OSError) -> WeightsError:
    """Return the error for weights that cannot be read, with the next step."""
    where = "reinstall colorcli" if model.card.source.kind == "embedded" else "check the path and its permissions"
    reason = error.strerror or str(error)
    return WeightsError(f"model {model.card.name!r}: cannot read {model.weights}: {reason}", hint=where)
