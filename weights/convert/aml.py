"""Checkpoints of mikcnt's aml-project to the networks ``zhang-ab`` and ``zhang-bins``, sizes ``{student = true}``.

Published is the training code only; a checkpoint it writes holds the state dict under ``model_state_dict``.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from colorcli.models._zhang import AB_LEAST, AB_UNIT
from colorcli.weights.convert._keys import renamed

#: What training can begin with these weights (:mod:`colorcli.weights.start`).
NETWORKS = ("zhang-ab", "zhang-bins")
#: Published beginning of a key -> ours.
RULES = (("model9.0.", "head."), *((f"model{index}.", f"model{index}.") for index in range(1, 9)))
#: Lab units per unit of the published regression, whose output is (ab + 128) / 255.
_AB_SPAN = 255.0


def detect(state: Mapping[str, Tensor]) -> bool:
    """Return whether the state is of this origin, as far as its most telling keys say."""
    return "model9.0.weight" in state and "model1.0.weight" in state


def convert(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the published state, of the regression or of the classification, for the network of its kind.

    The published last layer has no bias. That of the regression gets the one that turns its scale into Lab units; that
    of the classification gets zeros, and ``prior`` is flat: the file does not say how often each bin occurred.

    Raises:
        WeightsError: unknown keys.
    """
    result = renamed(state, RULES, origin="aml-project")
    if "head.weight" not in result:
        return result  # the network will say what is missing
    weight = result["head.weight"]
    if len(weight) == 2:
        head = {"head.weight": weight * (_AB_SPAN / AB_UNIT), "head.bias": torch.full((2,), AB_LEAST / AB_UNIT)}
        return result | head
    count = len(weight)
    return result | {"head.bias": torch.zeros(count), "prior": torch.full((count,), 1 / count)}
