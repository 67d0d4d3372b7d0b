"""``colorcli photo``: single pictures, files or streams."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colorcli.cli._options import Pictures, spread
from colorcli.errors import UsageError

if TYPE_CHECKING:
    from colorcli.engine.plan import Job


@spread
def command(
    inputs: Annotated[list[str], typer.Argument(metavar="IN...", help="Pictures; - reads one from standard input.")],
    out: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="File, whose suffix says the format; folder, existing or with a slash at its end; or - for standard"
            " output.",
            show_default="beside the input, with _color in its name",
        ),
    ] = None,
    *,
    options: Pictures,
) -> None:
    """Colorize photos.

    colorcli photo old.jpg -o new.jpg

    colorcli photo *.png -o colored/ --strength 1.2

    cat old.jpg | colorcli photo - -o - > new.jpg
    """
    output = options.output()
    asked, how = options.colorize(), options.run()

    from colorcli.cli import _batch

    _batch.run(plan(inputs, out, json=options.json), asked, how, options, output)


def plan(inputs: Sequence[str], out: str | None, *, json: bool = False) -> list[Job]:
    """Turn what the command line names into jobs.

    Args:
        inputs: paths, or ``-`` alone.
        out: as ``-o`` says; None beside the input, or standard output if that is where the input comes from.
        json: results on standard output are asked for, which then cannot take a picture.

    Raises:
        UsageError: a combination that has no meaning.
        MediaError: the output's name says no format that can be written.
    """
    from colorcli.engine.plan import STREAM, Job, plan_photos

    if out is None and STREAM in inputs:
        out = STREAM
    if STREAM not in (*inputs, out):
        return plan_photos([Path(name) for name in inputs], out)
    if len(inputs) > 1:
        raise UsageError("with - only one picture can be read or written", hint="name files, and a folder with -o")
    if out == STREAM and json:
        raise UsageError("--json and the picture cannot share standard output", hint="name a file with -o")
    if out == STREAM and sys.stdout.isatty():
        raise UsageError("a picture is not written to a terminal", hint="name a file with -o, or redirect: > new.jpg")
    if inputs[0] == STREAM and sys.stdin.isatty():
        raise UsageError("standard input is a terminal", hint="pipe a picture into it: cat old.jpg | colorcli photo -")
    if out is not None and out != STREAM and (out.endswith("/") or Path(out).is_dir()):
        raise UsageError(
            "a picture from standard input needs a name", hint=f"name a file: -o {out.rstrip('/')}/new.jpg"
        )
    source = sys.stdin.buffer if inputs[0] == STREAM else Path(inputs[0])
    if out == STREAM:
        return [Job(source, sys.stdout.buffer)]
    target = Path(str(out))
    return [Job(source, target, exists=target.exists())]
