"""Telling an architecture and its sizes from the shapes of a state dict, never from a file's name.

Every network's module has ``detect(shapes)``, which returns the keyword arguments of ``build`` that make a network
with these shapes, or None where they are another architecture's. It may take a state for its own that is not quite
(loading it strictly will tell), but must never refuse one that is. What leaves no trace in the shapes, as a dropout,
keeps its default.
"""

from __future__ import annotations

from collections.abc import Mapping

#: Name of a tensor -> its shape.
Shapes = Mapping[str, tuple[int, ...]]


def count(shapes: Shapes, prefix: str) -> int:
    """Return how many numbered parts there are below ``prefix``: 3 for ``prefix0.x``, ``prefix1.x``, ``prefix2.x``."""
    return len({key[len(prefix) :].partition(".")[0] for key in shapes if key.startswith(prefix)})


def channels(shapes: Shapes, key: str) -> int:
    """Return the first side of a tensor, 0 if there is none of this name, or it has no sides."""
    return (shapes.get(key) or (0,))[0]
