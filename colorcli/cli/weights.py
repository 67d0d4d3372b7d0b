"""``colorcli weights``: the models that are here, and the way of a trained one to others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from colorcli.cli._options import Words, spread

app = typer.Typer(
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Models: list them, find their files, export and publish what was trained.",
)


@app.command("list")
@spread
def list_models(*, options: Words) -> None:
    """List the models there are: whether their weights are here, the download's size, licence, description."""
    from colorcli.weights.resolve import names, resolve

    output = options.output()
    for name in names():
        found = resolve(name)
        card, where = found.card, "installed"
        if card.source.remote:
            where = "here" if found.file is not None else f"{card.source.megabytes} MB to download"
        if options.json:
            output.result(
                {
                    "model": name, "network": card.network, "sizes": {**card.sizes}, "licence": card.licence,
                    "source": str(card.source), "here": found.file is not None, "megabytes": card.source.megabytes,
                    "sha256": card.sha256, "input_size": card.size, "decoder": card.decoder, "scores": {**card.scores},
                    "description": card.description,
                }
            )  # fmt: skip
        else:
            output.line("\t".join((name, where, card.licence, card.description)))


@app.command("path")
@spread
def path(
    model: Annotated[str, typer.Argument(help="Name of a model, or a run's folder.")],
    *,
    options: Words,
) -> None:
    """Print where a model's weights lie."""
    from colorcli.weights.resolve import resolve

    found = resolve(model)
    output = options.output()
    if options.json:
        output.result({"model": found.card.name, "path": str(found.weights), "sha256": found.sha256})
    else:
        output.line(str(found.weights))


@app.command("export")
@spread
def export(
    model: Annotated[str, typer.Argument(help="A run's folder, or another model.")],
    out: Annotated[Path, typer.Option("--output", "-o", help="Folder to make.")],
    licence: Annotated[
        str, typer.Option("--licence", "--license", help="Of the weights.", show_default="the card's")
    ] = "",
    data: Annotated[
        str, typer.Option("--data", help="What it was trained on, in words.", show_default="names of the sources")
    ] = "",
    name: Annotated[str, typer.Option("--name", help="Of the model.", show_default="the folder's")] = "",
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace a model exported before.")] = False,
    *,
    options: Words,
) -> None:
    """Write a trained model as a folder for others: weights, card, and a README for the Hugging Face Hub.

    colorcli weights export runs/places -o places-colorizer --licence Apache-2.0
    """
    from colorcli.weights import package

    output = options.output()
    card = package.export(model, out, licence=licence, data=data, name=name, overwrite=force)
    output.result({"output": str(out), "model": card.name, "sha256": card.sha256, "status": "done"}, out)


@app.command("push")
@spread
def push(
    folder: Annotated[Path, typer.Argument(help="What `colorcli weights export` made.")],
    repository: Annotated[str, typer.Argument(help="owner/name on the Hub; made if it is not there.")],
    private: Annotated[bool, typer.Option("--private", help="A new repository is private.")] = False,
    message: Annotated[str, typer.Option("--message", "-m", help="Of the commit.")] = "",
    *,
    options: Words,
) -> None:
    """Upload an exported model to the Hugging Face Hub, with the token of HF_TOKEN or `hf auth login`."""
    from colorcli.weights import hub

    output = options.output()
    where = hub.push(folder, repository, private=private, message=message)
    if options.json:
        output.result({"input": str(folder), "repository": repository, "commit": where, "status": "done"})
    else:
        output.line(where)
