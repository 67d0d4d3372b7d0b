"""``colorcli train``: from a folder of pictures to a model that colorizes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colorcli.cli._options import DeviceOption, Models, PrecisionOption, spread
from colorcli.cli._output import Output
from colorcli.errors import UsageError

if TYPE_CHECKING:
    from colorcli.training.recipe import Recipe


def recipe_names(incomplete: str) -> list[str]:
    """Complete the names of recipes."""
    from colorcli.training import recipe as recipes

    return [name for name in recipes.names() if name.startswith(incomplete)]


@spread
def command(
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data", "-d", help="Folder of pictures, shards or CIFAR-10's batches; shard; pattern. Repeatable."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--output", "-o", help="Folder of the run; it becomes a model.")] = None,
    recipe: Annotated[
        str | None,
        typer.Option(help="A name from --list, or a TOML file.", show_default="default", autocompletion=recipe_names),
    ] = None,
    val: Annotated[
        list[Path] | None,
        typer.Option("--val", show_default="val-* shards, or a random share", help="Validation pictures, like --data."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the recipe: optimizer.steps=1000."),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            "--init", metavar="MODEL", help="Begin with the weights of a run, model, published file or hf:owner/name."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint of the run; --data may be other pictures.")
    ] = False,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    accumulate: Annotated[
        int | None,
        typer.Option(min=1, show_default="the recipe's", help="Compute each batch in that many parts: less memory."),
    ] = None,
    compiled: Annotated[
        bool, typer.Option("--compile", help="Compile the network first (torch.compile): faster on most GPUs.")
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Log for TensorBoard too, into the run's folder.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=0, show_default="by device", help="Processes that make batches.")
    ] = None,
    list_recipes: Annotated[bool, typer.Option("--list", help="List the recipes and stop.")] = False,
    show: Annotated[
        str | None,
        typer.Option("--show", metavar="RECIPE", help="Print a recipe, complete.", autocompletion=recipe_names),
    ] = None,
    *,
    options: Models,
) -> None:
    """Train a recipe on pictures; the run's folder is then a model: --model RUN.

    colorcli train --data places/ --recipe default -o runs/places

    colorcli train --data archive/ --init runs/places -o runs/archive

    colorcli photo old.jpg --model runs/places
    """
    from colorcli.training import recipe as recipes

    output = options.output()
    changes = [*(settings or ()), *([f"optimizer.accumulate={accumulate}"] if accumulate is not None else [])]
    if list_recipes:
        for name in recipes.names():
            output.line(f"{name}\t{recipes.load(name).description}")
        return
    if show is not None:
        output.line(recipes.dumps(recipes.load(show, changes)).rstrip("\n"))
        return
    if not data or out is None:
        raise UsageError("train needs --data and -o", hint="colorcli train --data places/ -o runs/places")
    resolved = recipes.load(recipe or "default", changes) if not resume else _recipe_of(out, recipe, changes)

    if init is not None:
        from colorcli.weights.pull import begin

        init = begin(init, options.fetching(output))

    from colorcli.engine.device import select
    from colorcli.training.distributed import joined
    from colorcli.training.loop import Progress, Run, train
    from colorcli.training.precision import training_dtype

    with joined(select(device)) as (group, where), asking_to_stop(output) as stop:
        if not group.first:
            output = Output(quiet=True)
        with output.progress(resolved.optimizer.steps, "steps") as ticker:

            def report(at: Progress) -> None:
                if at.note:
                    output.note(f"step {at.step}: {at.note}")
                else:
                    ticker.tick(f"loss {at.loss:.4f}, {at.rate:.0f} pictures/s", reached=at.step)

            run = Run(folder=out, device=where, precision=training_dtype(precision, where), resume=resume, init=init,
                      workers=workers, compiled=compiled, tensorboard=tensorboard, group=group, report=report,
                      stop=stop)  # fmt: skip
            try:
                end = train(resolved, data, run, val or ())
            except KeyboardInterrupt as interrupt:
                raise KeyboardInterrupt(f"interrupted; {_GO_ON} from the last checkpoint") from interrupt
        if end.reason == "stopped":
            raise KeyboardInterrupt(f"interrupted after step {end.step}; {_GO_ON} from there")
        if group.first:
            if end.reason != "done":
                output.note(f"step {end.step}: {end.reason}; the model is the best one")
            output.result({"output": str(out), "recipe": resolved.name, "status": "done"}, out)


_GO_ON = "the same command with --resume goes on"


def _recipe_of(folder: Path, asked: str | None, changes: list[str]) -> Recipe:
    """Return the recipe of a run that is to go on; asking for another one is a mistake."""
    from colorcli.errors import WeightsError
    from colorcli.training import recipe as recipes

    path = folder / "recipe.toml"
    if not path.exists():
        raise WeightsError(f"{folder}: there is no run to resume in this folder", hint="start without --resume")
    own = recipes.load(str(path), changes)
    if asked is not None and (other := recipes.load(asked).name) != own.name:
        raise UsageError(
            f"{folder}: this is a run of the recipe {own.name!r}, not {other!r}",
            hint="resume without --recipe, or begin another run with --init",
        )
    return own


@contextmanager
def asking_to_stop(output: Output) -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether Ctrl-C was pressed or the process asked to end, since training began.

    Before the function is first asked, and when Ctrl-C is pressed again, it interrupts at once as it does elsewhere.
    """
    asked = begun = False

    def stop() -> bool:
        nonlocal begun
        begun = True
        return asked

    def handle(number: int, _: object) -> None:
        nonlocal asked
        if asked or not begun:
            raise KeyboardInterrupt
        asked = True
        if number == signal.SIGINT:
            output.note("finishing this step; Ctrl-C again stops at once")

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
