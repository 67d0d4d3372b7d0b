"""The options that hold a film's colours still."""
# No `from __future__ import annotations` here: typer reads the annotations.

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from colorcli.cli._pictures import Colouring
from colorcli.engine.clip.options import SteadyOptions

_STEADY = "Steady colour"


@dataclass(frozen=True, kw_only=True)
class Steadied(Colouring):
    """How the colours of frames are made to agree with each other."""

    stabilize: Annotated[
        float,
        typer.Option(
            envvar="COLORCLI_STABILIZE",
            help="How much of a colour comes from the frames around: 0 is frame by frame, 1 the steadiest.",
            rich_help_panel=_STEADY,
        ),
    ] = SteadyOptions.stabilize
    look_ahead: Annotated[
        int,
        typer.Option(
            envvar="COLORCLI_LOOK_AHEAD",
            metavar="FRAMES",
            help="So many frames after a frame count for its colours.",
            rich_help_panel=_STEADY,
        ),
    ] = SteadyOptions.look_ahead
    every: Annotated[
        int,
        typer.Option(
            envvar="COLORCLI_EVERY",
            metavar="N",
            help="Show the network every Nth frame of a shot only; motion carries the colours between them.",
            rich_help_panel=_STEADY,
        ),
    ] = SteadyOptions.every
    cut: Annotated[
        float,
        typer.Option(
            envvar="COLORCLI_CUT",
            help="A shot begins where less than this share of a frame is found in the next: higher cuts more, 0 never.",
            rich_help_panel=_STEADY,
        ),
    ] = SteadyOptions.cut
    shots: Annotated[
        Path | None,
        typer.Option(
            metavar="JSON",
            help="Where shots begin, and their palettes, instead of finding out.",
            rich_help_panel=_STEADY,
        ),
    ] = None

    export_shots: Annotated[
        Path | None,
        typer.Option(
            metavar="JSON",
            help="Write where shots begin, for --shots, and stop: nothing is coloured.",
            rich_help_panel=_STEADY,
        ),
    ] = None
    keyframes: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Frames coloured by hand, named by number or time; motion carries their colours through their shots.",
            rich_help_panel=_STEADY,
        ),
    ] = None
    export_keyframes: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write a still of each shot to be coloured by hand, for --keyframes, and stop.",
            rich_help_panel=_STEADY,
        ),
    ] = None

    def steady(self) -> SteadyOptions:
        """Return how the engine is to hold colours still.

        Raises:
            UsageError: a number out of its range.
        """
        return SteadyOptions(
            stabilize=self.stabilize,
            cut=self.cut,
            every=self.every,
            look_ahead=self.look_ahead,
            on_color="recolor" if self.on_color == "recolor" else "skip",  # in a film to copy is to pass through
            shots=self.shots,
            keyframes=self.keyframes,
        )
