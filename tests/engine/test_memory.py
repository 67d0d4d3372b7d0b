from __future__ import annotations

import threading
import time

import pytest
import torch

from colorcli.engine.memory import Budget, is_out_of_memory


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("x"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"), True),
        (ValueError("a shape does not fit"), False),
        (KeyboardInterrupt("out of memory"), False),
    ],
)
def test_signs(error: BaseException, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def test_torch_says_it_on_the_cpu() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


def never() -> bool:
    return False


def enters(budget: Budget, stopped: threading.Event | None = None) -> tuple[threading.Thread, list[bool]]:
    said: list[bool] = []
    check = stopped.is_set if stopped else never
    thread = threading.Thread(target=lambda: said.append(budget.enter(check)), daemon=True)
    thread.start()
    return thread, said


def test_count_is_bounded() -> None:
    budget = Budget(2, 100)
    assert budget.enter(never) and budget.enter(never)
    thread, said = enters(budget)
    time.sleep(0.02)
    assert not said
    budget.leave(0)
    thread.join(5)
    assert said == [True]


def test_megapixels_are_bounded() -> None:
    budget = Budget(10, 100)
    budget.enter(never)
    budget.weigh(150)
    thread, said = enters(budget)
    time.sleep(0.02)
    assert not said
    budget.leave(150)
    thread.join(5)
    assert said == [True]


def test_waiting_ends_when_stopped() -> None:
    budget, stopped = Budget(1, 1), threading.Event()
    budget.enter(never)
    thread, said = enters(budget, stopped)
    stopped.set()
    budget.wake()
    thread.join(5)
    assert said == [False]


@pytest.mark.parametrize("limits", [(0, 1), (1, 0)])
def test_limits_must_be_positive(limits: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        Budget(*limits)
