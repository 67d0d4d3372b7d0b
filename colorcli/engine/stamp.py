"""What made a photo's colours, as its metadata tell it."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from importlib.metadata import version

from colorcli.engine import settings as deciding
from colorcli.engine.colorizer import Colorizer
from colorcli.engine.options import RunOptions
from colorcli.engine.prepared import Prepared
from colorcli.media import provenance
from colorcli.media.photo import Photo

_ABOUT_PIXELS = (
    "size", "fit", "strength", "contrast", "temperature", "decoder", "form", "upsampler", "seed", "palette", "tta",
)  # fmt: skip


class Stamp:
    """Writes into photos what made them.

    Args:
        colorizer: that did.
        options: how photos are written.
    """

    def __init__(self, colorizer: Colorizer, options: RunOptions) -> None:
        self._colorizer, self._options = colorizer, options

    def __call__(self, colored: Photo, prepared: Prepared, **more: str | int | float | None) -> Photo:
        """Return a coloured photo with its provenance, or as it is where none is asked for.

        Args:
            colored: the photo.
            prepared: what the network saw of it.
            more: settings that are this photo's alone.
        """
        if not self._options.provenance:
            return colored
        stamp = dataclasses.replace(self._stamp, settings={**self._stamp.settings, "size": prepared.size, **more})
        height, width = colored.pixels.shape[:2]
        return dataclasses.replace(
            colored, metadata=provenance.stamped(colored.metadata, stamp, width=width, height=height)
        )

    @cached_property
    def _stamp(self) -> provenance.Provenance:
        colorizer = self._colorizer
        found = deciding.settings(colorizer.options, self._options, colorizer.model.card)
        settings = {**found, "decoder": colorizer.decoder}
        return provenance.Provenance(
            tool=f"colorcli {version('colorcli')}",
            model=colorizer.model.card.name,
            weights_sha256=colorizer.weights_sha256,
            settings={name: settings[name] for name in _ABOUT_PIXELS},
        )
