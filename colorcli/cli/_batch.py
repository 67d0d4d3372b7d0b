"""What ``photo`` and ``folder`` do once they know their jobs: run them, tell what became of each, sum up."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from colorcli.cli._options import Pictures
from colorcli.cli._output import Output, duration
from colorcli.engine.options import ColorizeOptions, RunOptions
from colorcli.errors import ColorcliError, DeviceError, SomeFailedError

if TYPE_CHECKING:
    from colorcli.engine.plan import Job
    from colorcli.engine.result import Result
    from colorcli.weights.resolve import Model

_EXISTS = "the output exists"


def run(
    jobs: Sequence[Job],
    asked: ColorizeOptions,
    how: RunOptions,
    options: Pictures,
    output: Output,
    *,
    folder: Path | None = None,
) -> None:
    """Colorize the jobs' photos.

    Args:
        jobs: at least one.
        asked: how photos are colorized.
        how: how the run goes about it.
        options: of the command line; ``dry_run``, ``overwrite`` and ``debug`` count here.
        output: the command's voice.
        folder: takes all outputs, and is made first; None where each photo has an output of its own.

    Raises:
        ColorcliError: what is wrong with model or device; with the photo, where it is one without a ``folder``.
        SomeFailedError: otherwise, where some of them failed.
        OSError: ``folder`` cannot be made; the one photo cannot be opened.
        KeyboardInterrupt: with a sentence on how far it went.
    """
    from colorcli.weights.resolve import resolve

    # Before torch is loaded: misspelt models and, for one photo, misspelt paths are told at once.
    model = resolve(asked.model)
    if options.dry_run:
        _show_plan(jobs, model, how, output)
        return
    todo = [job for job in jobs if not _is_skipped(job, how)]
    alone = folder is None and len(jobs) == 1
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    if alone and todo and isinstance(todo[0].input, Path):
        with todo[0].input.open("rb"):
            pass
    _Run(len(jobs), len(todo), alone, options, output).follow(_results(jobs, asked, how, model, output))


def _is_skipped(job: Job, how: RunOptions) -> bool:
    return job.exists and not how.overwrite


def _show_plan(jobs: Sequence[Job], model: Model, how: RunOptions, output: Output) -> None:
    for job in jobs:
        skipped = _is_skipped(job, how)
        if output.json:
            status = "skipped" if skipped else "planned"
            reason = _EXISTS if skipped else None
            record = {"input": job.source, "output": job.target, "status": status, "reason": reason}
            output.result({**record, "model": model.card.name})
        else:
            output.line(f"{job.source} -> {job.target}" + ("  (exists, skipped)" if skipped else ""))
    todo = sum(not _is_skipped(job, how) for job in jobs)
    output.note(f"{_photos(todo)} to colorize with model {model.card.name}, {len(jobs) - todo} to skip; nothing done")


def _results(
    jobs: Sequence[Job], asked: ColorizeOptions, how: RunOptions, model: Model, output: Output
) -> Generator[Result]:
    """Load the model and run; neither where all outputs exist."""
    if all(_is_skipped(job, how) for job in jobs):
        from colorcli.engine.result import Result

        for job in jobs:
            yield Result(
                input=job.source,
                output=job.target,
                status="skipped",
                reason=_EXISTS,
                model=model.card.name,
                weights_sha256=model.sha256,
            )
        return

    from colorcli.engine.colorizer import Colorizer
    from colorcli.engine.folder import run as run_folder

    colorizer = Colorizer(asked, model=model)
    decoder = f", decoder {colorizer.decoder}" if colorizer.decoder else ""
    output.detail(
        f"model {model.card.name} on {colorizer.device} in {colorizer.precision}, size {colorizer.size}{decoder},"
        f" upsampler {colorizer.upsampler}"
    )
    yield from run_folder(jobs, colorizer, how)


class _Run:
    """Tells what becomes of each photo, and what became of all."""

    def __init__(self, total: int, todo: int, alone: bool, options: Pictures, output: Output) -> None:
        self._total, self._todo, self._alone = total, todo, alone
        self._debug, self._output = options.debug, output
        self._counts: Counter[str] = Counter()
        self._begun = time.monotonic()

    def follow(self, results: Generator[Result]) -> None:
        try:
            with nullcontext() if self._alone else self._output.progress(self._todo) as progress, closing(results):
                try:
                    for result in results:
                        self._tell(result)
                        # What is skipped takes no time: it would spoil rate and time left when a run is resumed.
                        if progress is not None and result.status != "skipped":
                            progress.tick()
                except KeyboardInterrupt as interrupt:
                    # If it hit us here, the engine does not know yet: it finishes what is being written and raises.
                    self._tell(results.throw(interrupt))
                    for result in results:
                        self._tell(result)
        except KeyboardInterrupt as interrupt:
            done = self._counts["done"] + self._counts["skipped"]
            raise KeyboardInterrupt(
                f"interrupted with {done} of {_photos(self._total)} done; the same command goes on from there"
            ) from interrupt
        if not self._alone:
            self._sum_up()

    def _tell(self, result: Result) -> None:
        self._counts[result.status] += 1
        # The name of a picture that went to standard output would end up behind it, in the same file.
        named = result.status == "done" and result.output != "-"
        self._output.result(result.to_json(), Path(result.output) if named else None)
        if result.status == "failed":
            self._fail(result)
            return
        say = self._output.note if self._alone else self._output.detail
        if result.status == "skipped":
            say(f"{result.input}: skipped, {result.output} exists (--overwrite replaces it)")
            return
        say(f"{result.input} -> {result.output} ({duration(result.seconds)})")
        for warning in result.warnings:
            self._output.warning(f"{result.input}: {warning}")
        if result.downgrades:
            self._output.warning(f"{result.input}: memory was short; done with {', '.join(result.downgrades)}")

    def _fail(self, result: Result) -> None:
        from colorcli.engine.memory import is_out_of_memory

        error, known = result.error, ColorcliError(result.reason or "failed", hint=result.hint)
        if error is not None and not isinstance(error, ColorcliError):
            # Neither a lack of memory nor a bug says which photo it was.
            known = DeviceError(f"{result.input}: {known.message}", hint=result.hint)
        if self._alone and error is not None:
            raise known if is_out_of_memory(error) else error
        if self._debug and error is not None:
            traceback.print_exception(error)
        self._output.failure(known)

    def _sum_up(self) -> None:
        counts, seconds = self._counts, time.monotonic() - self._begun
        parts = [f"{counts['done']} done in {duration(seconds)}"]
        parts += [f"{counts['skipped']} skipped because the output exists"] if counts["skipped"] else []
        if not counts["failed"]:
            self._output.note(", ".join(parts))
            return
        left = self._total - sum(counts.values())
        parts += [f"{left} not tried"] if left else []
        raise SomeFailedError(
            f"{counts['failed']} of {_photos(self._total)} failed ({', '.join(parts)})",
            hint="the same command, once they are mended, does only what is missing",
        )


def _photos(count: int) -> str:
    return f"{count} photo" if count == 1 else f"{count} photos"
