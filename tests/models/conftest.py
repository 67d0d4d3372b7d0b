"""Fixtures of parity_tools.py: what published code gave, and what ours gave when it was last proven equal."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from parity_tools import Published, assert_close
from torch import Tensor

FROZEN = Path(__file__).with_name("frozen")
#: Values of an array that a frozen fixture keeps.
KEPT = 256


@pytest.fixture(scope="session")
def published(shared: Path) -> Callable[[str], Published]:
    """Read ../shared/parity/NAME.{json,npz}; the test is skipped without the folder."""
    folder = shared / "parity"
    spec = importlib.util.spec_from_file_location("parity_fill", folder / "fill.py")
    assert spec is not None and spec.loader is not None
    rule = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rule)

    def read(name: str) -> Published:
        with np.load(folder / f"{name}.npz") as arrays:
            return Published(
                rule.load(folder / f"{name}.json"), {key: torch.from_numpy(arrays[key]) for key in arrays.files}
            )

    return read


@pytest.fixture(scope="session")
def frozen() -> Callable[..., None]:
    """``frozen(name, key=tensor, ...)``: compare 256 values of each tensor with those of ``frozen/NAME.npz``."""

    def check(name: str, **tensors: Tensor) -> None:
        samples = {}
        for key, tensor in tensors.items():
            flat = tensor.detach().flatten()
            samples[key] = flat[np.random.RandomState(0).permutation(flat.numel())[:KEPT]]
        path = FROZEN / f"{name}.npz"
        if os.environ.get("FREEZE") and not path.exists():
            np.savez_compressed(path, **{key: sample.numpy() for key, sample in samples.items()})
        with np.load(path) as stored:
            assert set(stored.files) == set(samples)
            for key, sample in samples.items():
                assert_close(sample, torch.from_numpy(stored[key]), f"{name}: {key}")

    return check
