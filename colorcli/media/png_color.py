"""What a PNG without a profile says about its colours: gAMA and cHRM (PNG, third edition, 11.3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_SRGB_WHITE = (0.3127, 0.3290)
_SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_NEAR_GAMMA = 0.02  # share by which gAMA may differ from 1/2.2, which everyone writes and means sRGB by
_NEAR_PLACE = 0.005


def profile(info: Mapping[Any, Any]) -> bytes | None:
    """Make an RGB profile of what the chunks say.

    Args:
        info: Pillow's, of an opened PNG that has no iCCP chunk.

    Returns:
        A profile, or None where the colours are sRGB's, or nearly so, or nothing is said, or nothing sensible.
    """
    gamma = info.get("gamma")
    if "srgb" in info or not isinstance(gamma, float) or not 0.1 <= gamma <= 2:
        return None
    places = info.get("chromaticity")
    numbers = (*_SRGB_WHITE, *(value for place in _SRGB for value in place))
    if not (isinstance(places, tuple) and len(places) == 8 and all(0 < value < 1 for value in places)):
        places = numbers
    if all(abs(a - b) <= _NEAR_PLACE for a, b in zip(places, numbers, strict=True)):
        if abs(gamma * 2.2 - 1) <= _NEAR_GAMMA:
            return None
        places = numbers
    return _made(1 / gamma, places)


@lru_cache(maxsize=16)
def _made(gamma: float, numbers: tuple[float, ...]) -> bytes | None:
    import imagecodecs

    try:
        found = imagecodecs.cms_profile("rgb", whitepoint=numbers[:2], primaries=numbers[2:], gamma=gamma)
    except (RuntimeError, ValueError):  # primaries on one line, or the like
        return None
    # The header's date would make equal pictures into different files.
    return found[:24] + bytes((7, 232, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0)) + found[36:]
