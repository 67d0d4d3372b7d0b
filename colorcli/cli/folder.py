"""``colorcli folder``: a tree of pictures."""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colorcli.cli import _inputs
from colorcli.cli._options import spread
from colorcli.cli._pictures import Pictures
from colorcli.errors import MediaError, SomeFailedError, UsageError
from colorcli.media._messages import printable

if TYPE_CHECKING:
    from colorcli.cli._output import Output
    from colorcli.engine.options import ColorizeOptions, RunOptions
    from colorcli.engine.plan import Job

_WHICH, _AGAIN = "Which photos", "Running again"


@spread
def command(
    root: Annotated[
        Path | None, typer.Argument(metavar="DIR", show_default=False, help="Folder of pictures, with all below it.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            show_default="beside DIR, with _color in its name",
            help="Folder that takes the results, as a mirror of the tree.",
        ),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", show_default="the input's", help="Of all outputs: png, jpg, tif, webp and so on."),
    ] = None,
    files_from: Annotated[
        str | None,
        typer.Option(
            metavar="LIST", rich_help_panel=_WHICH, help="Only the files below DIR that LIST names; - is stdin."
        ),
    ] = None,
    null: Annotated[
        bool, typer.Option("--null", "-0", rich_help_panel=_WHICH, help="Names in LIST end with NUL, not with a line.")
    ] = False,
    include: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", rich_help_panel=_WHICH, help="Only what matches, as in .gitignore; repeatable."),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", rich_help_panel=_WHICH, help="Nothing that matches; repeatable."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", rich_help_panel=_AGAIN, help="Do again what is done already.")
    ] = False,
    only_failed: Annotated[
        bool, typer.Option("--only-failed", rich_help_panel=_AGAIN, help="Only what failed last time.")
    ] = False,
    retry: Annotated[
        int, typer.Option(min=0, metavar="N", rich_help_panel=_AGAIN, help="Try failures again, N times at most.")
    ] = 0,
    review_below: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="S",
            show_default="no list",
            help="List the outputs whose confidence is below S, 0 to 1, for a person to look at.",
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
    """Colorize a folder of photos and films; run it again to go on where it stopped.

    colorcli folder scans/ -o colored/

    colorcli folder scans/ --model mrf --json > results.jsonl

    find scans -newer last -print0 | colorcli folder scans --files-from - -0
    """
    output = options.output()
    asked = options.colorize()
    how = options.run(
        force=force,
        only_failed=only_failed,
        retry=retry,
        fail_fast=fail_fast,
        batch=batch_size,
        readers=workers,
        writers=workers,
    )
    if root is None:
        if files_from is None:
            raise UsageError("missing argument 'DIR'", hint="see colorcli folder --help")
        root = Path()
    suffix = _inputs.suffix_of(form)
    if options.in_place and (out is not None or form is not None):
        raise UsageError("--in-place leaves no choice of output or format", hint="leave out -o and --format")
    if options.in_place:
        out = root
    elif out is None:
        named = root if root.name.strip(".") else root.resolve()  # "." and ".." have no name of their own
        out = named.with_name(f"{named.name}_color")
    chosen = _inputs.read_list(files_from, null=null) if files_from is not None else None

    from colorcli.engine import plan, selection

    plan.check_folders(root, out, in_place=options.in_place)
    find = functools.partial(
        selection.find,
        root,
        output=None if options.in_place else out,
        chosen=chosen,
        include=include or (),
        exclude=exclude or (),
    )
    inputs, films = find(), find(films=True)
    if not inputs and not films:
        which = " of the kind asked for" if chosen is not None or include or exclude else ""
        raise MediaError(f"{root}: no pictures{which} in it", hint="`colorcli photo` takes single files of any name")
    if films and (options.in_place or how.only_failed):
        output.note(f"{len(films)} films are left alone: --in-place and --only-failed are for photos")
        films = []
    try:
        if inputs:
            _run(root, out, inputs, suffix, (asked, how), options, output, review_below)
    except SomeFailedError:
        if how.fail_fast:
            films = []
        raise
    finally:
        # After photos that failed too: `raise` of theirs goes on when the films are through.
        if films and sys.exc_info()[0] in (None, SomeFailedError):
            from colorcli.cli import _reels

            _reels.run(root, out, films, asked, how, options, output)


def _run(
    root: Path,
    out: Path,
    inputs: list[Path],
    suffix: str | None,
    engine: tuple[ColorizeOptions, RunOptions],
    options: Pictures,
    output: Output,
    review_below: float | None,
) -> None:
    from colorcli.cli import _batch
    from colorcli.engine import blend
    from colorcli.engine.book import Book
    from colorcli.engine.plan import plan_folder

    asked, how = engine
    model = blend.find(asked)  # misspelt models are told before any folder is made
    with ExitStack() as books:
        if options.in_place:
            jobs = _inputs.in_place(inputs, [root] * len(inputs), books, write=not options.dry_run)
        else:
            book = books.enter_context(Book(root, out, write=not options.dry_run))
            jobs = plan_folder(root, out, suffix=suffix, book=book, inputs=inputs)
        for found in {id(job.book): job.book for job in jobs}.values():
            assert found is not None
            for warning in found.warnings:
                output.warning(warning)
            found.clean([job.output.parent for job in jobs if job.book is found and isinstance(job.output, Path)])
        if how.only_failed:
            jobs = [job for job in jobs if job.book is not None and job.book.failed(job)]
            if not jobs:
                output.note("nothing failed last time")
                return
        try:
            _batch.run(jobs, asked, how, model, options, output, folder=out)
        finally:
            if review_below is not None and not options.dry_run:
                _review(jobs, review_below, output)


def _review(jobs: Sequence[Job], below: float, output: Output) -> None:
    """Write the list of doubtful results, and say how long it is."""
    from colorcli.engine import review

    found = review.write(jobs, below)
    if found is None:
        return
    output.note(f"{found.listed} of {found.scored} photos have a confidence below {below:g}: {printable(found.path)}")
    if found.unscored:
        output.note(
            f"{found.unscored} have none: a network that gives no distribution is scored by --tta or --blend only"
        )
