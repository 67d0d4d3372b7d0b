"""Prediction that gives ground step by step when memory runs out, and says so.

A batch is halved until single photos are left; a photo's working size is halved down to a floor; then it goes to the
CPU, at full size again. What was given up is recorded with each photo. What cannot be predicted at all is an error:
a photo never passes for done without its colours.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property

from colorcli.engine.batching import Item
from colorcli.engine.colorizer import Colorizer
from colorcli.engine.memory import is_out_of_memory, release
from colorcli.errors import DeviceError

#: Below this working size colours are no longer worth having.
FLOOR = 64


class Ladder:
    """Runs a colorizer's network on items.

    Args:
        colorizer: what predicts.
        batch: most photos at once.

    Attributes:
        batch: most photos at once from now on: what has been too much once is not tried again.
    """

    def __init__(self, colorizer: Colorizer, batch: int) -> None:
        self._colorizer = colorizer
        self.batch = batch

    @cached_property
    def _on_cpu(self) -> Colorizer:
        return self._colorizer.to("cpu")

    def predict(self, items: Sequence[Item]) -> None:
        """Give each item its ``ab`` or its ``error``. Their padded sizes are equal."""
        start = time.perf_counter()
        for first in range(0, len(items), self.batch):
            self._predict(items[first : first + self.batch])
        share = (time.perf_counter() - start) / len(items)
        for item in items:
            item.seconds += share

    def _predict(self, items: Sequence[Item]) -> None:
        error = self._try(self._colorizer, items)
        if error is None:
            return
        if len(items) == 1:
            self._retry(items[0], error)
            return
        part = 1  # after any other error each photo answers for itself
        if is_out_of_memory(error):
            part = self.batch = (len(items) + 1) // 2
            for item in items:
                item.downgrades += (f"batch {part}",)
        for first in range(0, len(items), part):
            self._predict(items[first : first + part])

    def _retry(self, item: Item, error: Exception) -> None:
        """Climb down with a single photo: smaller, then on the CPU, then smaller there."""
        last: Exception | None = error
        if not is_out_of_memory(error):
            item.error = error
            return
        last = self._shrink(self._colorizer, item)
        if last is not None and self._colorizer.device.type != "cpu":
            item.downgrades += ("cpu",)
            last = self._attempt(self._on_cpu, item, self._colorizer.size)
            if last is not None and is_out_of_memory(last):
                last = self._shrink(self._on_cpu, item)
        if last is not None:
            item.error = self._give_up(item, last)

    def _shrink(self, colorizer: Colorizer, item: Item) -> Exception | None:
        """Halve the working size until it works; return the last error if it never does."""
        size = colorizer.size
        error: Exception | None = MemoryError("there is no smaller size to try")
        while error is not None and is_out_of_memory(error) and size // 2 >= max(FLOOR, colorizer.info.minimum):
            size //= 2
            item.downgrades += (f"size {size}",)
            error = self._attempt(colorizer, item, size)
        return error

    def _attempt(self, colorizer: Colorizer, item: Item, size: int) -> Exception | None:
        if item.photo is None:
            raise ValueError(f"{item.job.source} has no pixels any more")
        item.prepared = colorizer.prepare(item.photo, size=size, hints=item.hints)
        return self._try(colorizer, [item])

    @staticmethod
    def _try(colorizer: Colorizer, items: Sequence[Item]) -> Exception | None:
        """Predict, or return what was raised, with the memory it held given back."""
        try:
            found = colorizer.predict_all([item.prepared for item in items if item.prepared is not None])
        except Exception as error:  # noqa: BLE001  one bad photo must not stop the rest
            if not is_out_of_memory(error):
                return error
            problem = error.with_traceback(None)  # whose frames would keep the tensors alive
        else:
            for item, made in zip(items, found, strict=True):
                item.ab, item.uncertainty = made.ab, made.uncertainty
                item.device, item.precision = str(colorizer.device), colorizer.precision
            return None
        release()
        return problem

    @staticmethod
    def _give_up(item: Item, error: Exception) -> Exception:
        if not is_out_of_memory(error):
            return error
        tried = ", ".join(item.downgrades) or "nothing smaller to try"
        return DeviceError(
            f"{item.job.source}: not enough memory for the network (tried: {tried})",
            hint="close other programs, or use --device cpu with a smaller --size",
        )
