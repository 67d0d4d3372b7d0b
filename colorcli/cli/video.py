"""``colorcli video``: films."""
# No `from __future__ import annotations` here: the lambdas inside Annotated must close over this module.

import re
import sys
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colorcli.cli._options import completion, one_of, spread
from colorcli.cli._output import Output, Ticker, duration
from colorcli.cli._steady import Steadied
from colorcli.cli._survey import survey
from colorcli.engine.clip.job import COMPARISONS, FilmJob, FilmOptions
from colorcli.errors import ColorcliError, MediaError, UsageError
from colorcli.media._messages import printable
from colorcli.media.discover import OUTPUT_MARK
from colorcli.media.video.codecs import CODECS, Encoding, output_suffix

if TYPE_CHECKING:
    from colorcli.engine.clip.film import FilmResult, FilmRun

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


@spread
def command(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A film.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The film that is made of it; its suffix says the container.",
            show_default="beside the input, with _color in its name",
        ),
    ] = None,
    *,
    options: Films,
) -> None:
    """Colorize a film: its pictures get colour, all else stays. Killed, the same command goes on where it was.

    colorcli video reel.mp4 -o reel-color.mp4

    colorcli video reel.mov --preview 10s --compare split

    colorcli video reel.mkv --codec ffv1 -o master.mkv
    """
    output, asked, how, steady = options.output(), options.colorize(), options.film(), options.steady()
    if options.export_shots is not None or options.export_keyframes is not None:
        if out is not None:
            raise UsageError("--export-shots and --export-keyframes make no film", hint="leave out -o")
        survey(source, options)
        return
    job = plan(source, out)

    from colorcli.weights.resolve import resolve

    model = resolve(asked.model)
    if not options.dry_run and job.output.exists() and not how.overwrite:
        raise MediaError(f"the output exists already: {printable(job.output)}", hint="--overwrite replaces it")

    from colorcli.engine.clip.film import FilmRun
    from colorcli.engine.colorizer import Colorizer

    colorizer = Colorizer(asked, model=model)
    with closing(FilmRun(job, colorizer, how, steady)) as run:
        if options.dry_run:
            _show_plan(run, job, output)
            return
        _tell_film(run, output)
        with output.progress(run.total, "frames") as ticker:
            result = _follow(run.run(), ticker, run)
    _tell_result(result, run, output)


def plan(source: Path, out: Path | None) -> FilmJob:
    """Turn what the command line names into a job.

    Raises:
        UsageError: input and output are one.
        MediaError: the input is a folder; the output's name says no container.
    """
    if source.is_dir():
        raise MediaError(f"{source} is a folder", hint=f"colorize all in it with `colorcli folder {source}`")
    if out is None:
        out = source.with_name(f"{source.stem}{OUTPUT_MARK}{output_suffix(source.suffix)}")
    elif out.is_dir():
        out = out / f"{source.stem}{output_suffix(source.suffix)}"
    return FilmJob(source, out)


def _follow(steps: Generator[tuple[int, "FilmResult | None"]], ticker: Ticker, run: "FilmRun") -> "FilmResult":
    result = None
    try:
        for done, result in steps:
            if result is None:
                ticker.tick(reached=done)
    except KeyboardInterrupt as interrupt:
        steps.close()
        of = f" of about {run.total}" if run.total else ""
        raise KeyboardInterrupt(
            f"interrupted with {run.safe}{of} frames stored; the same command goes on from there"
        ) from interrupt
    except ColorcliError as error:
        if not run.safe:
            raise
        error.hint = (
            f"{error.hint}; the same command goes on from frame {run.safe}"
            if error.hint
            else (f"the same command goes on from frame {run.safe}")
        )
        raise
    assert result is not None
    return result


def _tell_film(run: "FilmRun", output: Output) -> None:
    film, target = run.film, run.target
    output.detail(
        f"{film.width} x {film.height}, {float(film.rate):.4g} frames/s, {film.codec} in {film.layout.name},"
        f" {film.matrix}, {'full' if film.full else 'limited'} range; out as {target.encoder} in {target.layout.name}"
    )
    for warning in run.warnings:
        output.warning(warning)


def _tell_result(result: "FilmResult", run: "FilmRun", output: Output) -> None:
    output.result(result.to_json(), Path(result.output))
    for warning in dict.fromkeys((*run.warnings, *result.warnings)):
        output.warning(f"{printable(result.input)}: {warning}")
    parts = [f"{result.frames} frames, {len(result.shots)} {'shot' if len(result.shots) == 1 else 'shots'}"]
    parts += [f"{result.kept} frames in colour already left as they are"] if result.kept else []
    parts += [f"{duration(result.seconds)}"]
    parts += [f"{result.rate:.3g} frames/s"] if result.rate else []
    output.note(f"{printable(result.input)} -> {printable(result.output)} ({', '.join(parts)})")


def _show_plan(run: "FilmRun", job: FilmJob, output: Output) -> None:
    estimate = run.estimate()
    film, target = run.film, run.target
    notes = [*run.warnings, *target.notes]
    record = {
        "input": str(job.input),
        "output": str(job.output),
        "status": "planned",
        "film": film.to_json(),
        "frames": run.total,
        "encoder": target.encoder,
        "pix_fmt": target.layout.name,
        "options": target.encoding.options,
        "notes": notes,
        **estimate,
    }
    if output.json:
        output.result(record)
    else:
        output.line(f"{printable(job.input)} -> {printable(job.output)}")
        for stream in film.streams:
            language = f", {stream['language']}" if stream["language"] else ""
            output.line(f"  stream {stream['index']}: {stream['type']} ({stream['codec']}{language})")
        output.line(
            f"  pictures: {film.width} x {film.height}, {film.layout.name}, {float(film.rate):.4g} frames/s ->"
            f" {target.encoder}, {target.layout.name}"
        )
        for note in notes:
            output.line(f"  note: {note}")
        length = f"{run.total} frames" if run.total else "frames: not known"
        time = f", about {duration(estimate['seconds'])}" if estimate["seconds"] else ""
        output.line(f"  {length}{time} at {estimate['rate']:.3g} frames/s")
    output.note("nothing done")
    sys.stdout.flush()
