"""The command line. One file per command; what they share stands in ``_options``, ``_output`` and ``_errors``.

A new command is a file with a ``command`` function and a line in ``COMMANDS``, or an ``app`` with commands of its own.
No module in here imports torch, numpy or an image codec at its top: ``colorcli --help`` and the completion of a shell
must answer at once.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import Annotated

import typer

from colorcli import __version__
from colorcli.cli import doctor, folder, metric, photo, study, train, video, weights
from colorcli.cli._errors import EXIT_CODES, ColorcliGroup

__all__ = ["app", "main"]

COMMANDS = {
    "photo": photo.command,
    "folder": folder.command,
    "video": video.command,
    "train": train.command,
    "metric": metric.command,
    "doctor": doctor.command,
}

# \b keeps typer from joining the lines.
_EPILOG = "\b\nExit codes:\n" + "\n".join(f"{code:4}  {meaning}" for code, meaning in EXIT_CODES.items())

app = typer.Typer(
    name="colorcli",
    cls=ColorcliGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    # A bug's traceback is to be pasted into an issue: plain text, not boxes.
    pretty_exceptions_enable=False,
    epilog=_EPILOG,
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"colorcli {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _colorcli(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and stop."),
    ] = False,
) -> None:
    """Plausible colour for black-and-white photographs and films, on the command line and in bulk.

    colorcli photo old.jpg -o new.jpg

    colorcli folder scans/ -o colored/
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


for _name, _command in COMMANDS.items():
    app.command(_name)(_command)
app.add_typer(study.app, name="study")
app.add_typer(weights.app, name="weights")


def main() -> None:
    """Run the program: the entry point of ``colorcli`` and of ``python -m colorcli``."""
    try:
        app(prog_name="colorcli")
    except SystemExit as end:
        if any(thread is not threading.main_thread() for thread in threading.enumerate()):
            # A reader left behind by an interrupt may be in the middle of a decoder or of torch. To end the
            # interpreter under it makes C++ abort the process; nothing is left to do, so leave at once instead.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(end.code if isinstance(end.code, int) else int(end.code is not None))
        raise
