"""colorcli: plausible colour for black-and-white photographs, in bulk.

    >>> from colorcli import Colorizer, ColorizeOptions            # doctest: +SKIP
    >>> from colorcli.media import photo                            # doctest: +SKIP
    >>> color = Colorizer(ColorizeOptions(model="default"))         # doctest: +SKIP
    >>> photo.write(color(photo.read("old.jpg")), "new.jpg")        # doctest: +SKIP

Importing the package costs nothing: the names below are loaded when they are used, and only then is torch.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from colorcli.engine.colorizer import ColorizeOptions, Colorizer

__version__ = version("colorcli")
__all__ = ["ColorizeOptions", "Colorizer", "__version__"]

_LAZY = {"Colorizer": "colorcli.engine.colorizer", "ColorizeOptions": "colorcli.engine.colorizer"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
