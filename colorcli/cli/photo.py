"""``colorcli photo``: single pictures, files or streams."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colorcli.cli._inputs import in_place
from colorcli.cli._options import COLOUR, spread
from colorcli.cli._pictures import Pictures
from colorcli.errors import MediaError, UsageError

if TYPE_CHECKING:
    from colorcli.engine.plan import Job
    from colorcli.weights.resolve import Model


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
    hints: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Colours that are known: JSON of points and rectangles, or a PNG with transparency.",
            show_default="PHOTO.hints.json or PHOTO.hints.png, if there is one",
            rich_help_panel=COLOUR,
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
    from colorcli.engine import blend

    model = blend.find(asked)
    with ExitStack() as books:
        if options.in_place:
            jobs = plan_in_place(inputs, out, books, write=not options.dry_run)
        else:
            jobs = plan(inputs, out, json=options.json)
        if hints is not None:
            jobs = [_hinted(jobs, hints, model)]
        _batch.run(jobs, asked, how, model, options, output)


def _hinted(jobs: Sequence[Job], hints: Path, model: Model) -> Job:
    """Give the one job its hints, after a look at both."""
    if len(jobs) != 1:
        raise UsageError(
            f"--hints is for one photo, not {len(jobs)}", hint="put PHOTO.hints.json beside each, which is found there"
        )
    from colorcli.engine.hints import read
    from colorcli.weights.load import info

    read(hints)
    about = info(model)
    if about.output == "ab" and not about.hints:
        raise UsageError(f"model {model.card.name!r} takes no hints", hint="'default' does, and siggraph17")
    return dataclasses.replace(jobs[0], hints=hints)


def plan_in_place(inputs: Sequence[str], out: str | None, books: ExitStack, *, write: bool) -> list[Job]:
    """Turn what the command line names into jobs whose results take the places of their inputs.

    Args:
        inputs: paths.
        out: as ``-o`` says: must be None.
        books: closes the books of the photos' folders, which keep the originals.
        write: open them for writing.

    Raises:
        UsageError: a combination that has no meaning.
        MediaError: a format that cannot be written; another run in one of the folders.
    """
    if out is not None or "-" in inputs:
        raise UsageError("--in-place is for files, and leaves no choice of output", hint="leave out -o and -")
    paths = [_named(name) for name in dict.fromkeys(inputs)]
    for path in paths:
        if not path.parent.is_dir():
            raise MediaError(f"no such folder: {path.parent}", hint="check the path")
    return in_place(paths, [path.parent for path in paths], books, write=write)


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
    from colorcli.media.formats import output_format

    if out is None and STREAM in inputs:
        out = STREAM
    if STREAM not in (*inputs, out):
        jobs = plan_photos([_named(name) for name in inputs], out)
    else:
        _check_streams(inputs, str(out), json=json)
        source = sys.stdin.buffer if inputs[0] == STREAM else _named(inputs[0])
        target = Path(str(out))
        jobs = [Job(source, sys.stdout.buffer) if out == STREAM else Job(source, target, exists=target.exists())]
    for job in jobs:
        if isinstance(job.output, Path):
            output_format(job.output)  # raises here rather than after all the work
    return jobs


def _named(name: str) -> Path:
    path = Path(name)
    if not path.name:  # "." or "/"; other folders are told one by one, so that `photo *` does the files
        raise MediaError(f"{name} is a folder", hint=f"colorize all in it with `colorcli folder {name}`")
    return path


def _check_streams(inputs: Sequence[str], out: str, *, json: bool) -> None:
    if len(inputs) > 1:
        raise UsageError("with - only one picture can be read or written", hint="name files, and a folder with -o")
    if out == "-" and json:
        raise UsageError("--json and the picture cannot share standard output", hint="name a file with -o")
    if out == "-" and sys.stdout.isatty():
        raise UsageError("a picture is not written to a terminal", hint="name a file with -o, or redirect: > new.jpg")
    if inputs[0] == "-" and sys.stdin.isatty():
        raise UsageError("standard input is a terminal", hint="pipe a picture into it: cat old.jpg | colorcli photo -")
    if inputs[0] == "-" and (out.endswith("/") or Path(out).is_dir()):
        raise UsageError(
            "a picture from standard input needs a name", hint=f"name a file: -o {out.rstrip('/')}/new.jpg"
        )
