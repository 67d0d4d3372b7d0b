"""How a failure becomes a sentence and an exit code: the one place where the program's errors meet its user.

Commands raise; ``ColorcliGroup`` catches. It stands around every command, nested ones too, in the real process and
under typer's ``CliRunner`` alike, and it knows these ends: a ``ColorcliError`` (its sentence, its hint, its
code), a mistake on the command line that typer found (told in the same form, code 2), an operating-system error about
a file that nobody foresaw (code 5), a shared library the system lacks (code 1) and Ctrl-C (one line, 130). Anything
else is a bug of ours and keeps its traceback (code 1).
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from typing import Any

import typer
from typer.core import TyperGroup

from colorcli.errors import ColorcliError, MediaError, UsageError, missing_library
from colorcli.registry import near_miss

INTERRUPTED = 130
EXIT_CODES = {
    0: "all done",
    1: "a bug in colorcli, or a broken installation",
    2: "a mistake on the command line",
    3: "some inputs failed, the others are done",
    4: "weights missing, damaged or of another network",
    5: "an input cannot be read or an output not written",
    6: "device or precision not available, or out of memory",
    INTERRUPTED: "interrupted",
}
_SYSTEM_HINTS = {
    errno.ENOENT: "check the path",
    errno.EISDIR: "colorize whole folders with `colorcli folder`",
    errno.EACCES: "check the owner and the mode of the file and its folder",
    errno.EEXIST: "name another folder with -o",
    errno.ENOTDIR: "name another folder with -o",
    errno.ENOSPC: "free some space, then run the same command again",
}
_DEBUG_KEY = "colorcli.debug"  # in Context.meta, which all nested contexts share


def set_debug(context: typer.Context, value: bool) -> bool:
    """Remember ``--debug`` where the group finds it (an option callback)."""
    context.meta[_DEBUG_KEY] = value
    return value


def debugging(context: typer.Context | None = None) -> bool:
    """Return whether tracebacks of known errors are wanted: ``--debug``, or ``COLORCLI_DEBUG`` set and not 0."""
    asked = bool(context is not None and context.meta.get(_DEBUG_KEY))
    return asked or os.environ.get("COLORCLI_DEBUG", "0").lower() not in {"", "0", "false", "no"}


def paint(text: str, **style: Any) -> str:
    """Return ``text`` styled for stderr if it is a terminal that takes colour (https://no-color.org)."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not sys.stderr.isatty()
    return text if plain else typer.style(text, **style)


def echo_error(error: ColorcliError, *, label: str = "error") -> None:
    """Write ``error: sentence`` and ``hint: next step`` to stderr."""
    typer.echo(f"{paint(f'{label}:', fg='red', bold=True)} {error.message}", err=True)
    if error.hint:
        typer.echo(f"{paint('hint:', fg='cyan')} {error.hint}", err=True)


def _from_typer(error: typer.TyperException) -> ColorcliError:
    """Retell what typer has to say about the command line in the words of this program."""
    context = getattr(error, "ctx", None)
    hint = f"see {context.command_path if context is not None else 'colorcli'} --help"
    near = getattr(error, "possibilities", None)  # of a misspelt option
    sentence, _, guess = (error.message if near else error.format_message()).strip().partition(". Did you mean ")
    if near:
        hint = near_miss(str(getattr(error, "option_name", "")), near)
    elif guess:  # of a misspelt command
        hint = f"did you mean {guess}"
    known = UsageError(sentence[:1].lower() + sentence[1:].rstrip("."), hint=hint)
    known.exit_code = error.exit_code
    return known


def _from_system(error: OSError) -> ColorcliError | None:
    """Return the sentence for an error about a file or a full disk, None for every other (a bug, a closed pipe)."""
    if error.errno == errno.EPIPE or (error.filename is None and error.errno != errno.ENOSPC):
        return None
    reason = (error.strerror or str(error)).lower()
    return MediaError(
        f"{error.filename}: {reason}" if error.filename is not None else reason,
        hint=_SYSTEM_HINTS.get(error.errno or 0),
    )


class ColorcliGroup(TyperGroup):
    """A group of commands whose errors end as sentences on stderr and documented exit codes."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Parse the options before the command; see typer."""
        try:
            return super().make_context(info_name, args, parent=parent, **extra)
        except typer.TyperException as error:
            echo_error(_from_typer(error))
            raise typer.Exit(error.exit_code) from error

    def invoke(self, ctx: Any) -> Any:
        """Run the command; see typer."""
        try:
            return super().invoke(ctx)
        except (ColorcliError, typer.TyperException, OSError, ImportError) as error:
            known = _known(error)
            if known is None:
                raise
            if debugging(ctx):
                traceback.print_exception(error)
            echo_error(known)
            raise typer.Exit(known.exit_code) from error
        except KeyboardInterrupt as interrupt:
            if debugging(ctx):
                traceback.print_exc()
            typer.echo(str(interrupt) or "interrupted", err=True)
            raise typer.Exit(INTERRUPTED) from interrupt


def _known(error: Exception) -> ColorcliError | None:
    """Return what to tell the user, or None for a bug."""
    match error:
        case ColorcliError():
            return error
        case typer.TyperException():
            return _from_typer(error)
        case OSError():
            return _from_system(error)
        case ImportError():
            return missing_library(error)
    return None
