"""Mean absolute error of ab or RGB, in normalised units: the pixel loss of DDColor and of most networks since 2020."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

from colorcli.training.losses._pictures import normalized

OUTPUT = ("ab", "rgb")


def build(prior: Tensor, *, scale: float | None = None) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the loss; ``prior`` is not used.

    Args:
        prior: of the bins in the training data.
        scale: Lab units (or RGB's 0..1) that count as one; None takes 110 for ab and 1 for RGB.

    Returns:
        ``loss(picture, truth)``, both ``(B, C, h, w)``: mean over pixels and channels.
    """

    def loss(picture: Tensor, truth: Tensor) -> Tensor:
        return F.l1_loss(normalized(picture, scale), normalized(truth, scale))

    return loss
