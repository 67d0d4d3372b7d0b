"""``colorization_release_v2-9b330a0b.pth`` of Zhang et al. 2016 (a bare state dict) to the network ``eccv16``."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from colorcli.weights.convert._keys import renamed

#: What training can begin with these weights (:mod:`colorcli.weights.start`).
NETWORKS = ("eccv16",)
#: Published beginning of a key -> ours. The blocks keep their names.
RULES = (
    ("model8.6.", "head."),
    ("model_out.weight", "colors"),
    *((f"model{index}.", f"model{index}.") for index in range(1, 9)),
)


def detect(state: Mapping[str, Tensor]) -> bool:
    """Return whether the state is of this origin, as far as its most telling keys say."""
    return "model8.6.weight" in state and "model_out.weight" in state


def convert(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the published state for ``colorcli.models.eccv16``.

    The published file does not say how often each bin occurred, so ``prior`` is flat: decoding can not rebalance
    (and need not: training did).

    Raises:
        WeightsError: unknown keys.
    """
    result = renamed(state, RULES, origin="eccv16")
    bins = result["head.bias"].numel() if "head.bias" in result else 0
    return result | ({"prior": torch.full((bins,), 1 / bins)} if bins else {})
