"""The options that commands share, each said once: its names, its help, its environment variable, its completion.

A command takes them as one frozen dataclass: ``@spread`` shows typer the dataclass's fields as options of the command
and hands their values over in one object. So an option that ``photo`` and ``folder`` both have is one field here.
Nothing in this file imports torch, numpy or an image codec: it is loaded for ``--help`` and for every TAB.
"""
# No `from __future__ import annotations` here: the lambdas inside Annotated must close over this module.

import dataclasses
import inspect
import re
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from colorcli.cli._errors import set_debug
from colorcli.cli._output import Output
from colorcli.engine.options import PRECISIONS, ColorizeOptions, RunOptions
from colorcli.errors import UsageError
from colorcli.registry import DECODERS, UPSAMPLERS, near_miss

DEVICES = ("auto", "cpu", "cuda", "mps")
FORMS = ("joint", "report")

_COLOUR, _MACHINE, _FILES, _WORDS = "Colour", "Machine", "Files", "Messages"


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


def _one_of(noun: str, known: Callable[[], Iterable[str]]) -> Callable[[str | None], str | None]:
    """Return a check of an option's value for typer to call."""

    def check(value: str | None) -> str | None:
        return check_name(noun, value, known())

    return check


def _device(value: str) -> str:
    if not re.fullmatch(r"cuda:\d+", value):
        check_name("device", value, (*DEVICES, "cuda:N"))
    return value


def _completion(known: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
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
        autocompletion=_completion(lambda: DEVICES),
        help="auto, cpu, cuda, cuda:N or mps.",
        rich_help_panel=_MACHINE,
    ),
]
PrecisionOption = Annotated[
    str,
    typer.Option(
        "--precision",
        envvar="COLORCLI_PRECISION",
        autocompletion=_completion(lambda: PRECISIONS),
        callback=_one_of("precision", lambda: PRECISIONS),
        help=f"Of the network: {', '.join(PRECISIONS)}.",
        rich_help_panel=_MACHINE,
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

    json: Annotated[bool, typer.Option("--json", help="JSON on stdout: one object a line.", rich_help_panel=_WORDS)] = (
        False
    )
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Errors only; results still go to stdout.", rich_help_panel=_WORDS),
    ] = False
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose",
            "-v",
            count=True,
            show_default=False,
            help="Say more; -vv also what libraries log.",
            rich_help_panel=_WORDS,
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
            rich_help_panel=_WORDS,
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
class Pictures(Words):
    """How pictures are colorized and written: the options of ``photo`` and ``folder``."""

    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            envvar="COLORCLI_MODEL",
            autocompletion=_completion(models),
            help="Name of a model, run folder or .safetensors file.",
            rich_help_panel=_COLOUR,
        ),
    ] = "default"
    strength: Annotated[
        float | None,
        typer.Option(
            envvar="COLORCLI_STRENGTH",
            help="Factor on the colours: 0 is gray, 2 twice as strong.",
            show_default="the model's",
            rich_help_panel=_COLOUR,
        ),
    ] = None
    temperature: Annotated[
        float | None,
        typer.Option(
            envvar="COLORCLI_TEMPERATURE",
            help="Below 1 bolder, above 1 more cautious.",
            show_default="the model's",
            rich_help_panel=_COLOUR,
        ),
    ] = None
    decoder: Annotated[
        str | None,
        typer.Option(
            envvar="COLORCLI_DECODER",
            autocompletion=_completion(DECODERS.names),
            callback=_one_of("decoder", DECODERS.names),
            help=f"From distribution to colour: {', '.join(DECODERS.names())}.",
            show_default="the model's",
            rich_help_panel=_COLOUR,
        ),
    ] = None
    mrf_form: Annotated[
        str | None,
        typer.Option(
            envvar="COLORCLI_MRF_FORM",
            autocompletion=_completion(lambda: FORMS),
            callback=_one_of("form of the mrf decoder", lambda: FORMS),
            help=f"Field of the mrf decoder: {' or '.join(FORMS)}.",
            show_default="the model's",
            rich_help_panel=_COLOUR,
        ),
    ] = None
    palette: Annotated[
        Path | None,
        typer.Option(envvar="COLORCLI_PALETTE", help="Prefer the colours of this picture.", rich_help_panel=_COLOUR),
    ] = None
    upsampler: Annotated[
        str | None,
        typer.Option(
            envvar="COLORCLI_UPSAMPLER",
            autocompletion=_completion(UPSAMPLERS.names),
            callback=_one_of("upsampler", UPSAMPLERS.names),
            help=f"From small to full-size colour: {', '.join(UPSAMPLERS.names())}.",
            show_default="the model's",
            rich_help_panel=_COLOUR,
        ),
    ] = None
    seed: Annotated[
        int,
        typer.Option(envvar="COLORCLI_SEED", help="For decoders that draw (sample).", rich_help_panel=_COLOUR),
    ] = 0
    size: Annotated[
        int | None,
        typer.Option(
            envvar="COLORCLI_SIZE",
            help="The network looks at size x size pixels' worth of the photo.",
            show_default="the model's",
            rich_help_panel=_MACHINE,
        ),
    ] = None
    device: DeviceOption = "auto"
    precision: PrecisionOption = "auto"
    quality: Annotated[
        int,
        typer.Option(envvar="COLORCLI_QUALITY", help="Of JPEG and WebP output, 1 to 100.", rich_help_panel=_FILES),
    ] = 95
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace outputs that exist.", rich_help_panel=_FILES)
    ] = False
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Only say what would be done.", rich_help_panel=_FILES)
    ] = False

    def colorize(self) -> ColorizeOptions:
        """Return what the engine is asked for.

        Raises:
            UsageError: a number out of its range.
        """
        return ColorizeOptions(
            model=self.model,
            device=self.device,
            precision=self.precision,
            size=self.size,
            strength=self.strength,
            temperature=self.temperature,
            decoder=self.decoder,
            form=self.mrf_form,
            upsampler=self.upsampler,
            seed=self.seed,
            palette=self.palette,
        )

    def run(self, **more: Any) -> RunOptions:
        """Return how the engine is to go about it; ``more`` are fields of ``RunOptions``.

        Raises:
            UsageError: a number out of its range.
        """
        return RunOptions(overwrite=self.overwrite, quality=self.quality, **more)
