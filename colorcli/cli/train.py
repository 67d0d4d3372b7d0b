"""``colorcli train``: from a folder of pictures to a model that colorizes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from colorcli.cli._options import DeviceOption, PrecisionOption, Words, spread
from colorcli.errors import UsageError


def recipe_names(incomplete: str) -> list[str]:
    """Complete the names of recipes."""
    from colorcli.training import recipe as recipes

    return [name for name in recipes.names() if name.startswith(incomplete)]


@spread
def command(
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", "-d", help="Folder of pictures, tar shard, or folder of shards; may be repeated."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--output", "-o", help="Folder of the run; it becomes a model.")] = None,
    recipe: Annotated[
        str, typer.Option(help="A name from --list, or a TOML file.", autocompletion=recipe_names)
    ] = "default",
    val: Annotated[
        list[Path] | None,
        typer.Option("--val", show_default="val-* shards, or a random share", help="Validation pictures, like --data."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the recipe: optimizer.steps=1000."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint of the run.")] = False,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    workers: Annotated[
        int | None, typer.Option(min=0, show_default="by device", help="Processes that make batches.")
    ] = None,
    list_recipes: Annotated[bool, typer.Option("--list", help="List the recipes and stop.")] = False,
    show: Annotated[
        str | None, typer.Option("--show", metavar="RECIPE", help="Print a recipe.", autocompletion=recipe_names)
    ] = None,
    *,
    options: Words,
) -> None:
    """Train a recipe on pictures; the run's folder is then a model: --model RUN.

    colorcli train --data places/ --recipe default -o runs/places

    colorcli photo old.jpg --model runs/places
    """
    from colorcli.training import recipe as recipes

    output = options.output()
    if list_recipes:
        for name in recipes.names():
            output.line(f"{name}\t{recipes.load(name).description}")
        return
    if show is not None:
        output.line(recipes.text(show).rstrip("\n"))
        return
    if not data or out is None:
        raise UsageError("train needs --data and -o", hint="colorcli train --data places/ -o runs/places")
    resolved = recipes.load(str(out / "recipe.toml") if resume else recipe, settings or ())

    from colorcli.engine.device import select
    from colorcli.training.loop import Progress, Run, train
    from colorcli.training.precision import training_dtype

    where = select(device)
    dtype = training_dtype(precision, where)
    with output.progress(resolved.optimizer.steps, "steps") as ticker:

        def report(at: Progress) -> None:
            ticker.tick(f"loss {at.loss:.4f}, {at.rate:.0f} pictures/s", reached=at.step)
            if at.note:
                output.note(f"step {at.step}: {at.note}")

        run = Run(folder=out, device=where, precision=dtype, resume=resume, workers=workers, report=report)
        try:
            train(resolved, data, run, val or ())
        except KeyboardInterrupt as interrupt:
            raise KeyboardInterrupt(
                "interrupted; the same command with --resume goes on from the last checkpoint"
            ) from interrupt
    output.result({"output": str(out), "recipe": resolved.name, "status": "done"}, out)
