"""The options of ``colorcli video``."""
# No `from __future__ import annotations` here: the lambdas inside Annotated must close over this module.

import re
from dataclasses import dataclass
from typing import Annotated

import typer

from colorcli.cli._options import completion, one_of
from colorcli.cli._steady import Steadied
from colorcli.engine.clip.job import COMPARISONS, FilmOptions
from colorcli.engine.options import RunOptions
from colorcli.errors import UsageError
from colorcli.media.video.codecs import CODECS, Encoding

_CODING, _PART = "Encoding", "Part and view"
_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?)|(\d+(?:\.\d*)?)\s*(ms|s|min|m|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def seconds(text: str) -> float:
    """Read a time: ``90``, ``1:30``, ``0:01:30.5``, ``90s``, ``1.5m``, ``2h``.

    Raises:
        UsageError: it is none.
    """
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"not a time: {text!r}", hint="write 90, 1:30, 0:01:30.5, 10s, 2m or 1h")
    hours, minutes, rest, number, unit = found.groups()
    if unit:
        return float(number) * _UNITS[unit]
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(rest)


def _time(value: str | None) -> str | None:
    if value is not None:
        seconds(value)
    return value


@dataclass(frozen=True, kw_only=True)
class Films(Steadied):
    """How films are colorized and written: the options of ``video``."""

    codec: Annotated[
        str | None,
        typer.Option(
            envvar="COLORCLI_CODEC",
            autocompletion=completion(lambda: CODECS),
            callback=one_of("codec", lambda: CODECS),
            help=f"Of the pictures: {', '.join(CODECS)}.",
            show_default="h264; vp9 in .webm",
            rich_help_panel=_CODING,
        ),
    ] = None
    crf: Annotated[
        int | None,
        typer.Option(
            envvar="COLORCLI_CRF",
            help="Constant rate factor: lower is better and larger.",
            show_default="18 for h264, 20 for hevc, 24 for av1 and vp9",
            rich_help_panel=_CODING,
        ),
    ] = None
    preset: Annotated[
        str | None,
        typer.Option(
            envvar="COLORCLI_PRESET",
            help="How hard the encoder tries; of prores the profile.",
            show_default="the codec's",
            rich_help_panel=_CODING,
        ),
    ] = None
    pix_fmt: Annotated[
        str | None,
        typer.Option(
            help="Pixel format as FFmpeg names it.",
            show_default="4:2:0, in 10 bits where the source has more than 8",
            rich_help_panel=_CODING,
        ),
    ] = None
    start: Annotated[
        str | None,
        typer.Option(callback=_time, metavar="TIME", help="Begin there: 90, 1:30 or 2m.", rich_help_panel=_PART),
    ] = None
    end: Annotated[
        str | None, typer.Option(callback=_time, metavar="TIME", help="Stop there.", rich_help_panel=_PART)
    ] = None
    preview: Annotated[
        str | None,
        typer.Option(callback=_time, metavar="TIME", help="Only so much, from --start on.", rich_help_panel=_PART),
    ] = None
    compare: Annotated[
        str | None,
        typer.Option(
            autocompletion=completion(lambda: COMPARISONS),
            callback=one_of("comparison", lambda: COMPARISONS),
            help="Show before and after: side by side, or split in the middle.",
            rich_help_panel=_PART,
        ),
    ] = None
    deinterlace: Annotated[
        bool, typer.Option("--deinterlace", help="Make whole pictures of fields.", rich_help_panel=_PART)
    ] = False
    force: Annotated[
        bool, typer.Option("--force", help="Begin anew what was left half done.", rich_help_panel=_PART)
    ] = False

    def pictures(self) -> RunOptions:
        """Return how the pictures of a sequence are to be written.

        Raises:
            UsageError: an option that has no meaning for them.
        """
        for name in ("codec", "crf", "preset", "pix_fmt", "start", "end", "preview", "compare"):
            if getattr(self, name) is not None:
                option = name.replace("_", "-")
                raise UsageError(f"--{option} is for films, not for a sequence of pictures", hint="leave it out")
        return RunOptions(overwrite=self.overwrite, force=self.force, provenance=not self.no_provenance)

    def film(self) -> FilmOptions:
        """Return how the engine is to write the film.

        Raises:
            UsageError: a number out of its range, or options that exclude each other.
        """
        start = seconds(self.start) if self.start is not None else 0.0
        end = seconds(self.end) if self.end is not None else None
        if self.preview is not None:
            if end is not None:
                raise UsageError("--preview and --end exclude each other", hint="leave one out")
            end = start + seconds(self.preview)
        return FilmOptions(
            encoding=Encoding(codec=self.codec, crf=self.crf, preset=self.preset, pix_fmt=self.pix_fmt),
            start=start,
            end=end,
            compare=self.compare,  # type: ignore[arg-type]  # checked by its callback
            deinterlace=self.deinterlace,
            overwrite=self.overwrite,
            force=self.force,
            provenance=not self.no_provenance,
            keep_times=self.keep_times,
        )
