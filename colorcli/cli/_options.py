"""The options that commands share, each said once: its names, its help, its environment variable, its completion.

A command takes them as one frozen dataclass: ``@spread`` shows typer the dataclass's fields as options of the command
and hands their values over in one object. So an option that ``photo`` and ``folder`` both have is one field here.
Nothing in this file imports torch, numpy or an image codec: it is loaded for ``--help`` and for every TAB.
"""
# No `from __future__ import annotations` here: the lambdas inside Annotated must close over this module.

import dataclasses
import inspect
import re
import sys
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from colorcli.cli._errors import set_debug
from colorcli.cli._output import Output
from colorcli.engine.options import PRECISIONS
from colorcli.errors import UsageError
from colorcli.registry import near_miss

if TYPE_CHECKING:
    from colorcli.weights.pull import Fetching

DEVICES = ("auto", "cpu", "cuda", "mps")
FORMS = ("joint", "report")

#: Headings of ``--help``.
COLOUR, MACHINE, FILES, WORDS = "Colour", "Machine", "Files", "Messages"


def models() -> list[str]:
    """Return the names of the installed models."""
    from colorcli.weights import resolve

    return resolve.names()


def check_name(noun: str, value: str | None, known: Iterable[str]) -> str | None:
    """Return ``value`` if it is None or known.

    Raises:
        UsageError: it is neither; the hint holds a near miss.
    """
    known = list(known)
    if value is not None and value not in known:
        raise UsageError(f"unknown {noun} {value!r}", hint=near_miss(value, known))
    return value


def one_of(noun: str, known: Callable[[], Iterable[str]]) -> Callable[[str | None], str | None]:
    """Return a check of an option's value for typer to call."""

    def check(value: str | None) -> str | None:
        return check_name(noun, value, known())

    return check


def _device(value: str) -> str:
    if not re.fullmatch(r"cuda:\d+", value):
        check_name("device", value, (*DEVICES, "cuda:N"))
    return value


def completion(known: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """Return what typer calls on TAB; the shell completes file names where nothing fits."""

    def complete(incomplete: str) -> list[str]:
        return [name for name in known() if name.startswith(incomplete)]

    return complete


DeviceOption = Annotated[
    str,
    typer.Option(
        "--device",
        envvar="COLORCLI_DEVICE",
        callback=_device,
        autocompletion=completion(lambda: DEVICES),
        help="auto, cpu, cuda, cuda:N or mps.",
        rich_help_panel=MACHINE,
    ),
]
PrecisionOption = Annotated[
    str,
    typer.Option(
        "--precision",
        envvar="COLORCLI_PRECISION",
        autocompletion=completion(lambda: PRECISIONS),
        callback=one_of("precision", lambda: PRECISIONS),
        help=f"Of the network: {', '.join(PRECISIONS)}.",
        rich_help_panel=MACHINE,
    ),
]


def spread(function: Callable[..., None]) -> Callable[..., None]:
    """Replace a command's parameter ``options``, a dataclass, by the dataclass's fields as typer sees them."""
    hints = typing.get_type_hints(function, include_extras=True)
    kind = hints["options"]
    kinds = typing.get_type_hints(kind, include_extras=True)
    shared = dataclasses.fields(kind)

    def command(**values: Any) -> None:
        picked = {field.name: values.pop(field.name) for field in shared}
        function(**values, options=kind(**picked))

    own = [
        parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "options"
    ]
    spread_out = [
        inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=kinds[f.name])
        for f in shared
    ]
    parameters = [*own, *spread_out]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__name__, command.__doc__ = function.__name__, function.__doc__
    return command


@dataclass(frozen=True, kw_only=True)
class Words:
    """What a command says, and how: the options of every command."""

    json: Annotated[bool, typer.Option("--json", help="JSON on stdout: one object a line.", rich_help_panel=WORDS)] = (
        False
    )
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Errors only; results still go to stdout.", rich_help_panel=WORDS),
    ] = False
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose",
            "-v",
            count=True,
            show_default=False,
            help="Say more; -vv also what libraries log.",
            rich_help_panel=WORDS,
        ),
    ] = 0
    debug: Annotated[
        bool,
        typer.Option(
            "--debug",
            is_eager=True,
            callback=set_debug,
            envvar="COLORCLI_DEBUG",
            help="Show tracebacks of errors.",
            rich_help_panel=WORDS,
        ),
    ] = False

    def output(self) -> Output:
        """Return the voice these options ask for.

        Raises:
            UsageError: both --quiet and --verbose.
        """
        if self.quiet and self.verbose:
            raise UsageError("--quiet and --verbose exclude each other", hint="leave one out")
        return Output(json=self.json, quiet=self.quiet, verbose=self.verbose)


@dataclass(frozen=True, kw_only=True)
class Models(Words):
    """How weights are had that are not here yet: the options of every command that takes a model."""

    offline: Annotated[
        bool,
        typer.Option("--offline", envvar="COLORCLI_OFFLINE", help="Fetch no weights.", rich_help_panel=MACHINE),
    ] = False
    accept_licence: Annotated[
        bool,
        typer.Option(
            "--accept-licence",
            "--accept-license",
            help="Agree to a model's licence that excludes commercial use; remembered.",
            rich_help_panel=MACHINE,
        ),
    ] = False

    def fetching(self, output: Output) -> "Fetching":
        """Return how downloads are gone about, announced by ``output``."""
        from colorcli.weights.pull import Fetching

        return Fetching(
            offline=self.offline,
            accept_licence=self.accept_licence,
            say=output.note,
            bars=not self.quiet and sys.stderr.isatty(),
        )
