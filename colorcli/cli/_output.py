"""A command's voice: results go to stdout, everything meant for a person to stderr.

stdout carries one line per finished output, its path, or with ``--json`` one JSON object per finished input. On a
terminal the paths are left out unless ``--quiet`` asks for nothing but them: what stderr says there tells them too.
rich is imported only when a bar is drawn; one photo does without it.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import typer

from colorcli.cli._errors import echo_error, paint
from colorcli.errors import ColorcliError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

#: Seconds between two lines of progress where there is no terminal to draw a bar on.
LINE_EVERY = 5.0


class Ticker(Protocol):
    """Something to tell that more is finished."""

    def tick(self, note: str = "", *, reached: int | None = None) -> None:
        """Count one, or as many as make ``reached``; ``note`` is shown beside the count."""


class Output:
    """Where one command's words go.

    Args:
        json: JSON lines on stdout instead of paths.
        quiet: errors only on stderr.
        verbose: 1 also details, 2 also what libraries log.
    """

    def __init__(self, *, json: bool = False, quiet: bool = False, verbose: int = 0) -> None:
        self.json, self.quiet, self.verbose = json, quiet, verbose
        self._bar: Progress | None = None
        if verbose:
            logging.basicConfig(level=logging.INFO if verbose == 1 else logging.DEBUG, format="%(name)s: %(message)s")

    def result(self, record: Mapping[str, Any], path: Path | None = None) -> None:
        """Write one finished input to stdout: ``record`` as JSON, or ``path`` as a line of its own."""
        if self.json:
            # ASCII with escapes: file names that are no valid UTF-8 survive, whatever the encoding of stdout.
            self._echo(json.dumps(record), err=False)
        elif path is not None and (self.quiet or not sys.stdout.isatty()):
            self._echo(os.fsencode(path), err=False)

    def line(self, text: str) -> None:
        """Write one line to stdout, whatever the mode: what a command was asked to print."""
        self._echo(text, err=False)

    def note(self, text: str) -> None:
        """Say something on stderr, unless quiet."""
        if not self.quiet:
            self._echo(text)

    def detail(self, text: str) -> None:
        """Say something on stderr, if verbose."""
        if self.verbose:
            self._echo(paint(text, dim=True))

    def warning(self, text: str) -> None:
        """Warn on stderr, unless quiet."""
        if not self.quiet:
            self._echo(f"{paint('warning:', fg='yellow', bold=True)} {text}")

    def failure(self, error: ColorcliError) -> None:
        """Tell a failure on stderr that does not end the command; also when quiet."""
        with self._beside_bar():
            echo_error(error)

    @contextmanager
    def progress(self, total: int | None, noun: str = "photos") -> Iterator[Ticker]:
        """Show how far a batch is: a bar with rate and time left on a terminal, a line now and then elsewhere.

        Args:
            total: how many there will be; None if nobody knows yet.
            noun: what is counted.
        """
        if self.quiet or total == 0:
            yield _Silent()
        elif not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
            lines = _Lines(self, total, noun)
            yield lines
        else:
            with _bar() as bar:
                self._bar = bar
                try:
                    yield _Drawn(bar, bar.add_task(noun, total=total, note=""))
                finally:
                    self._bar = None

    def _echo(self, text: str | bytes, *, err: bool = True) -> None:
        with self._beside_bar():
            typer.echo(text, err=err)

    @contextmanager
    def _beside_bar(self) -> Iterator[None]:
        """Take the bar off the terminal while something else is written there."""
        if self._bar is None:
            yield
            return
        self._bar.stop()
        try:
            yield
        finally:
            self._bar.start()


class _Silent:
    def tick(self, note: str = "", *, reached: int | None = None) -> None:
        pass


class _Count:
    """How many are done, and how fast they come."""

    def __init__(self) -> None:
        self.done, self.since, self._first = 0, time.monotonic(), 0

    def to(self, reached: int | None) -> None:
        if reached is not None and not self.done:  # a resumed run did not do the steps before within this time
            self._first, self.since = reached, time.monotonic()
        self.done = self.done + 1 if reached is None else reached

    @property
    def rate(self) -> float:
        return (self.done - self._first) / max(time.monotonic() - self.since, 1e-3)


class _Lines:
    """``12/400 photos, 1.3/s, 5 min left``, every few seconds."""

    def __init__(self, output: Output, total: int | None, noun: str) -> None:
        self._output, self._total, self._noun = output, total, noun
        self._count = _Count()
        self._told = self._count.since

    def tick(self, note: str = "", *, reached: int | None = None) -> None:
        count = self._count
        count.to(reached)
        if time.monotonic() - self._told < LINE_EVERY or not count.rate:
            return
        self._told = time.monotonic()
        of = f"{count.done}/{self._total}" if self._total else f"{count.done}"
        parts = [f"{of} {self._noun}", f"{count.rate:.2g}/s"]
        parts += [f"{duration((self._total - count.done) / count.rate)} left"] if self._total else []
        self._output.note(", ".join([*parts, note] if note else parts))


class _Drawn:
    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar, self._task, self._count = bar, task, _Count()

    def tick(self, note: str = "", *, reached: int | None = None) -> None:
        self._count.to(reached)
        self._bar.update(self._task, completed=self._count.done, note=f"{self._count.rate:.2g}/s {note}".rstrip())


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description} {task.fields[note]}", markup=False),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        # rich would send what is written to stdout to stderr's console, even where stdout is a pipe.
        redirect_stdout=False,
        redirect_stderr=False,
        transient=True,
    )


def duration(seconds: float) -> str:
    """Return a time for people: ``4.2 s``, ``3 min``, ``2.5 h``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
