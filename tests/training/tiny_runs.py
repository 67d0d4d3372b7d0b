"""Runs small enough for tests, in this process or in one of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from colorcli.training import recipe

#: What every tiny run has in common: 12 steps on 4 pictures of 32 pixels. Losses and optimizer are the simplest for
#: distributions, whatever the default recipe has by now.
SIZES = (
    "losses=[{ name = 'soft-cross-entropy' }, { name = 'expectation', weight = 0.02 }]", "optimizer.name='adamw'",
    "optimizer.lr=1.5e-3",
    "optimizer.steps=12", "optimizer.warmup=2", "data.batch=4", "data.side=64", "data.sizes=[[0.0, 32]]",
    "validation.every=6", "validation.pictures=2", "validation.crop=64", "validation.size=64", "checkpoint=3",
)  # fmt: skip
NETWORK = "network.sizes={ width = 8, blocks = 1, bottom = 4 }"
#: A network without batch norm, so that shares and parts of a batch give the gradient of the whole; ab, frozen encoder.
PLAIN = (
    "network={ name = 'vgg16-autoencoder', sizes = { vgg = 2, width = 2 } }", "losses=[{ name = 'mse' }]",
    "optimizer.lr=1e-2",
)  # fmt: skip


def tiny(*settings: str) -> recipe.Recipe:
    """The default recipe's network, as small as it goes."""
    return recipe.load("default", [NETWORK, *SIZES, *settings])


def plain(*settings: str) -> recipe.Recipe:
    """A recipe without batch norm."""
    return recipe.load("default", [*SIZES, *PLAIN, *settings])


def equal(a: Any, b: Any) -> bool:
    """Whether two checkpoints are the same to the last bit."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    return bool(a == b)


def rows(folder: Path, key: str = "step") -> list[dict[str, Any]]:
    """The lines of a run's log that hold ``key``."""
    lines = (json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines())
    return [row for row in lines if key in row]


def python(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python on one thread, with the environment of the tests."""
    ours = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore", **environment}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, env=ours, capture_output=True, text=True, timeout=300, check=False)
