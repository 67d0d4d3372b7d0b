"""Which photos ``folder`` is about: the options, and lists of names."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from colorcli.errors import MediaError, UsageError


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
