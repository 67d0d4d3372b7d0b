"""Running out of memory: how it shows, and how much a folder run may hold at once."""

from __future__ import annotations

import threading
from collections.abc import Callable

import torch

#: What the messages of allocation failures have in common: torch on CPU, CUDA libraries and MPS, OpenCV.
_SIGNS = ("out of memory", "not enough memory", "insufficient memory", "allocate memory", "alloc_failed")


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an exception means that an allocation failed, on any device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    # Elsewhere it has no type of its own: RuntimeError on CPU and MPS, cv2.error in OpenCV.
    return isinstance(error, Exception) and any(sign in str(error).lower() for sign in _SIGNS)


def release() -> None:
    """Give cached device memory back, so that the next, smaller attempt finds it in one piece."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


class Budget:
    """Bounds what is in flight: a number of photos, and their megapixels together.

    A photo's megapixels are known only once it is decoded. So readers wait with :meth:`enter` until there is room for
    a photo of any size, then :meth:`weigh` it; what is in flight exceeds the limit by at most one photo per reader.

    Args:
        photos: most photos in flight.
        megapixels: while this much is in flight, no further photo enters.
    """

    def __init__(self, photos: int, megapixels: float) -> None:
        if photos < 1 or megapixels <= 0:
            raise ValueError(f"limits must be positive, got {photos} photos and {megapixels} megapixels")
        self._limits = photos, megapixels
        self._photos, self._megapixels = 0, 0.0
        self._change = threading.Condition()

    def enter(self, stopped: Callable[[], bool]) -> bool:
        """Wait for room and take a photo's place; False if ``stopped`` became true first (see :meth:`wake`)."""
        with self._change:
            self._change.wait_for(lambda: stopped() or self._has_room())
            if stopped():
                return False
            self._photos += 1
            return True

    def weigh(self, megapixels: float) -> None:
        """Add what a photo that has entered turned out to weigh."""
        with self._change:
            self._megapixels += megapixels

    def leave(self, megapixels: float) -> None:
        """Give back a photo's place and its weight (0 if it was never weighed)."""
        with self._change:
            self._photos -= 1
            self._megapixels -= megapixels
            self._change.notify_all()

    def wake(self) -> None:
        """Make those who wait look again whether they were stopped."""
        with self._change:
            self._change.notify_all()

    def _has_room(self) -> bool:
        return self._photos < self._limits[0] and self._megapixels < self._limits[1]
