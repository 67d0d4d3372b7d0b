"""Optimizers by the names that recipes give them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from colorcli.errors import UsageError
from colorcli.registry import near_miss
from colorcli.training.muon import Muon
from colorcli.training.recipe import Optimizer

_Groups = Sequence[dict[str, Any]]
#: Name -> constructor. Adam's and SGD's weight decay is the old one, added to the gradient, as in the papers that used
#: them; AdamW's acts on the weights alone (Loshchilov & Hutter 2019).
BUILD: dict[str, Callable[[_Groups, Optimizer], torch.optim.Optimizer]] = {
    "adamw": lambda groups, o: torch.optim.AdamW(groups, lr=o.lr, betas=o.betas, fused=True),
    "adam": lambda groups, o: torch.optim.Adam(groups, lr=o.lr, betas=o.betas, fused=True),
    "sgd": lambda groups, o: torch.optim.SGD(groups, lr=o.lr, momentum=o.momentum, fused=True),
    "muon": lambda groups, o: Muon(groups, lr=o.lr, betas=o.betas, momentum=o.momentum),
    "adadelta": lambda groups, o: torch.optim.Adadelta(groups, lr=o.lr),
}


def check(options: Optimizer) -> None:
    """Raise a UsageError for an optimizer that does not exist."""
    if options.name not in BUILD:
        raise UsageError(f"unknown optimizer {options.name!r}", hint=near_miss(options.name, BUILD))


def build(network: nn.Module, options: Optimizer) -> torch.optim.Optimizer:
    """Return the optimizer of a network's trained weights; frozen ones are left out.

    Raises:
        UsageError: there is no optimizer of that name.
    """
    check(options)
    trained = [weight for weight in network.parameters() if weight.requires_grad]
    matrices = [weight for weight in trained if weight.ndim >= 2]
    vectors = [weight for weight in trained if weight.ndim < 2]
    of_vectors = 0.0 if options.name in ("adamw", "muon") else options.weight_decay
    groups: list[dict[str, Any]] = [
        {"params": matrices, "weight_decay": options.weight_decay},
        {"params": vectors, "weight_decay": of_vectors},
    ]
    if options.name == "muon":
        # Where a network begins and ends, the sides of a matrix are pixels, bins or classes, not features alike.
        groups[0]["params"] = [*matrices[:1], *matrices[1:][-1:]]
        groups.insert(0, {"params": matrices[1:-1], "weight_decay": options.weight_decay, "muon": True})
    return BUILD[options.name](groups, options)


def restore(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load an optimizer's state; rates and decays stay those it was built with, so that ``--set`` may change them.

    Raises:
        ValueError: the state is of other weights.
    """
    now = [{key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, values in zip(optimizer.param_groups, now, strict=True):
        group.update(values)
