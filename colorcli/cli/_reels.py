"""The films among a folder's photos: each gets colour as ``colorcli video`` gives it, in the same mirrored tree."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from colorcli.cli._output import Output, duration
from colorcli.errors import ColorcliError, SomeFailedError
from colorcli.media._messages import printable
from colorcli.media.video.codecs import output_suffix

if TYPE_CHECKING:
    from colorcli.cli._pictures import Pictures
    from colorcli.engine.clip.job import FilmJob
    from colorcli.engine.options import ColorizeOptions, RunOptions


def run(
    root: Path,
    out: Path,
    films: Sequence[Path],
    asked: ColorizeOptions,
    how: RunOptions,
    options: Pictures,
    output: Output,
) -> None:
    """Colorize films that lie below a folder. What is done already is skipped, what is half done gone on with.

    Raises:
        SomeFailedError: some of them failed.
        ColorcliError: what is wrong with model or device.
        KeyboardInterrupt: with a sentence on how far it went.
    """
    jobs = plan(root, out, films)
    todo = [job for job in jobs if how.overwrite or how.force or not job.output.exists()]
    for job in jobs:
        if job not in todo:
            record = {"input": job.source, "output": str(job.output), "status": "skipped"}
            output.result({**record, "reason": "done already"})
            output.detail(f"{printable(job.source)}: skipped, done already (--force does it again)")
    if options.dry_run:
        for job in todo:
            if output.json:
                output.result({"input": job.source, "output": str(job.output), "status": "planned"})
            else:
                output.line(f"{printable(job.source)} -> {printable(job.output)}")
        return
    if not todo:
        return

    from colorcli.engine.colorizer import Colorizer
    from colorcli.weights.resolve import resolve

    colorizer = Colorizer(asked, model=resolve(asked.model))
    failed = 0
    for place, job in enumerate(todo):
        try:
            _film(job, colorizer, how, options, output)
        except ColorcliError as error:
            failed += 1
            record = {"input": job.source, "output": str(job.output), "status": "failed"}
            output.result({**record, "reason": error.message, "hint": error.hint})
            output.failure(error)
            if how.fail_fast:
                break
        except KeyboardInterrupt as interrupt:
            raise KeyboardInterrupt(
                f"interrupted with {place} of {len(todo)} films done; the same command goes on from there"
            ) from interrupt
    if failed:
        raise SomeFailedError(
            f"{failed} of {len(todo)} films failed",
            hint="the same command, once they are mended, does only what is missing",
        )


def plan(root: Path, out: Path, films: Sequence[Path]) -> list[FilmJob]:
    """Give each film its place in the mirrored tree, and no two the same."""
    from colorcli.engine.clip.job import FilmJob

    jobs, taken = [], set()
    for path in films:
        target = out / path.relative_to(root).with_suffix(output_suffix(path.suffix))
        if target in taken:  # reel.wmv beside reel.mkv
            target = target.with_name(f"{path.name}{target.suffix}")
        taken.add(target)
        jobs.append(FilmJob(path, target))
    return jobs


def _film(job: FilmJob, colorizer: object, how: RunOptions, options: Pictures, output: Output) -> None:
    from colorcli.engine.clip.film import FilmRun
    from colorcli.engine.clip.job import FilmOptions
    from colorcli.engine.clip.options import SteadyOptions
    from colorcli.engine.colorizer import Colorizer

    assert isinstance(colorizer, Colorizer)
    job.output.parent.mkdir(parents=True, exist_ok=True)
    asked = FilmOptions(
        overwrite=how.overwrite or how.force, force=how.force, provenance=how.provenance, keep_times=how.keep_times
    )
    steady = SteadyOptions(on_color="recolor" if options.on_color == "recolor" else "skip")
    with closing(FilmRun(job, colorizer, asked, steady)) as film, output.progress(film.total, "frames") as ticker:
        result = None
        for done, found in film.run():
            ticker.tick(reached=done)
            result = found
    assert result is not None
    output.result(result.to_json(), job.output)
    for warning in dict.fromkeys((*film.warnings, *result.warnings)):
        output.warning(f"{printable(job.source)}: {warning}")
    output.detail(
        f"{printable(job.source)} -> {printable(job.output)} ({result.frames} frames, {duration(result.seconds)})"
    )
