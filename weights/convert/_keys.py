"""Renaming the keys of a published checkpoint, strictly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from colorcli.errors import WeightsError
from colorcli.registry import near_miss

#: How many unknown keys a message shows.
_SHOWN = 5


def renamed(
    state: Mapping[str, Tensor], rules: Sequence[tuple[str, str]], *, dropped: Sequence[str] = (), origin: str
) -> dict[str, Tensor]:
    """Return the state under our names.

    Args:
        state: the published state dict.
        rules: (beginning of the published key, what stands there instead); the first that fits counts.
        dropped: beginnings of keys that the published forward pass never uses; they come before the rules.
        origin: what the keys should be those of, for messages.

    Returns:
        A new dict; tensors are shared with ``state``. Batch norms without a step counter (files of torch before
        0.4.1) get one, at zero. What is missing is found when the network loads it.

    Raises:
        WeightsError: a key that neither a rule nor ``dropped`` knows.
    """
    result: dict[str, Tensor] = {}
    unknown = []
    for key, value in state.items():
        if key.startswith(tuple(dropped)):
            continue
        for old, new in rules:
            if key.startswith(old):
                result[new + key[len(old) :]] = value
                break
        else:
            unknown.append(key)
    if unknown:
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        raise WeightsError(
            f"not a checkpoint of {origin}: unknown keys {', '.join(unknown[:_SHOWN])}{more}",
            hint=near_miss(unknown[0].partition(".")[0], {old.partition(".")[0] for old, _ in rules}),
        )
    for key in [key for key in result if key.endswith(".running_var")]:
        result.setdefault(key.removesuffix("running_var") + "num_batches_tracked", torch.tensor(0))
    return result
