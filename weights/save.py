"""Write weights together with the card that makes them a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from colorcli.weights.cache import replace_file
from colorcli.weights.card import Card
from colorcli.weights.resolve import HEADER_KEY, RUN_CARD, RUN_WEIGHTS


def write_safetensors(path: Path, state: Mapping[str, Tensor], card: Card, *, half: bool = False) -> None:
    """Write a state dict with its card in the header; what stands under ``path`` is complete at any moment.

    Args:
        path: target, replaced if it exists.
        state: tensors on any device.
        card: stored as TOML in the header. A hash in it would be that of another file, so it is left out.
        half: store matrices and kernels in fp16. Vectors (norms, biases, the bin prior, whose rarest bins are below
            what fp16 can hold) stay in fp32: they are small and matter.
    """
    tensors = {key: _stored(value, half) for key, value in state.items()}
    text = _without_hash(card).to_toml()
    replace_file(path, save(tensors, metadata={"format": "pt", HEADER_KEY: text}))


def write_run(folder: Path, state: Mapping[str, Tensor], card: Card, *, half: bool = False) -> None:
    """Write ``model.safetensors`` and ``card.toml`` into an existing folder, so that ``--model FOLDER`` works.

    The card's source is made to point at the file beside it. The two files are replaced one after the other; each
    is complete, and the weights carry the same card.
    """
    values = {**vars(_without_hash(card)), "source": type(card.source)(kind="file", file=RUN_WEIGHTS)}
    card = Card(**values)
    write_safetensors(folder / RUN_WEIGHTS, state, card, half=half)
    replace_file(folder / RUN_CARD, card.to_toml().encode())


def _stored(tensor: Tensor, half: bool) -> Tensor:
    tensor = tensor.detach().cpu()
    if half and tensor.is_floating_point() and tensor.ndim >= 2:
        tensor = tensor.half()
    return tensor.contiguous()


def _without_hash(card: Card) -> Card:
    return Card(**{**vars(card), "sha256": None})
