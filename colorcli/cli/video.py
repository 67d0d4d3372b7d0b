"""``colorcli video``: films."""
# No `from __future__ import annotations` here: the lambdas inside Annotated must close over this module.

import sys
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colorcli.cli._films import Films
from colorcli.cli._options import spread
from colorcli.cli._output import Output, Ticker, duration
from colorcli.cli._survey import survey
from colorcli.engine.clip.job import FilmJob
from colorcli.engine.plan import STREAM
from colorcli.errors import ColorcliError, MediaError, SomeFailedError, UsageError
from colorcli.media._messages import printable
from colorcli.media.discover import OUTPUT_MARK
from colorcli.media.video.codecs import output_suffix

if TYPE_CHECKING:
    from colorcli.engine.clip.film import FilmRun
    from colorcli.engine.clip.raw import RawRun
    from colorcli.engine.clip.result import FilmResult
    from colorcli.engine.clip.sequence import SequenceRun
    from colorcli.engine.colorizer import Colorizer

    Run = FilmRun | RawRun | SequenceRun


@spread
def command(
    source: Annotated[
        str, typer.Argument(metavar="IN", help="A film; a folder of numbered pictures; or - for y4m on standard input.")
    ],
    out: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="The film that is made of it, its suffix says the container; a folder for pictures; or - for y4m on"
            " standard output.",
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

    colorcli video frames/ -o colored/

    ffmpeg -i reel.vob -f yuv4mpegpipe - | colorcli video - -o reel.mp4
    """
    output, asked, how = options.output(), options.colorize(), options.film()
    options.steady()  # what is out of range is told before any work
    if options.export_shots is not None or options.export_keyframes is not None:
        if out is not None:
            raise UsageError("--export-shots and --export-keyframes make no film", hint="leave out -o")
        if source == STREAM or Path(source).is_dir():
            raise UsageError("--export-shots and --export-keyframes are for films in files", hint="name one")
        survey(Path(source), options)
        return
    pictures = source != STREAM and Path(source).is_dir()
    job = None if pictures or STREAM in (out or source,) else plan(source, out)
    if job is None and not pictures:
        _check_streams(source, json=options.json)

    from colorcli.weights.pull import named, pull

    model = named(asked.model)
    if job is not None and not options.dry_run and job.output.exists() and not how.overwrite:
        raise MediaError(f"the output exists already: {printable(job.output)}", hint="--overwrite replaces it")

    if model.file is None and not options.dry_run:
        model = pull(model.card, options.fetching(output))

    from colorcli.engine.colorizer import Colorizer

    colorizer = Colorizer(asked, model=model)
    if job is not None:
        run = _film(job, colorizer, options)
    elif pictures:
        run = _sequence(source, out, colorizer, options)
    else:
        run = _stream(source, colorizer, options)
    with closing(run):
        if options.dry_run:
            _show_plan(run, source, output)
            return
        told = _tell(run, output)
        with output.progress(run.total, "frames") as ticker:
            result = _follow(run.run(), ticker, run, output)
    _tell_result(result, run.warnings[told:], output)


def _film(job: FilmJob, colorizer: "Colorizer", options: Films) -> "Run":
    from colorcli.engine.clip.film import FilmRun

    return FilmRun(job, colorizer, options.film(), options.steady())


def _sequence(source: str, out: str | None, colorizer: "Colorizer", options: Films) -> "Run":
    from colorcli.engine.clip.sequence import SequenceRun

    return SequenceRun(Path(source), _folder(source, out), colorizer, options.pictures(), options.steady())


def _stream(source: str, colorizer: "Colorizer", options: Films) -> "Run":
    from colorcli.engine.clip.raw import RawRun

    given = sys.stdin.buffer if source == STREAM else Path(source)
    return RawRun(given, sys.stdout.buffer, colorizer, options.film(), options.steady())


def plan(source: str, out: str | None) -> FilmJob:
    """Turn what the command line names into a job.

    Raises:
        UsageError: input and output are one.
        MediaError: the output's name says no container.
    """
    if source == STREAM:
        return FilmJob(sys.stdin.buffer, Path(str(out)))
    path = Path(source)
    if out is None:
        target = path.with_name(f"{path.stem}{OUTPUT_MARK}{output_suffix(path.suffix)}")
    elif Path(out).is_dir():
        target = Path(out) / f"{path.stem}{output_suffix(path.suffix)}"
    else:
        target = Path(out)
    return FilmJob(path, target)


def _folder(source: str, out: str | None) -> Path:
    if out == STREAM:
        raise UsageError("a sequence of pictures goes to a folder", hint="name one with -o")
    named = Path(source) if Path(source).name.strip(".") else Path(source).resolve()
    return named.with_name(f"{named.name}{OUTPUT_MARK}") if out is None else Path(out)


def _check_streams(source: str, *, json: bool) -> None:
    if json:
        raise UsageError("--json and the film cannot share standard output", hint="name a file with -o")
    if sys.stdout.isatty():
        raise UsageError("a film is not written to a terminal", hint="name a file with -o, or pipe it on")
    if source == STREAM and sys.stdin.isatty():
        raise UsageError("standard input is a terminal", hint="pipe a raw film (y4m) into it")


def _follow(
    steps: "Generator[tuple[int, FilmResult | None]]",
    ticker: Ticker,
    run: "Run",
    output: Output,
) -> "FilmResult":
    result = None
    try:
        for done, result in steps:
            if result is None:
                ticker.tick(reached=done)
    except KeyboardInterrupt as interrupt:
        steps.close()
        of = f" of about {run.total}" if run.total else ""
        stored = f"interrupted with {run.safe}{of} frames stored"
        raise KeyboardInterrupt(f"{stored}; the same command goes on from there") from interrupt
    except SomeFailedError:
        if result is not None:
            output.result(result.to_json(), Path(result.output))
        raise
    except ColorcliError as error:
        if run.safe:
            goes_on = f"the same command goes on from frame {run.safe}"
            error.hint = f"{error.hint}; {goes_on}" if error.hint else goes_on
        raise
    assert result is not None
    return result


def _tell(run: "Run", output: Output) -> int:
    """Say what is known before the work; return how many warnings that were."""
    film, target = getattr(run, "film", None), getattr(run, "target", None)
    if film is not None and target is not None:
        output.detail(
            f"{film.width} x {film.height}, {float(film.rate):.4g} frames/s, {film.codec} in {film.layout.name},"
            f" {film.matrix}, {'full' if film.full else 'limited'} range; out as {target.encoder} in"
            f" {target.layout.name}"
        )
    for warning in run.warnings:
        output.warning(warning)
    return len(run.warnings)


def _tell_result(result: "FilmResult", warnings: list[str], output: Output) -> None:
    if result.output != STREAM:
        output.result(result.to_json(), Path(result.output))
    for warning in dict.fromkeys((*warnings, *result.warnings)):
        output.warning(f"{printable(result.input)}: {warning}")
    parts = [f"{result.frames} frames, {len(result.shots)} {'shot' if len(result.shots) == 1 else 'shots'}"]
    parts += [f"{result.kept} frames in colour already left as they are"] if result.kept else []
    parts += [f"{duration(result.seconds)}"]
    parts += [f"{result.rate:.3g} frames/s"] if result.rate else []
    output.note(f"{printable(result.input)} -> {printable(result.output)} ({', '.join(parts)})")


def _show_plan(run: "Run", source: str, output: Output) -> None:
    record = {"input": source, "output": run.output, "status": "planned", **run.plan()}
    if output.json:
        output.result(record)
        output.note("nothing done")
        return
    film = record.get("film") or {}
    output.line(f"{printable(source)} -> {printable(run.output)}")
    for stream in film.get("streams", ()):
        language = f", {stream['language']}" if stream["language"] else ""
        output.line(f"  stream {stream['index']}: {stream['type']} ({stream['codec']}{language})")
    if film:
        output.line(
            f"  pictures: {film['width']} x {film['height']}, {film['pix_fmt']}, {film['rate']:.4g} frames/s ->"
            f" {record['encoder']}, {record['pix_fmt']}"
        )
    for note in record["notes"]:
        output.line(f"  note: {note}")
    length = f"{run.total} frames" if run.total else "frames: not known"
    time = f", about {duration(record['seconds'])}" if record["seconds"] else ""
    output.line(f"  {length}{time} at {record['rate']:.3g} frames/s" if record["rate"] else f"  {length}")
    output.note("nothing done")
