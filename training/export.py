"""From a run to a model: weights and card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from colorcli.training.recipe import Recipe
from colorcli.weights.card import Card, Source
from colorcli.weights.save import write_run


def export(recipe: Recipe, network: nn.Module, folder: Path, *, data: str) -> None:
    """Write ``model.safetensors`` (fp16) and ``card.toml`` into a run's folder, so that ``--model FOLDER`` works.

    What only training has a use for (the network's ``TRAINING_ONLY``) is left out; checkpoints have it.

    Args:
        recipe: what was trained; its ``[model]`` table gives the card's defaults.
        network: with the weights to export.
        folder: the run.
        data: what it was trained on, in words.
    """
    extra: Mapping[str, str] = getattr(network, "TRAINING_ONLY", {})
    logits = any(key == "prior" for key, _ in network.named_buffers())
    model = recipe.model
    card = Card(
        name=folder.name,
        description=recipe.description,
        network=recipe.network.name,
        sizes={name: size for name, size in recipe.network.sizes.items() if name not in extra.values()},
        source=Source(kind="file", file="model.safetensors"),
        decoder=model.decoder if logits else None,
        temperature=model.temperature,
        rebalance=model.rebalance,
        form=model.form,
        strength=model.strength,
        contrast=model.contrast,
        size=model.size,
        upsampler=model.upsampler,
        data=data,
        recipe=recipe.name,
        seed=recipe.seed,
    )
    state = {key: value for key, value in network.state_dict().items() if key.partition(".")[0] not in extra}
    write_run(folder, state, card, half=True)
