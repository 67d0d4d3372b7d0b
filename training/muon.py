"""Muon: momentum whose matrices are made orthogonal before they move the weights (Jordan et al. 2024).

A gradient matrix has a few large singular values and many small ones; a step along it learns the few and forgets the
many. Muon replaces the averaged gradient by the nearest matrix whose singular values are all one, found by five steps
of a Newton-Schulz iteration, and so moves every direction alike. Weights of convolutions ``(O, I, h, w)`` are taken
as matrices ``(O, I h w)``. The step is scaled to the size of AdamW's (Liu et al. 2025, "Muon is scalable for LLM
training"), so that one learning rate serves both: vectors, the first layer and the last are left to AdamW, as its
authors have it (:func:`colorcli.training.optimizers.build` says which is which).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

#: Of the quintic iteration; chosen by its authors for speed near zero, not for exactness near one.
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_STEPS = 5


def orthogonal(matrix: Tensor, steps: int = _STEPS) -> Tensor:
    """Return about ``U V^T`` of a matrix ``U S V^T``, ``(O, I)``, in bfloat16: singular values between 0.7 and 1.2.

    Half the digits are enough, since the iteration itself is no more exact than that.
    """
    a, b, c = _COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x: Tensor = (matrix.mT if tall else matrix).bfloat16()
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Muon for the groups that say ``muon=True``, AdamW for the others.

    Args:
        groups: parameter groups as any optimizer of torch takes them, each with ``muon``.
        lr: learning rate of both.
        betas: of AdamW.
        momentum: of Muon, Nesterov's form.
    """

    def __init__(
        self, groups: Any, lr: float, betas: tuple[float, float] = (0.9, 0.98), momentum: float = 0.95
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "momentum": momentum, "weight_decay": 0.0, "muon": False, "eps": 1e-8}
        super().__init__(groups, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move the weights once."""
        found = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                update = self._muon if group["muon"] else self._adam
                weight.add_(update(weight, weight.grad, group), alpha=-group["lr"])
        return found

    def _muon(self, weight: Tensor, grad: Tensor, group: dict[str, Any]) -> Tensor:
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        average = state["momentum"].lerp_(grad, 1 - group["momentum"])
        matrix = grad.lerp(average, group["momentum"]).flatten(1)
        # 0.2 is the root mean square of AdamW's steps; an orthogonal matrix has 1 / sqrt(longer side).
        scale = 0.2 * math.sqrt(max(matrix.shape))
        return (orthogonal(matrix).to(grad) * scale).view(weight.shape)

    def _adam(self, weight: Tensor, grad: Tensor, group: dict[str, Any]) -> Tensor:
        state = self.state[weight]
        if not state:
            state["step"] = 0
            state["mean"], state["square"] = torch.zeros_like(weight), torch.zeros_like(weight)
        state["step"] += 1
        low, high = group["betas"]
        mean = state["mean"].lerp_(grad, 1 - low)
        square = state["square"].mul_(high).addcmul_(grad, grad, value=1 - high)
        root = (square / (1 - high ** state["step"])).sqrt_().add_(group["eps"])
        update: Tensor = mean / (1 - low ** state["step"]) / root
        return update
