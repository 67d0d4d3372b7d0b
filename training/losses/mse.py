"""Mean squared error of ab or RGB, in normalised units: the loss of the field's regressions."""

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
        scale: Lab units (or RGB's 0..1) that count as one; None takes 110 for ab and 1 for RGB. Papers that scale ab
            to -1..1 divide by 127 (Deep Koalarization) or 128, those that scale it to 0..1 by 200 (Iizuka et al.).

    Returns:
        ``loss(picture, truth)``, both ``(B, C, h, w)``: mean over pixels and channels.
    """

    def loss(picture: Tensor, truth: Tensor) -> Tensor:
        return F.mse_loss(normalized(picture, scale), normalized(truth, scale))

    return loss
