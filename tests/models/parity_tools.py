"""Proof that a network computes what it did, or what the published one does, without trained weights.

Weights come from a rule: a value depends only on its key and the tensor's shape (../shared/parity/README.md, whose
rule this is). The fixture ``published`` (conftest.py) compares with what the authors' code gave; ``frozen`` with what
ours gave when it was last proven so, from ``frozen/NAME.npz``. With FREEZE=1 in the environment a missing fixture is
written; an old one is never changed.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from math import prod, sqrt

import numpy as np
import torch
from torch import Tensor, nn

#: Largest difference over the standard deviation of what is expected, in float32 on a CPU.
TOLERANCE = 1e-4


def values(key: str, shape: tuple[int, ...]) -> np.ndarray:
    """The stand-in value of a tensor: rows of zero mean, so that the picture drives the output and not the biases."""
    rng = np.random.RandomState(zlib.crc32(key.encode()))
    leaf = key.rpartition(".")[2]
    if leaf == "running_var":
        return 0.5 + rng.random_sample(shape)
    noise = rng.standard_normal(shape)
    if len(shape) >= 2:
        noise -= noise.mean(axis=tuple(range(1, len(shape))), keepdims=True)
        return noise * sqrt((2.9 if len(shape) > 2 else 1.0) / prod(shape[1:]))
    return 0.6 * (1 + 0.1 * noise) if leaf == "weight" else 0.05 * noise


def fill(network: nn.Module, *, keep: tuple[str, ...] = ("prior",)) -> nn.Module:
    """Give a network its stand-in weights, all but those whose last name is in ``keep``; evaluation mode."""
    for key, tensor in network.state_dict().items():
        if key.rpartition(".")[2] not in keep:
            value = values(key, tuple(tensor.shape)) if tensor.is_floating_point() else 0
            tensor.copy_(torch.as_tensor(value))
    return network.eval().requires_grad_(False)


def picture(height: int, width: int, channels: int = 1) -> Tensor:
    """A picture of edges, ramps and grain, ``(1, channels, height, width)`` in 0..1."""
    rng = np.random.RandomState(7)
    y, x = np.mgrid[:height, :width] / 16
    stack = [0.5 + 0.3 * np.sin(x + c) * np.cos(y / (c + 1)) + 0.2 * (x + y > 5) for c in range(channels)]
    noisy = np.stack(stack) - 0.1 + 0.05 * rng.standard_normal((channels, height, width))
    return torch.from_numpy(noisy[None]).float().clamp(0, 1)


def assert_close(got: Tensor, expected: Tensor, what: str = "") -> None:
    assert got.shape == expected.shape, what
    assert expected.std() > 0, f"{what}: the reference is constant and proves nothing"
    error = float((got.detach() - expected).abs().max() / expected.std())
    assert error <= TOLERANCE, f"{what}: off by {error:.2e} standard deviations"


@dataclass(frozen=True)
class Published:
    """A published network: its state dict under the stand-in weights, and what its code gave with them."""

    state: dict[str, Tensor]
    arrays: dict[str, Tensor]

    def check(self, name: str, got: Tensor) -> None:
        """Compare with array ``name``; of activations inside the network the fixture keeps the first 8 channels."""
        expected = self.arrays[name]
        assert_close(got[:, : expected.shape[1]] if name.startswith("mid.") else got, expected, name)
