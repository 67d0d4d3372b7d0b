"""From a run to a model: weights and card."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from colorcli.training.recipe import Recipe
from colorcli.weights.card import Card, Source
from colorcli.weights.save import write_run


def export(recipe: Recipe, network: nn.Module, folder: Path, *, data: str) -> None:
    """Write ``model.safetensors`` (fp16) and ``card.toml`` into a run's folder, so that ``--model FOLDER`` works.

    Args:
        recipe: what was trained; its ``[model]`` table gives the card's defaults.
        network: with the weights to export.
        folder: the run.
        data: what it was trained on, in words.
    """
    logits = any(key == "prior" for key, _ in network.named_buffers())
    model = recipe.model
    card = Card(
        name=folder.name,
        description=recipe.description,
        network=recipe.network.name,
        sizes=recipe.network.sizes,
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
    write_run(folder, network.state_dict(), card, half=True)
