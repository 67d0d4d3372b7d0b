"""Trying again what a network failed to do, a few times and with pauses."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
#: Seconds between attempts: one more attempt than there are pauses.
PAUSES = (1.0, 3.0, 8.0)
#: Answers of a server that may be different the next time.
TRANSIENT = (408, 425, 429, 500, 502, 503, 504)


def patiently(act: Callable[[], T], reason: Callable[[Exception], str | None], say: Callable[[str], None]) -> T:
    """Return what ``act()`` returns, with further attempts where it fails for a passing reason.

    Args:
        act: what to do; raises the last attempt's error.
        reason: gives an error in words if the next attempt may fare better, else None.
        say: is told of each failure and of the pause that follows.
    """
    for pause in PAUSES:
        try:
            return act()
        except Exception as error:
            why = reason(error)
            if why is None:
                raise
            say(f"{why}; trying again in {pause:g} s")
        time.sleep(pause)
    return act()
