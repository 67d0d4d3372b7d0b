"""``colorcli doctor``: is this installation able to do its work; the first thing to paste into a report of a bug."""

from __future__ import annotations

import contextlib
import faulthandler
import json
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import typer

from colorcli import __version__
from colorcli.cli._options import Words, spread
from colorcli.cli._output import Output, duration

if TYPE_CHECKING:
    from colorcli.engine.health.report import Check, Section

_MARKS = {"ok": "ok", "warn": "WARN", "fail": "FAIL"}
#: Of the column of names: most sections stand in line with each other.
_WIDTH = 15


@spread
def command(
    context: typer.Context,
    *,
    options: Words,
) -> None:
    """Check this installation: versions, devices, codecs, weights, and one picture through everything.

    colorcli doctor

    colorcli doctor --json > report.json

    Nothing is sent anywhere. Paste what it prints into a report of a bug: tokens
    are never shown, and the home folder is shortened to ~.

    Exit code: 0 if nothing failed, else the lowest of what failed, which is 1 for
    a library or a codec, 4 for weights, 6 for a device. Warnings do not count.
    """
    output = options.output()

    from colorcli.engine.health import report

    with contextlib.suppress(Exception):  # no stderr to write to
        if not faulthandler.is_enabled():
            faulthandler.enable()  # a library built for another processor dies without a word

    found = []
    for section in report.examine(variables(context)):
        found.append(section)
        if not options.json:
            for line in lines(section, quiet=options.quiet):
                _say(output, line)
    code = report.exit_code(found)
    if options.json:
        _say(output, json.dumps(report.to_json(found, version=__version__)))
    else:
        _say(output, summary(found))
    raise typer.Exit(code)


def variables(context: typer.Context) -> set[str]:
    """Return the ``COLORCLI_`` environment variables that mean something: those of options, and the cache's."""
    names = {"COLORCLI_CACHE"}
    root: Any = context.find_root().command
    for command in getattr(root, "commands", {}).values():
        for parameter in command.params:
            given = parameter.envvar or ()
            names.update([given] if isinstance(given, str) else given)
    return names


def lines(section: Section, *, quiet: bool = False) -> Iterator[str]:
    """Return a section as text for people, readable without colour and when pasted.

    Args:
        section: what was found.
        quiet: leave out what is in order.
    """
    shown = [check for check in section.checks if not quiet or check.status != "ok"]
    if not shown:
        return
    yield section.name
    width = max(_WIDTH, *(len(check.name) for check in shown))
    for check in shown:
        yield f"  {_MARKS[check.status]:4}  {check.name:{width}}  {_one_line(check.text)}".rstrip()
        if check.hint:
            yield f"        {'':{width}}  hint: {_one_line(check.hint)}"
    yield ""


def summary(sections: Iterable[Section]) -> str:
    """Return the last line: how many checks, what of them is not in order, and the time."""
    sections = list(sections)
    checks: list[Check] = [check for section in sections for check in section.checks]
    failures = sum(check.status == "fail" for check in checks)
    warnings = sum(check.status == "warn" for check in checks)
    parts = [f"{failures} failed"] if failures else []
    parts += [f"{warnings} warning{'s' * (warnings > 1)}"] if warnings else []
    seconds = duration(sum(section.seconds for section in sections))
    return f"{', '.join(parts) or 'all well'}: {len(checks)} checks in {seconds}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _say(output: Output, text: str) -> None:
    """Write to stdout, escaping what its encoding has no letter for."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    output.line(text.encode(encoding, "backslashreplace").decode(encoding))
