"""Parts of a network that keep the weights they are given."""

from __future__ import annotations

from typing import Self

from torch import nn


class HasFrozenParts(nn.Module):
    """A network some of whose children are not trained: ``part.requires_grad_(False)`` is all that marks them.

    An optimizer leaves them alone, as they get no gradients; :meth:`train` leaves them in evaluation mode, so that
    their batch statistics stay too. They are part of the state dict like everything else.
    """

    def train(self, mode: bool = True) -> Self:
        """Set training mode, of the trained parts only."""
        super().train(mode)
        for part in self.children():
            weights = list(part.parameters())
            if weights and not any(weight.requires_grad for weight in weights):
                part.eval()
        return self
