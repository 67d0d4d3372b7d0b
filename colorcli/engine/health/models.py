"""Weights: the file of every installed card that is here, read, verified and fitted into its network."""

from __future__ import annotations

from collections.abc import Iterator

from colorcli.engine.health.report import Check, attempt, size
from colorcli.errors import ColorcliError, WeightsError


def checks() -> Iterator[Check]:
    """Look at every installed card; those whose weights were never downloaded share one line.

    Raises:
        ImportError: safetensors cannot be loaded.
    """
    from colorcli.weights import resolve

    elsewhere = []
    for name in resolve.names():
        if _here(name):
            yield attempt(name, lambda n=name: card(n), exit_code=WeightsError.exit_code)  # type: ignore[misc]
        else:
            elsewhere.append(name)
    if elsewhere:
        yield Check(
            name="to download", text=f"{', '.join(elsewhere)}: not here yet; --model NAME fetches them when needed",
            data={"models": elsewhere},
        )  # fmt: skip


def _here(name: str) -> bool:
    """Return whether there are weights to look at; a card that cannot be read is to be looked at too."""
    from colorcli.weights.resolve import resolve

    try:
        return resolve(name).file is not None
    except ColorcliError:
        return True


def card(name: str) -> Check:
    """Load the weights of one card and compare their hash with the card's.

    Args:
        name: what ``--model`` takes.

    Raises:
        ImportError: torch cannot be loaded.
        WeightsError: the card is faulty; the weights are missing, damaged or unfit.
        UsageError: its network, decoder or upsampler is unknown.
    """
    from colorcli.registry import DECODERS, UPSAMPLERS
    from colorcli.weights.load import load
    from colorcli.weights.resolve import resolve

    model = resolve(name)
    network = load(model)
    if model.card.decoder is not None:
        DECODERS.load(model.card.decoder)
    UPSAMPLERS.load(model.card.upsampler)
    count = sum(parameter.numel() for parameter in network.parameters())
    # Whether the file is the card's own has been seen while loading.
    verified = model.card.sha256 is not None
    how = f"{model.card.network}, {count / 1e6:.1f} M parameters, {size(model.weights.stat().st_size)}"
    return Check(
        name=name,
        status="ok" if verified else "warn",
        text=f"{how}, SHA-256 {model.sha256[:12]} {'verified' if verified else 'not verified: the card names none'}",
        data={
            "network": model.card.network, "decoder": model.card.decoder, "weights": str(model.weights),
            "source": model.card.source.kind, "sha256": model.sha256, "verified": verified, "parameters": count,
        },
    )  # fmt: skip
