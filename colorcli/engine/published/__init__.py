"""The authors' own ways from photo to photo, one file each (colorcli.registry.PUBLISHED); ``--fit stretch`` takes them.

A network's ``INFO.pipeline`` names its own. They squash the picture to a square, enlarge colour by simple means and
clip what leaves sRGB, all of which colorcli's own way avoids; they are here so that a published result can be had
exactly as published, to compare with or to go on from.

Each module has

- ``prepare(pixels, side)``: pixels ``(H, W)`` or ``(H, W, 3)``, uint8 or uint16, to the lightness the network sees,
  ``(1, side, side)`` float32 in 0..100;
- ``answer(network, L)``: what the published network gives for L ``(B, 1, side, side)``: ab ``(B, 2, h, w)`` in Lab
  units, or RGB ``(B, 3, h, w)`` in 0..1;
- ``finish(pixels, answer, strength)``: the picture, ``(H, W, 3)`` of the dtype of ``pixels``.

The authors work on 8 bits. Here 16 bits are reduced to 8 on their way to the network, as a reader of theirs would do
it, and kept in the picture.
"""

from __future__ import annotations

from types import ModuleType

from colorcli.engine.options import ColorizeOptions
from colorcli.errors import UsageError
from colorcli.models._info import NetworkInfo
from colorcli.registry import PUBLISHED

#: Options that the published ways have no place for, and why.
_WITHOUT = {"upsampler": "enlarges in its own way", "contrast": "knows no contrast"}


def choose(fit: str, info: NetworkInfo, asked: ColorizeOptions) -> ModuleType | None:
    """Return the published pipeline if it is to be followed.

    Args:
        fit: one of `colorcli.engine.options.FITS`.
        info: of the network.
        asked: options.

    Raises:
        UsageError: it is to be followed, and something is asked for that it has no place for.
    """
    if fit != "stretch" or not info.pipeline:
        return None
    for option, why in _WITHOUT.items():
        if getattr(asked, option) is not None:
            raise UsageError(
                f"--fit stretch follows the published {info.pipeline} pipeline, which {why}",
                hint=f"leave out --{option}, or take --fit keep",
            )
    return PUBLISHED.load(info.pipeline)
