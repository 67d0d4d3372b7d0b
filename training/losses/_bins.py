"""What losses on distributions over the ab bins share: pixels as rows, all of them or some."""

from __future__ import annotations

import torch
from torch import Tensor


def rows(logits: Tensor, ab: Tensor, share: float = 1.0) -> tuple[Tensor, Tensor]:
    """Return logits ``(B, Q, h, w)`` as float32 ``(N, Q)`` and ab ``(B, 2, h, w)`` as ``(N, 2)``.

    Neighbouring pixels teach nearly the same, and 313 numbers for each make the loss a third of a training step. With
    a ``share`` below 1 only so many pixels, drawn anew each time, are looked at while gradients are recorded: the
    same loss on average.
    """
    # Bins last: softmax and gather over contiguous memory take half the time they need across planes.
    scores, truth = logits.movedim(1, -1).flatten(0, 2), ab.movedim(1, -1).flatten(0, 2)
    if share < 1 and torch.is_grad_enabled():
        chosen = torch.randperm(len(scores))[: max(1, round(share * len(scores)))].to(scores.device)
        scores, truth = scores.index_select(0, chosen), truth.index_select(0, chosen.to(truth.device))
    return scores.float(), truth
