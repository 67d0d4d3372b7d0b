"""Which photos a command is about: lists of names, formats by name, photos that are done in place."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from colorcli.errors import MediaError, UsageError

if TYPE_CHECKING:
    from colorcli.engine.plan import Job


def read_list(source: str, *, null: bool) -> list[Path]:
    """Read names from a list; they may hold any bytes.

    Args:
        source: a file, or ``-`` for standard input.
        null: names end with NUL instead of a line's end, as ``find -print0`` writes them.

    Raises:
        MediaError: the list cannot be read.
        UsageError: standard input is a terminal.
    """
    if source == "-":
        if sys.stdin.isatty():
            raise UsageError("standard input is a terminal", hint="pipe a list into it: find . -name '*.tif' | ...")
        content = sys.stdin.buffer.read()
    else:
        try:
            content = Path(source).read_bytes()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise MediaError(f"{source}: {reason}", hint="--files-from takes a file with one name a line") from error
    if not null and b"\0" in content:
        raise UsageError(f"the names in {source} end with NUL", hint="add --null")
    return [Path(os.fsdecode(name)) for name in content.split(b"\0" if null else b"\n") if name]


def suffix_of(form: str | None) -> str | None:
    """Turn what ``--format`` says into a suffix.

    Raises:
        UsageError: no format that can be written has it.
    """
    if form is None:
        return None
    from colorcli.cli._options import check_name
    from colorcli.media.formats import SUFFIXES

    name = form.lower().removeprefix(".")
    check_name("format", name, [suffix.removeprefix(".") for suffix in SUFFIXES])
    return f".{name}"


def in_place(paths: Sequence[Path], homes: Sequence[Path], books: ExitStack, *, write: bool) -> list[Job]:
    """Make jobs whose results take the places of their inputs.

    Args:
        paths: the photos.
        homes: for each the folder that is to keep its original, unless another keeps it already.
        books: closes the books of these folders.
        write: open them for writing.

    Raises:
        MediaError: a format that cannot be written; another run in one of the folders.
    """
    from colorcli.engine import originals, plan
    from colorcli.engine.book import Book

    opened: dict[str, Book] = {}
    found, names = [], []
    for path, own in zip(paths, homes, strict=True):
        home = originals.home_of(path) or own
        key = os.path.abspath(home)  # noqa: PTH100  (links stay as they are)
        if key not in opened:
            opened[key] = books.enter_context(Book(home, home, write=write, in_place=True))
        found.append(opened[key])
        names.append(os.path.relpath(path, home))
    inside = [book.out / name for book, name in zip(found, names, strict=True)]
    return plan.plan_in_place(inside, [Path(name).as_posix() for name in names], found)
