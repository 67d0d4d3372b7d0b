"""Everything that decides how a photo comes out, in a form that can be written down and compared.

Two runs whose settings and weights are equal give equal pixels, up to the last bits that another device may round
differently; so what one has done the other need not do again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from colorcli.engine.options import ColorizeOptions, RunOptions
from colorcli.errors import UsageError
from colorcli.media._messages import from_os_error

if TYPE_CHECKING:
    from colorcli.weights.card import Card

#: To be raised with every change of the program that changes its results.
RESULT_VERSION = 1

#: Decoder for distributions when neither the options nor the card name one.
DECODER = "annealed"
#: Decoder of photos with hints when the options name none: it lets hints spread.
HINTED_DECODER = "mrf"

Settings = dict[str, str | int | float | None]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What is asked for, and the card's value where nothing is.

    Attributes:
        size: as in `ColorizeOptions`, here as below.
        fit: as there.
        strength: as there.
        contrast: as there.
        upsampler: as there.
        decoder: as there; None leaves it to the network's output.
        temperature: as there; None is the decoder's own.
        form: as there.
    """

    size: int
    fit: str
    strength: float
    contrast: float
    upsampler: str
    decoder: str | None
    temperature: float | None
    form: str


def choose(asked: ColorizeOptions, card: Card) -> Choice:
    """Fill in the card's values where nothing else is asked for.

    Raises:
        UsageError: a render factor for another network than DeOldify's.
    """
    decoder = asked.decoder or card.decoder
    # The card's temperature was chosen for the card's decoder; another has its own default.
    tuned = card.temperature if (decoder or DECODER) == (card.decoder or DECODER) else None
    return Choice(
        size=_size(asked, card),
        fit=asked.fit or card.fit,
        strength=card.strength if asked.strength is None else asked.strength,
        contrast=card.contrast if asked.contrast is None else asked.contrast,
        upsampler=asked.upsampler or card.upsampler,
        decoder=decoder,
        temperature=tuned if asked.temperature is None else asked.temperature,
        form=asked.form or card.form,
    )


def _size(asked: ColorizeOptions, card: Card) -> int:
    if asked.render_factor is None:
        return card.size if asked.size is None else asked.size
    if card.network != "deoldify":
        raise UsageError(f"model {card.name!r} is no DeOldify: it has no render factor", hint="give a --size instead")
    return 16 * asked.render_factor


def settings(asked: ColorizeOptions, how: RunOptions, card: Card) -> Settings:
    """Return what decides a result, the card's values filled in; not the device, nor anything about speed.

    Args:
        asked: how photos are colorized.
        how: how they are written.
        card: of the model.

    Raises:
        MediaError: the palette cannot be read.
    """
    choice = choose(asked, card)
    return {
        "version": RESULT_VERSION,
        "model": card.name,
        "network": card.network,
        "precision": asked.precision,
        "size": choice.size,
        "fit": choice.fit,
        "strength": choice.strength,
        "contrast": choice.contrast,
        "temperature": choice.temperature,
        "decoder": choice.decoder,
        "form": choice.form,
        "rebalance": card.rebalance,
        "upsampler": choice.upsampler,
        "seed": asked.seed,
        "palette": _palette(asked),
        "tta": int(asked.tta),
        "quality": how.quality,
        "profile": how.profile,
        "provenance": int(how.provenance),
        "keep_times": int(how.keep_times),
        "on_color": how.on_color,
    }


def key(settings: Settings, weights_sha256: str) -> str:
    """Return a hash of settings and weights, the same for all that give the same results.

    What is done with photos that are in colour already is left out: it decides nothing about the others.
    """
    decisive = {name: value for name, value in settings.items() if name != "on_color"}
    text = json.dumps([decisive, weights_sha256], sort_keys=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]


def _palette(asked: ColorizeOptions) -> str | None:
    if asked.palette is None:
        return None
    try:
        with asked.palette.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise from_os_error(error, asked.palette) from error
