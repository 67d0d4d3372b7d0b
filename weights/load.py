"""From a card to a network with its weights, checked: the file's hash, every key and every shape.

Weights stored in half precision come back in fp32; running in another precision is the engine's business (autocast).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from colorcli.errors import WeightsError
from colorcli.models._info import NetworkInfo
from colorcli.registry import NETWORKS
from colorcli.weights import cache
from colorcli.weights.card import parse
from colorcli.weights.resolve import Model, card_text, resolve, unreadable

__all__ = ["differences", "info", "load", "resolve", "state_of"]

#: How many keys of each kind a message about unfitting weights shows.
_SHOWN = 5


def info(model: Model) -> NetworkInfo:
    """Return what the model's network says about itself, without building it."""
    found = NETWORKS.load(model.card.network).INFO
    if not isinstance(found, NetworkInfo):
        raise TypeError(f"INFO of network {model.card.network!r} must be a NetworkInfo, got {type(found)}")
    return found


def load(model: Model | str | Path, device: torch.device | str = "cpu") -> nn.Module:
    """Build the model's network and fill it.

    Args:
        model: what :func:`~colorcli.weights.resolve.resolve` returned, or what it takes.
        device: where the network shall live.

    Returns:
        The network in fp32 and evaluation mode, without gradients. If it offers ``fuse()``, that has been called:
        inference has no use for a normalisation of its own after each convolution.

    Raises:
        UsageError: unknown model or network.
        WeightsError: weights missing, damaged, not those the card names, or unfit for the network.
    """
    if not isinstance(model, Model):
        model = resolve(model)
    state = state_of(model)
    network = build(model.card.network, model.card.sizes, origin=f"model {model.card.name!r}")
    expected = network.state_dict()
    _check_fit(model, expected, state)
    network.load_state_dict(state)  # copies, and so converts to the network's fp32
    network.requires_grad_(False).eval()
    fuse = getattr(network, "fuse", None)
    if fuse is not None:
        fuse()
    return network.to(device)


class _NoDraws(TorchFunctionMode):
    """Leaves tensors as they are where an initialisation would draw random numbers.

    All of them are about to be replaced, and drawing 9 M of them takes 0.1 s. (torch's own way, the meta device,
    takes a second: its random kernels import the compiler.)
    """

    _DRAWS = (Tensor.normal_, Tensor.uniform_)

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return args[0] if func in self._DRAWS else func(*args, **(kwargs or {}))


def state_of(model: Model) -> dict[str, Tensor]:
    """Return a model's weights as they are stored; whether they fit its network is not asked.

    Raises:
        WeightsError: the file is missing, damaged, or not the one the card names.
    """
    card = model.card
    if card.sha256 is not None and model.sha256 != card.sha256.lower():
        raise WeightsError(
            f"model {card.name!r}: {model.weights} is not the file its card names (its SHA-256 is "
            f"{model.sha256[:12]}…, the card says {card.sha256[:12]}…)",
            hint="reinstall colorcli" if card.source.kind == "embedded" else "copy the file again, or mend the card",
        )
    if model.published:
        _check_converted(model)
    try:
        return load_file(model.weights)
    except SafetensorError as error:
        raise WeightsError(
            f"model {card.name!r}: {model.weights} is damaged: {error}", hint="copy or download it again"
        ) from error
    except OSError as error:
        raise unreadable(model, error) from error


def check(model: Model) -> dict[str, Tensor]:
    """Return a model's weights as they are stored, undamaged and fitting its network, key by key.

    Raises:
        UsageError: unknown network.
        WeightsError: they are or do not; the message lists what differs.
    """
    network = build(model.card.network, model.card.sizes, origin=f"model {model.card.name!r}")
    state = state_of(model)
    _check_fit(model, network.state_dict(), state)
    return state


def build(network: str, sizes: Mapping[str, Any], *, origin: str = "these weights") -> nn.Module:
    """Build a network whose weights are about to be replaced: they are whatever was in memory.

    Args:
        network: name of the architecture.
        sizes: what its ``build`` takes.
        origin: whose sizes they are, for messages.

    Raises:
        UsageError: unknown network.
        WeightsError: it takes no such sizes.
    """
    make = NETWORKS.load(network).build
    try:
        with _NoDraws():
            built = make(**sizes)
    except TypeError as error:
        raise WeightsError(f"{origin}: sizes {dict(sizes)} do not fit network {network!r}: {error}") from error
    if not isinstance(built, nn.Module):
        raise TypeError(f"build of network {network!r} must return a torch.nn.Module, got {type(built)}")
    return built


def _check_fit(model: Model, expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Raise a WeightsError that lists what differs, unless keys and shapes are the same."""
    lines = differences(expected, found)
    if lines:
        hint = "check the card's network and sizes"
        if model.published:
            hint = f"the file holds {_held(model.weights)}: it is another one than the card means"
        raise WeightsError(
            f"model {model.card.name!r}: {model.weights} does not fit network {model.card.network!r} "
            f"with sizes {dict(model.card.sizes)}\n  " + "\n  ".join(lines),
            hint=hint,
        )


def _held(path: Path) -> str:
    """Return in words what network a converted file was recognized to be for."""
    card = parse(card_text(path) or "", origin=str(path))
    return f"network {card.network!r} with sizes {dict(card.sizes)}"


def _check_converted(model: Model) -> None:
    """Raise a WeightsError unless the file made from a published one is as it was made; a damaged one is removed."""
    beside = cache.hash_beside(model.weights)
    try:
        known = beside.read_text(encoding="ascii").split()[0]
        if cache.sha256_of(model.weights) == known:
            return
    except (OSError, IndexError, ValueError):
        pass  # as good as another hash
    model.weights.unlink(missing_ok=True)
    raise WeightsError(
        f"model {model.card.name!r}: {model.weights} is not as it was made, and was removed",
        hint="the same command again makes it anew",
    )


def differences(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    """Return a line for each kind of difference between a network's state and a file's: keys and shapes."""
    shapes = [
        f"{key} {tuple(found[key].shape)}, network {tuple(expected[key].shape)}"
        for key in expected
        if key in found and found[key].shape != expected[key].shape
    ]
    parts = {
        "missing": [key for key in expected if key not in found],
        "not in the network": [key for key in found if key not in expected],
        "other shape": shapes,
    }
    return [f"{title} ({len(keys)}): {_some(keys)}" for title, keys in parts.items() if keys]


def _some(keys: list[str]) -> str:
    rest = len(keys) - _SHOWN
    return "; ".join(keys[:_SHOWN]) + (f"; and {rest} more" if rest > 0 else "")
