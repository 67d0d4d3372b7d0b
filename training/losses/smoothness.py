"""Total variation of ab or RGB: neighbours should have like colours. It looks at the answer only, not at the truth.

Anisotropic: the mean absolute difference of vertical neighbours plus that of horizontal ones.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from colorcli.training.losses._pictures import normalized, variation

OUTPUT = ("ab", "rgb")


def build(prior: Tensor, *, scale: float | None = None) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the loss; ``prior`` is not used, ``scale`` is that of the loss ``mse``.

    Returns:
        ``loss(picture, truth)``, both ``(B, C, h, w)``: in normalised units per step from pixel to pixel.
    """

    def loss(picture: Tensor, truth: Tensor) -> Tensor:
        return variation(normalized(picture, scale))

    return loss
