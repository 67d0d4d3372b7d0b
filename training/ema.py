"""Exponential moving average of a network's weights: what is validated and exported."""

from __future__ import annotations

import copy

import torch
from torch import nn


class EMA:
    """Keeps ``average``, a copy of the network that follows it slowly.

    The decay warms up as (1 + n) / (10 + n) so that the first thousand steps do not average over noise.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.average = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move the average towards ``network``; buffers (batch statistics) follow like weights, counters are copied."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        here, there = [], []
        for mine, new in zip(self.average.state_dict().values(), network.state_dict().values(), strict=True):
            if mine.is_floating_point():
                here.append(mine)
                there.append(new)
            else:
                mine.copy_(new)
        torch._foreach_lerp_(here, there, 1 - decay)
