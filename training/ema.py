"""Exponential moving average of a network's weights: what is validated and exported."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

_Pairs = tuple[list[Tensor], list[Tensor], list[tuple[Tensor, Tensor]]]


class EMA:
    """Keeps ``average``, a copy of the network that follows it slowly.

    The decay warms up as (1 + n) / (10 + n) so that the first thousand steps do not average over noise.

    Args:
        network: to be followed. Its tensors may change their values, but must stay the same tensors.
        decay: share of the average that stays in a step; 0 is a copy of the network.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.average = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay
        self.updates = 0
        self._pairs: _Pairs | None = None

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move the average towards ``network``; buffers (batch statistics) follow like weights, counters are copied."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        if self._pairs is None:
            self._pairs = self._paired(network)
        here, there, counters = self._pairs
        torch._foreach_lerp_(here, there, 1 - decay)
        for mine, new in counters:
            mine.copy_(new)

    def _paired(self, network: nn.Module) -> _Pairs:
        """Return our tensors beside the network's: collecting them takes as long as averaging them."""
        here: list[Tensor] = []
        there: list[Tensor] = []
        counters: list[tuple[Tensor, Tensor]] = []
        for mine, new in zip(self.average.state_dict().values(), network.state_dict().values(), strict=True):
            if mine.is_floating_point():
                here.append(mine)
                there.append(new)
            else:
                counters.append((mine, new))
        return here, there, counters
