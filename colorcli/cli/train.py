"""``colorcli train``: from a folder of pictures to a model that colorizes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from colorcli.errors import UsageError


def train(
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", "-d", help="Folder of pictures, tar shard, or folder of shards; may be repeated."),
    ] = None,
    out: Annotated[Path | None, typer.Option("-o", "--output", help="Folder of the run.")] = None,
    recipe: Annotated[str, typer.Option(help="Recipe: a name from --list, or a TOML file.")] = "default",
    val: Annotated[list[Path] | None, typer.Option("--val", help="Validation pictures, like --data.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Change one value of the recipe, as in optimizer.steps=1000.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint of the run.")] = False,
    device: Annotated[str, typer.Option(envvar="COLORCLI_DEVICE", help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16.")] = "auto",
    workers: Annotated[int | None, typer.Option(help="Processes that make batches.")] = None,
    list_recipes: Annotated[bool, typer.Option("--list", help="List the recipes and stop.")] = False,
    show: Annotated[str | None, typer.Option("--show", help="Print a recipe and stop.")] = None,
) -> None:
    """Train a recipe on pictures; the run's folder is then a model: --model RUN."""
    from colorcli.training import recipe as recipes

    if list_recipes:
        for name in recipes.names():
            typer.echo(f"{name}\t{recipes.load(name).description}")
        return
    if show:
        typer.echo(recipes.text(show), nl=False)
        return
    if not data or out is None:
        raise UsageError("train needs --data and -o", hint="colorcli train --data places/ -o runs/places")
    resolved = recipes.load(str(out / "recipe.toml") if resume else recipe, settings or ())

    from tqdm import tqdm

    from colorcli.engine.device import select
    from colorcli.training.loop import Progress, Run
    from colorcli.training.loop import train as run
    from colorcli.training.precision import training_dtype

    where = select(device)
    dtype = training_dtype(precision, where)
    with tqdm(total=resolved.optimizer.steps, disable=None, unit="step") as bar:

        def report(progress: Progress) -> None:
            bar.n = progress.step
            bar.set_postfix_str(f"loss {progress.loss:.4f} {progress.rate:.0f} pictures/s {progress.note}")
            if bar.disable:
                typer.echo(f"step {progress.step}/{progress.steps} loss {progress.loss:.4f} "
                           f"{progress.rate:.0f} pictures/s {progress.note}", err=True)  # fmt: skip

        run(resolved, data, Run(folder=out, device=where, precision=dtype, resume=resume, workers=workers,
                                report=report), val or ())  # fmt: skip
    typer.echo(str(out))
