"""``colorcli weights``: the models there are, fetching published ones, and the way of a trained one to others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from colorcli.cli._options import Models, Words, completion, one_of, spread
from colorcli.cli._options import models as names
from colorcli.errors import UsageError

#: Forms in which a model leaves the house.
EXPORTS = ("safetensors", "onnx")

app = typer.Typer(
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Models: list and fetch them, find and verify their files, publish what was trained.",
)


@app.command("list")
@spread
def list_models(*, options: Words) -> None:
    """List the models there are: where their weights are, their size, licence and description."""
    from colorcli.weights.inventory import entries

    output = options.output()
    for entry in entries():
        card = entry.model.card
        if options.json:
            output.result(
                {
                    "model": entry.name, "network": card.network, "sizes": {**card.sizes}, "licence": card.licence,
                    "source": str(card.source), "here": entry.here, "bytes": entry.bytes,
                    "megabytes": card.source.megabytes, "sha256": card.sha256, "input_size": card.size,
                    "decoder": card.decoder, "scores": {**card.scores}, "description": card.description,
                }
            )  # fmt: skip
        else:
            size = f"{entry.bytes / 1e6:.0f} MB" if entry.here else f"{card.source.megabytes} MB to fetch"
            state = "fetched" if entry.here and card.source.remote else "installed" if entry.here else "-"
            output.line("\t".join((entry.name, state, size, card.licence or "licence not stated", card.description)))


@app.command("pull")
@spread
def pull(
    models: Annotated[
        list[str],
        typer.Argument(metavar="MODEL...", autocompletion=completion(names), help="Names, or hf:owner/name."),
    ],
    local: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="The published file, fetched by other means.")
    ] = None,
    *,
    options: Models,
) -> None:
    """Fetch the weights of models, so that they can be used without a network.

    colorcli weights pull ddcolor-tiny eccv16

    colorcli weights pull ddcolor --from pytorch_model.bin
    """
    from colorcli.errors import UsageError
    from colorcli.weights import pull as pulling

    output, how = options.output(), options.fetching(options.output())
    if local is not None and len(models) > 1:
        raise UsageError("--from is one file, for one model", hint="pull one model at a time")
    for name in models:
        if local is not None:
            found = pulling.pull(pulling.named(name).card, how, local=local)
        else:
            found = pulling.ready(name, how)
        output.result({"model": name, "path": str(found.weights), "sha256": found.sha256}, found.weights)


@app.command("verify")
@spread
def verify(
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="MODEL...", autocompletion=completion(names), show_default="all that are here"),
    ] = None,
    *,
    options: Words,
) -> None:
    """Hash the files of models anew and compare with what they should be."""
    from colorcli.errors import WeightsError
    from colorcli.weights import inventory

    output, bad = options.output(), 0
    for name in models or [entry.name for entry in inventory.entries() if entry.here]:
        for found in inventory.verify(name):
            bad += not found.good
            if options.json:
                record = {"model": name, "path": str(found.path), "sha256": found.found, "expected": found.expected}
                output.result({**record, "status": "good" if found.good else "failed"})
            else:
                word = "no hash known" if found.good and not found.expected else "good" if found.good else "FAILED"
                output.line(f"{name}\t{word}\t{found.found or 'unreadable'}\t{found.path}")
    if bad:
        raise WeightsError(
            f"{bad} file{'s are' if bad > 1 else ' is'} not what {'they' if bad > 1 else 'it'} should be",
            hint="colorcli weights rm MODEL, then colorcli weights pull MODEL",
        )


@app.command("path")
@spread
def path(
    model: Annotated[str, typer.Argument(autocompletion=completion(names), help="Name of a model, or a run's folder.")],
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


@app.command("rm")
@spread
def remove(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", autocompletion=completion(names))],
    forget: Annotated[
        bool, typer.Option("--forget", help="Also the recorded hash: the next download may bring another file.")
    ] = False,
    *,
    options: Words,
) -> None:
    """Remove the downloaded weights of models from the caches."""
    from colorcli.weights import inventory

    output = options.output()
    for name in models:
        freed = inventory.remove(name, forget=forget)
        output.note(f"{name}: {freed / 1e6:.0f} MB freed")
        if options.json:
            output.result({"model": name, "bytes": freed, "status": "removed"})


@app.command("convert")
@spread
def convert(
    file: Annotated[Path, typer.Argument(help="Published weights: safetensors, or a pickle of torch.")],
    out: Annotated[Path, typer.Option("--output", "-o", help="The .safetensors file to write.")],
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="Run whatever code the pickle holds. Only if you trust who made it.")
    ] = False,
    half: Annotated[bool, typer.Option("--half", help="Store matrices in fp16: half the size.")] = False,
    licence: Annotated[str, typer.Option("--licence", "--license", help="Of the weights.")] = "",
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace a file that exists.")] = False,
    *,
    options: Words,
) -> None:
    """Write published weights as safetensors under colorcli's names, with a card: a model in one file.

    colorcli weights convert ColorizeArtistic_gen.pth -o artistic.safetensors --licence MIT
    """
    from colorcli.weights.recognize import write

    output = options.output()
    card = write(file, out, unsafe=unsafe, half=half, licence=licence, overwrite=force)
    output.note(f"{out}: network {card.network}, {', '.join(f'{key} {value}' for key, value in card.sizes.items())}")
    output.result({"input": str(file), "output": str(out), "network": card.network, "sizes": {**card.sizes}}, out)


@app.command("average")
@spread
def average(
    models: Annotated[
        list[str],
        typer.Argument(metavar="MODEL...", autocompletion=completion(names), help="Two or more: a run, and its start."),
    ],
    out: Annotated[Path, typer.Option("--output", "-o", help="The .safetensors file to write.")],
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace a file that exists.")] = False,
    *,
    options: Words,
) -> None:
    """Write the mean of the weights of runs that began from each other: often better than each, and as fast as one.

    colorcli weights average runs/places runs/longer -o better.safetensors
    """
    from colorcli.weights.average import average

    card = average(models, out, overwrite=force)
    options.output().result({"output": str(out), "model": card.name, "status": "done"}, out)


@app.command("export")
@spread
def export(
    model: Annotated[str, typer.Argument(help="A run's folder, or another model.")],
    out: Annotated[Path, typer.Option("--output", "-o", help="Folder to make; with --format onnx, file.")],
    form: Annotated[
        str,
        typer.Option(
            "--format",
            autocompletion=completion(lambda: EXPORTS),
            callback=one_of("format", lambda: EXPORTS),
            help="safetensors, with card and README; or onnx: the network alone, checked against onnxruntime.",
        ),
    ] = "safetensors",
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

    colorcli weights export default -o default.onnx --format onnx
    """
    output = options.output()
    if form == "onnx":
        from colorcli.weights import onnx

        if data:
            raise UsageError("--data is for the README, which an ONNX file has not", hint="leave it out")
        card = onnx.export(model, out, licence=licence, name=name, overwrite=force)
        output.result({"output": str(out), "model": card.name, "status": "done"}, out)
        return
    from colorcli.weights import package

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
