"""Cross entropy of class scores: what kind of place it is, learnt along with its colours (Iizuka et al. 2016)."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

OUTPUT = "classes"
#: Label of a picture whose class is not known.
UNKNOWN = -1


def build(prior: Tensor, *, alpha: float = 1 / 300) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the loss; ``prior`` is not used.

    Args:
        prior: of the bins in the training data.
        alpha: factor. The paper's 1/300 goes with the squared error of ab scaled to 0..1 (loss ``mse``, scale 200).

    Returns:
        ``loss(scores (B, N), labels (B,))``, labels int64: mean over the pictures whose label is known (not -1); 0 if
        there are none.
    """

    def loss(scores: Tensor, labels: Tensor) -> Tensor:
        total = F.cross_entropy(scores.float(), labels, ignore_index=UNKNOWN, reduction="sum")
        return alpha * total / (labels != UNKNOWN).sum().clamp_min(1)

    return loss
