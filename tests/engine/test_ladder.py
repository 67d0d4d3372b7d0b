from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from colorcli.engine.batching import Batches, Item
from colorcli.engine.colorizer import ColorizeOptions, Colorizer
from colorcli.engine.ladder import FLOOR, Ladder
from colorcli.engine.plan import Job
from colorcli.engine.prepared import Prediction, Prepared
from colorcli.media.photo import Photo

OOM = "CUDA out of memory. Tried to allocate 2.00 GiB"


class Hungry(Colorizer):
    """Runs out of memory as ``refuses(batch, size, device)`` says, and notes what it was asked."""

    refuses: Callable[[int, int, str], bool]
    error: Exception = RuntimeError(OOM)

    def predict_all(self, batch: Sequence[Prepared]) -> list[Prediction]:
        if self.refuses(len(batch), batch[0].size, self.device.type):
            raise self.error
        return super().predict_all(batch)

    def to(self, device: str) -> Hungry:
        moved = Hungry(ColorizeOptions(model=self.options.model, size=self.options.size, device=device))
        moved.refuses, moved.error = self.refuses, self.error
        return moved


@pytest.fixture
def hungry(model: str) -> Callable[..., Hungry]:
    def make(refuses: Callable[[int, int, str], bool], *, gpu: bool = False) -> Hungry:
        color = Hungry(ColorizeOptions(model=model, size=4 * FLOOR))
        color.refuses = refuses
        if gpu:  # a device that is not the CPU, as far as the ladder can see; prediction refuses before using it
            color.device = torch.device("meta")
        return color

    return make


def item_of(color: Colorizer, pixels: np.ndarray, name: str) -> Item:
    photo = Photo(pixels, source=name)
    return Item(Job(Path(name), Path(f"out/{name}")), photo, color.prepare(photo))


def items(color: Colorizer, count: int) -> list[Item]:
    found = []
    for i in range(count):
        pixels = np.full((40, 40), 10 * i, np.uint8)
        found.append(item_of(color, pixels, f"{i}.png"))
    return found


def test_enough_memory_gives_up_nothing(hungry: Callable[..., Hungry]) -> None:
    color = hungry(lambda batch, size, device: False)
    batch = items(color, 3)
    Ladder(color, 2).predict(batch)
    assert all(item.ab is not None and item.downgrades == () and item.device == "cpu" for item in batch)
    assert all(item.seconds > 0 for item in batch)


def test_the_batch_is_halved_and_stays_so(hungry: Callable[..., Hungry]) -> None:
    color = hungry(lambda batch, size, device: batch > 2)
    ladder, batch = Ladder(color, 8), items(color, 8)
    ladder.predict(batch)
    assert ladder.batch == 2
    assert all(item.downgrades[0] == "batch 4" and item.downgrades[-1] == "batch 2" for item in batch)
    assert all(item.ab is not None and item.error is None for item in batch)
    again = items(color, 3)
    ladder.predict(again)
    assert all(item.downgrades == () for item in again)


def test_then_the_size(hungry: Callable[..., Hungry]) -> None:
    color = hungry(lambda batch, size, device: size > FLOOR)
    (item,) = batch = items(color, 1)
    Ladder(color, 1).predict(batch)
    assert item.downgrades == (f"size {2 * FLOOR}", f"size {FLOOR}")
    assert item.ab is not None and item.prepared is not None
    assert item.prepared.size == FLOOR
    assert item.error is None


def test_then_the_cpu_at_full_size(hungry: Callable[..., Hungry]) -> None:
    color = hungry(lambda batch, size, device: device != "cpu", gpu=True)
    (item,) = batch = items(color, 1)
    Ladder(color, 1).predict(batch)
    assert item.downgrades == (f"size {2 * FLOOR}", f"size {FLOOR}", "cpu")
    assert item.prepared is not None and item.prepared.size == 4 * FLOOR
    assert (item.device, item.precision, item.error) == ("cpu", "fp32", None)


def test_in_the_end_it_is_a_failure(hungry: Callable[..., Hungry]) -> None:
    color = hungry(lambda batch, size, device: True, gpu=True)
    (item,) = batch = items(color, 1)
    Ladder(color, 1).predict(batch)
    assert item.ab is None
    assert item.over
    assert "not enough memory" in str(item.error) and "cpu" in str(item.error)
    assert getattr(item.error, "exit_code", None) == 6


def test_other_errors_stay_with_their_photo(hungry: Callable[..., Hungry]) -> None:
    color = hungry(lambda batch, size, device: False)
    batch = items(color, 4)
    bad = batch[2].prepared
    original = color.predict_all

    def predict_all(found: Sequence[Prepared]) -> list[Prediction]:
        if any(item is bad for item in found):
            raise RuntimeError("this one")
        return original(found)

    color.predict_all = predict_all  # type: ignore[method-assign]
    ladder = Ladder(color, 4)
    ladder.predict(batch)
    assert [item.error is None for item in batch] == [True, True, False, True]
    assert [item.ab is not None for item in batch] == [True, True, False, True]
    assert ladder.batch == 4


def test_batches_are_of_one_size(hungry: Callable[..., Hungry]) -> None:
    color = hungry(lambda batch, size, device: False)
    batches, square = Batches(), items(color, 5)
    wide = item_of(color, np.zeros((20, 90), np.uint8), "wide.png")
    for item in (square[0], wide, *square[1:]):
        batches.add(item)
    assert batches.take(8, partial=False) == []
    assert batches.take(4, partial=False) == square[:4]
    assert batches.take(4, partial=True) == square[4:]
    assert batches.take(4, partial=True) == [wide]
    assert not batches and batches.take(4, partial=True) == []
