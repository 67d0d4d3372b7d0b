"""Folding what published checkpoints keep apart: spectral norm and weight norm, in the form of torch.nn.utils."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from colorcli.errors import WeightsError


def without_spectral_norm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state with ``X.weight`` for each ``X.weight_orig``, ``X.weight_u`` and ``X.weight_v``.

    The published networks divide by sigma = u . (W v) with the u and v that are stored, W being ``weight_orig`` as
    rows; computing sigma anew (by SVD) would give another network wherever the two had not converged. Files of torch
    before 1.0 have the divided weight itself instead of v; sigma is read off from it.

    Returns:
        A new dict; tensors without spectral norm are shared with ``state``. The folding is in float64, the result in
        the dtype of ``weight_orig``.

    Raises:
        WeightsError: vectors are missing, or are not those of their weight.
    """
    result = dict(state)
    for name in [key.removesuffix("_orig") for key in state if key.endswith(".weight_orig")]:
        original, u, v = result.pop(f"{name}_orig"), result.pop(f"{name}_u", None), result.pop(f"{name}_v", None)
        rows = original.double().flatten(1)
        divided = result.pop(name, None)
        if v is None and divided is not None:
            share = divided.double().flatten()
            sigma = rows.flatten() @ share / (share @ share)
        elif u is None or v is None or (*u.shape, *v.shape) != tuple(rows.shape):
            raise WeightsError(f"{name}_orig: the vectors of its spectral norm are missing or of another size")
        else:
            sigma = u.double() @ (rows @ v.double())
        result[name] = (original.double() / sigma).to(original.dtype)
    return result


def without_weight_norm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state with ``X.weight`` for each ``X.weight_g`` and ``X.weight_v``: g v / |v|, filter by filter.

    Spectral norm has a ``weight_v`` too, so that is folded first.

    Returns:
        A new dict; other tensors are shared with ``state``.

    Raises:
        WeightsError: a direction is missing.
    """
    result = dict(state)
    for name in [key.removesuffix("_g") for key in state if key.endswith(".weight_g")]:
        length, direction = result.pop(f"{name}_g"), result.pop(f"{name}_v", None)
        if direction is None:
            raise WeightsError(f"{name}_g: the direction of its weight norm, {name}_v, is missing")
        norm = direction.double().flatten(1).norm(dim=1).reshape(length.shape)
        result[name] = (length.double() * direction.double() / norm).to(direction.dtype)
    return result
