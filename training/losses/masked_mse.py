"""Mean squared error of ab or RGB inside a mask: padded pictures without learning their margins.

Pictures fitted into a square with white around them teach a network that what lies at the border is white (the known
defect of Deep Koalarization's training). Here the margin is seen, but costs nothing, whatever colour it is given.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from colorcli.training.losses._pictures import normalized

OUTPUT = ("ab", "rgb")
#: Further arguments the loss takes, by name; the task hands them over.
NEEDS = ("mask",)


def build(prior: Tensor, *, scale: float | None = None) -> Callable[..., Tensor]:
    """Return the loss; ``prior`` is not used, ``scale`` is that of the loss ``mse``.

    Returns:
        ``loss(picture, truth, mask=mask)`` for pictures ``(B, C, h, w)`` and a mask ``(B, 1, h, w)`` of weights from
        0 (margin) to 1 (picture): mean over channels and over the masked pixels of the batch; 0 if there are none.
        ``mask=None`` is a mask of ones.
    """

    def loss(picture: Tensor, truth: Tensor, *, mask: Tensor | None = None) -> Tensor:
        squared = (normalized(picture, scale) - normalized(truth, scale)) ** 2
        if mask is None:
            return squared.mean()
        weights = mask.to(squared)
        return (squared * weights).sum() / (weights.sum() * squared.shape[1]).clamp_min(1.0)

    return loss
