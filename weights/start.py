"""Trained weights as the start of further training: ``colorcli train --init``.

What can be named: a model (installed card, folder of a run, safetensors file with its card), a checkpoint of a run
(``last.pt``, ``best.pt``), or a file of published weights (``.safetensors``, ``.pt``, ``.pth``). Published files go
through every converter in :mod:`colorcli.weights.convert` that names the network in ``NETWORKS``, by its ``fit(state,
expected)`` if it has one, else ``convert(state)``; and a file with the whole state of one of the network's children
(timm's Inception-ResNet-v2, torchvision's VGG16) starts that child.

Every tensor of a child of the network must come from the file or none; the others begin at random, and are named.
From a model of colorcli every tensor must come, but for the children that only training has a use for
(``TRAINING_ONLY`` of the network: a classifier, which pictures without classes leave out).
The prior is never taken over: it is that of the pictures trained on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from colorcli.errors import ColorcliError, WeightsError
from colorcli.weights import checkpoint
from colorcli.weights.load import differences, state_of
from colorcli.weights.recognize import CONVERTERS
from colorcli.weights.resolve import PICKLES, card_text, resolve

#: Not learnt from gradients but measured on the training pictures.
_MEASURED = ("prior",)


@dataclass(frozen=True)
class Start:
    """Weights to begin with.

    Attributes:
        origin: what the user named.
        state: tensors by the file's names.
        own: whether it is a model or a checkpoint of colorcli, which fits as a whole or not at all.
    """

    origin: str
    state: Mapping[str, Tensor]
    own: bool


def read(source: str | Path) -> Start:
    """Read what ``--init`` names.

    Raises:
        UsageError: there is no such model or file.
        WeightsError: it is damaged, or holds no weights.
    """
    path = Path(source)
    if path.suffix.lower() in PICKLES or (path.suffix == ".safetensors" and path.is_file() and card_text(path) is None):
        found = checkpoint.read(path)
        return Start(str(source), found.state, own=found.own)
    return Start(str(source), state_of(resolve(source)), own=True)


def start(network: nn.Module, name: str, begin: Start) -> str:
    """Fill a network with the weights to begin with.

    Args:
        network: with random weights; changed in place.
        name: of its architecture.
        begin: what :func:`read` returned.

    Returns:
        A sentence that says how much came from the file.

    Raises:
        WeightsError: the weights do not fit; the message lists keys and shapes. The network is as it was.
    """
    expected = {key: value for key, value in network.state_dict().items() if key not in _MEASURED}
    extra = getattr(network, "TRAINING_ONLY", {}).keys()
    tried = []
    for state in _readings(network, name, begin, expected):
        found = {
            key: value for key, value in state.items() if key not in _MEASURED and _of_use(key, value, expected, extra)
        }
        present = {_child(key) for key in found}
        optional = extra if begin.own else {_child(key) for key in expected}
        wanted = {
            key: value for key, value in expected.items() if _child(key) in present or _child(key) not in optional
        }
        lines = differences(wanted, found)
        if found and not lines:
            network.load_state_dict(found, strict=False)  # strict as far as it goes: checked above
            rest = sorted({_child(key) for key, _ in network.named_parameters() if key not in found})
            said = f"{len(found)} of {len(expected)} tensors from {begin.origin}"
            return said + (f"; begins at random: {', '.join(rest)}" if rest else "")
        tried.append(lines)
    best = min(tried, key=lambda lines: sum(map(len, lines)))
    raise WeightsError(
        f"{begin.origin} does not fit network {name!r}\n  " + "\n  ".join(best),
        hint="take the recipe, and with it the network and sizes, that the weights were trained with",
    )


def _of_use(key: str, value: Tensor, expected: Mapping[str, Tensor], extra: Collection[str]) -> bool:
    """Return False for what only training needs if it is of another size: other pictures have other classes."""
    return _child(key) not in extra or (key in expected and expected[key].shape == value.shape)


def _child(key: str) -> str:
    return key.partition(".")[0]


def _readings(
    network: nn.Module, name: str, begin: Start, expected: Mapping[str, Tensor]
) -> Iterator[Mapping[str, Tensor]]:
    """Yield the ways in which the file's tensors may be meant, the plain one first."""
    yield begin.state
    if begin.own:
        return
    for converter in map(CONVERTERS.load, CONVERTERS.names()):
        if name not in converter.NETWORKS:
            continue
        try:
            if hasattr(converter, "fit"):
                yield converter.fit(begin.state, expected)
            else:
                yield converter.convert(begin.state)
        except ColorcliError:
            continue  # not a file of this kind
    for child, module in network.named_children():
        keys = list(module.state_dict())
        if keys and all(key in begin.state for key in keys):
            yield {f"{child}.{key}": begin.state[key] for key in keys}
