"""``colorcli folder``: a tree of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from colorcli.cli._options import Pictures, spread
from colorcli.errors import MediaError


@spread
def command(
    root: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of pictures; searched with all below it.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            show_default="beside DIR, with _color in its name",
            help="Folder that takes the results, as a mirror of the tree.",
        ),
    ] = None,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first picture that fails.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, envvar="COLORCLI_WORKERS", help="Threads that decode, and as many that encode.")
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, envvar="COLORCLI_BATCH_SIZE", help="Pictures per run of the network."),
    ] = None,
    *,
    options: Pictures,
) -> None:
    """Colorize a folder of photos; run it again to go on where it stopped.

    colorcli folder scans/ -o colored/

    colorcli folder scans/ --model mrf --json > results.jsonl
    """
    output = options.output()
    asked = options.colorize()
    how = options.run(fail_fast=fail_fast, batch=batch_size, readers=workers, writers=workers)

    from colorcli.cli import _batch
    from colorcli.engine.plan import plan_folder
    from colorcli.media.discover import OUTPUT_MARK

    if out is None:
        named = root if root.name.strip(".") else root.resolve()  # "." and ".." have no name of their own
        out = named.with_name(f"{named.name}{OUTPUT_MARK}")
    jobs = plan_folder(root, out)
    if not jobs:
        raise MediaError(f"{root}: no pictures in it", hint="`colorcli photo` takes single files of any name")
    _batch.run(jobs, asked, how, options, output, folder=out)
