"""From what ``--model`` says to a card and the file its weights lie in; importing torch only for unknown weights.

What names a model: an installed card (``default``); a folder that a training run wrote (``card.toml`` beside
``model.safetensors``); a ``.safetensors`` file with the card in its header; a file of weights without a card,
safetensors or one of torch's pickles, which is recognized (:mod:`colorcli.weights.recognize`); and
``hf:owner/name@revision:file``, a file on the Hugging Face Hub. Nothing here goes on the network: what has to be
downloaded is found once ``colorcli weights pull`` has put it into the cache.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from safetensors import SafetensorError, safe_open

from colorcli.errors import UsageError, WeightsError
from colorcli.registry import near_miss
from colorcli.weights import cache
from colorcli.weights.card import HUB, Card, hub_source, parse

_HOME = Path(__file__).parent
#: Key of the card's TOML text in a safetensors header.
HEADER_KEY = "card"
#: Names of the two files of a run folder.
RUN_CARD, RUN_WEIGHTS = "card.toml", "model.safetensors"
#: Endings of torch's pickles.
PICKLES = (".pth", ".pt", ".bin", ".tar", ".ckpt")


@dataclass(frozen=True)
class Model:
    """A card and where its weights lie.

    Attributes:
        card: the card.
        file: the safetensors file; not yet read, nor even known to exist. None if it was not downloaded yet.
        published: SHA-256 of the published file that ``file`` was made from; "" if it is the model's own.
    """

    card: Card
    file: Path | None
    published: str = ""

    @property
    def weights(self) -> Path:
        """The safetensors file.

        Raises:
            WeightsError: it was not downloaded yet.
        """
        if self.file is None:
            raise WeightsError(
                f"model {self.card.name!r}: its weights are not here yet",
                hint=f"colorcli weights pull {self.card.name}",
            )
        return self.file

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the weights as they were published, in hex. Read once (a 20 MB file takes about 20 ms).

        Raises:
            WeightsError: the file cannot be read, or was not downloaded yet.
        """
        if self.published:
            return self.published
        try:
            return cache.sha256_of(self.weights)
        except OSError as error:
            raise unreadable(self, error) from error


def names() -> list[str]:
    """Return the names of the installed cards, sorted."""
    return sorted(path.stem for path in (_HOME / "cards").glob("*.toml"))


def resolve(model: str | Path) -> Model:
    """Find the card that ``model`` names.

    Args:
        model: name of an installed card, run folder, card file (``.toml``), file of weights, or ``hf:owner/name``
            with ``@revision`` or ``:file`` or both. Installed names come first; write ``./default`` for a folder of
            that name.

    Returns:
        The model. One to be downloaded has no file before it was pulled.

    Raises:
        UsageError: nothing has that name (with a near miss).
        WeightsError: the card is faulty; a file without a card is damaged or fits no network; a file of the Hub was
            not downloaded yet.
    """
    text = str(model)
    if text in names():
        return _installed(text)
    if text.startswith(HUB):
        found = downloaded(Card(name=text, network="", source=hub_source(text)))
        found.weights  # noqa: B018  raises
        return found
    path = Path(text)
    if path.is_dir():
        return _beside(path / RUN_CARD)
    if path.is_file():
        if path.suffix == ".toml":
            return _beside(path)
        return _bare(path) if path.suffix.lower() in PICKLES else _inside(path)
    if "/" in text or path.suffix in (".safetensors", ".toml", *PICKLES):
        raise UsageError(f"no model at {text!r}: there is no such file or folder", hint=near_miss(path.name, names()))
    raise UsageError(f"unknown model {text!r}", hint=near_miss(text, names()))


def _card_text(name: str) -> str:
    path = _HOME / "cards" / f"{name}.toml"
    if not path.is_file():
        raise WeightsError(f"a card extends {name!r}, which is not installed", hint=near_miss(name, names()))
    return path.read_text(encoding="utf-8")


def _installed(name: str) -> Model:
    card = parse(_card_text(name), origin=f"{name}.toml", base=_card_text)
    return _locate(card, _HOME / "cards")


def _beside(path: Path) -> Model:
    """Return the model of a card file; weights of kind ``file`` are relative to it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WeightsError(
            f"{path.parent}: no readable {path.name}", hint=f"a model folder holds {RUN_CARD} and {RUN_WEIGHTS}"
        ) from error
    card = parse(text, origin=str(path))
    return _locate(card, path.parent)


def _inside(path: Path) -> Model:
    """Return the model of a safetensors file, by the card that it carries if it has one."""
    text = card_text(path)
    return _bare(path) if text is None else Model(parse(text, origin=str(path)), path)


def card_text(path: Path) -> str | None:
    """Return the card in a safetensors file's header, None if there is none.

    Raises:
        WeightsError: it is no such file.
    """
    try:
        with safe_open(path, framework="np") as file:
            return (file.metadata() or {}).get(HEADER_KEY)
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{path}: not a safetensors file, or damaged: {error}", hint="copy or download it again"
        ) from error


def named_after(path: Path) -> str:
    """Return the name of a model that has none but its file's."""
    return path.name.removesuffix(".tar").removesuffix(path.suffix) or path.name


def _bare(path: Path) -> Model:
    """Return the model of a file without a card."""
    from colorcli.weights import recognize

    sha256 = recognize.sha256_of(path)
    found = _inside(recognize.convert(path, sha256=sha256))
    return Model(dataclasses.replace(found.card, name=named_after(path)), found.file, sha256)


def _locate(card: Card, folder: Path) -> Model:
    if card.source.remote:
        return downloaded(card)
    return Model(card, (_HOME if card.source.kind == "embedded" else folder) / card.source.file)


def downloaded(card: Card) -> Model:
    """Return the model of a card whose weights come from elsewhere, with their file if it is in the cache.

    Args:
        card: without a network, if none is known: that of the file is taken then, under this one's name.
    """
    pin = cache.pin(card.source)
    sha256 = pin.sha256 if pin is not None else (card.sha256 or "").lower()
    file = cache.converted(sha256) if sha256 else None
    published = sha256
    if file is None or not file.is_file():
        original = pin.file if pin is not None else None
        mine = original is not None and original.suffix == ".safetensors" and readable_card(original) is not None
        file, published = (original, "") if mine else (None, "")
        if mine and pin is not None:
            card = dataclasses.replace(card, sha256=pin.sha256)
    text = readable_card(file) if not card.network and file is not None else None
    if not card.network and text is None:
        file = None  # damaged: to be made anew
    if text is not None:
        licence = pin.licence if pin is not None else ""
        made = parse(text, origin=str(file))
        card = dataclasses.replace(
            made, name=card.name, source=card.source, sha256=card.sha256, licence=made.licence or licence
        )
    return Model(card, file, published)


def readable_card(path: Path) -> str | None:
    """Return the card in a safetensors file's header, None if there is none or the file is damaged."""
    try:
        return card_text(path)
    except WeightsError:
        return None


def unreadable(model: Model, error: OSError) -> WeightsError:
    """Return the error for weights that cannot be read, with the next step."""
    where = "reinstall colorcli" if model.card.source.kind == "embedded" else "check the path and its permissions"
    reason = error.strerror or str(error)
    return WeightsError(f"model {model.card.name!r}: cannot read {model.weights}: {reason}", hint=where)
