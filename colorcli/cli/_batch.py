"""What ``photo`` and ``folder`` do once they know their jobs: run them, tell what became of each, sum up."""

from __future__ import annotations

import os
import time
import traceback
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from colorcli.cli._output import Output, duration
from colorcli.cli._pictures import Pictures
from colorcli.engine.options import ColorizeOptions, RunOptions
from colorcli.errors import ColorcliError, DeviceError, MediaError, SomeFailedError
from colorcli.media._messages import printable

if TYPE_CHECKING:
    from colorcli.engine.plan import Job
    from colorcli.engine.result import Result
    from colorcli.engine.verdict import Verdict
    from colorcli.weights.resolve import Model


def run(
    jobs: Sequence[Job],
    asked: ColorizeOptions,
    how: RunOptions,
    model: Model,
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
        model: named; before torch is loaded, so that misspelt names are told at once. Its weights are fetched here if
            they have to be.
        options: of the command line; ``dry_run`` and ``debug`` count here.
        output: the command's voice.
        folder: takes all outputs, and is made first; None where each photo has an output of its own.

    Raises:
        ColorcliError: what is wrong with model or device; with the photo, where it is one without a ``folder``; what
            stopped the run.
        SomeFailedError: otherwise, where some of them failed.
        OSError: ``folder`` cannot be made; the one photo cannot be opened.
        KeyboardInterrupt: with a sentence on how far it went.
    """
    from colorcli.engine import blend

    if not options.dry_run:
        model = blend.fetched(model, options.fetching(output))
    _open_books(jobs, asked, how, model)
    if options.dry_run:
        _show_plan(jobs, model, how, output)
        return
    todo = [job for job in jobs if _is_to_do(_decided(job, how, hashing=False))]
    alone = folder is None and len(jobs) == 1
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    if alone and todo and isinstance(todo[0].input, Path):
        _check_readable(todo[0].input)
    follower = _Run(len(jobs), len(todo), alone, options, output)
    follower.follow(_results(jobs, todo, asked, how, model, output))


def _open_books(jobs: Sequence[Job], asked: ColorizeOptions, how: RunOptions, model: Model) -> None:
    """Tell the books of the jobs how photos come out in this run."""
    books = {id(job.book): job.book for job in jobs if job.book is not None}
    if not books:
        return
    from colorcli.engine import blend
    from colorcli.engine import settings as deciding

    settings = deciding.settings(asked, how, model.card)
    for book in books.values():
        sha256 = "" if blend.missing(model) else model.sha256  # in a dry run; nothing was done with it yet
        book.how, book.settings, book.key = how, settings, deciding.key(settings, sha256)


def _decided(job: Job, how: RunOptions, *, hashing: bool) -> Verdict | None:
    """Return what is to become of a job; None if only a look into files could tell, and ``hashing`` is not asked for.

    What cannot be looked at is to be done: doing it will say what is wrong.
    """
    from colorcli.engine.result import Skip
    from colorcli.engine.verdict import Verdict

    source = job.input if isinstance(job.input, Path) else Path(job.source)
    if job.book is not None:
        try:
            return job.book.judge(job, hashing=hashing)
        except OSError:
            return Verdict(source=source)
    exists = job.exists and not how.overwrite
    return Verdict(source=source, skip=Skip.EXISTS if exists else None, hint="--overwrite replaces it")


def _is_to_do(verdict: Verdict | None) -> bool:
    return verdict is None or verdict.skip is None


def _check_readable(path: Path) -> None:
    """Raise what the system has against reading a file; without waiting for the other end of a pipe."""
    os.close(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)))


def _show_plan(jobs: Sequence[Job], model: Model, how: RunOptions, output: Output) -> None:
    todo = 0
    for job in jobs:
        verdict = _decided(job, how, hashing=True)
        assert verdict is not None
        todo += verdict.skip is None
        if output.json:
            status = "planned" if verdict.skip is None else "skipped"
            record = {"input": job.source, "output": job.target, "status": status}
            output.result({**record, "reason": verdict.skip or verdict.why, "model": model.card.name})
        else:
            why = f"skipped: {verdict.skip}" if verdict.skip else verdict.why
            output.line(f"{printable(job.source)} -> {printable(job.target)}" + (f"  ({why})" if why else ""))
    from colorcli.engine import blend

    absent = blend.missing(model)
    size = sum(part.card.source.megabytes for part in absent)
    fetched = f" (to be fetched first{f', {size} MB' if size else ''})" if absent else ""
    skips = f"{len(jobs) - todo} to skip; nothing done"
    output.note(f"{_photos(todo)} to colorize with model {model.card.name}{fetched}, {skips}")


def _results(
    jobs: Sequence[Job], todo: Sequence[Job], asked: ColorizeOptions, how: RunOptions, model: Model, output: Output
) -> Generator[Result]:
    """Load the model and run; neither where there is nothing to do."""
    if not todo:
        from colorcli.engine.result import Result

        for job in jobs:
            verdict = _decided(job, how, hashing=False)
            yield Result(
                input=job.source,
                output=job.target,
                status="skipped",
                reason=verdict.skip if verdict else None,
                hint=verdict.hint if verdict else None,
                model=model.card.name,
                weights_sha256=model.sha256,
            )
        return

    from colorcli.engine import ensemble
    from colorcli.engine.folder import run as run_folder

    colorizer = ensemble.load(asked, model)
    decoder = f", decoder {colorizer.decoder}" if colorizer.decoder else ""
    output.detail(
        f"model {model.card.name} on {colorizer.device} in {colorizer.precision}, size {colorizer.size}{decoder},"
        f" upsampler {colorizer.upsampler}"
    )
    hinted = sum(job.hints is not None for job in todo)
    if hinted and colorizer.hinted_decoder != colorizer.decoder:
        output.note(
            f"{_photos(hinted)} with hints: decoder {colorizer.hinted_decoder}, which carries them on"
            " (--decoder names another)"
        )
    yield from run_folder(jobs, colorizer, how)


class _Run:
    """Tells what becomes of each photo, and what became of all."""

    def __init__(self, total: int, todo: int, alone: bool, options: Pictures, output: Output) -> None:
        self._total, self._todo, self._alone = total, todo, alone
        self._debug, self._output = options.debug, output
        self._counts: Counter[str] = Counter()
        self._skips: Counter[str] = Counter()
        self._hints: dict[str, set[str]] = {}
        self._copied = 0
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
            raise KeyboardInterrupt(
                f"interrupted with {self._how_far()}; the same command goes on from there"
            ) from interrupt
        except MediaError as error:
            if self._alone or error.exit_code != MediaError.exit_code or not self._counts:
                raise
            raise MediaError(f"stopped with {self._how_far()}: {error.message}", hint=error.hint) from error
        if not self._alone:
            self._sum_up()

    def _how_far(self) -> str:
        done = self._counts["done"] + self._counts["skipped"]
        return f"{done} of {_photos(self._total)} done, {self._total - done} left"

    def _tell(self, result: Result) -> None:
        self._counts[result.status] += 1
        # The name of a picture that went to standard output would end up behind it, in the same file.
        named = result.status == "done" and result.output != "-"
        self._output.result(result.to_json(), Path(result.output) if named else None)
        if result.status == "failed":
            self._fail(result)
            return
        say = self._output.note if self._alone else self._output.detail
        source, target = printable(result.input), printable(result.output)
        how_else = f" ({result.hint})" if result.hint else ""
        if result.status == "skipped":
            self._skips[result.reason or "nothing to do"] += 1
            hints = self._hints.setdefault(result.reason or "nothing to do", set())
            hints.add(how_else)
            say(f"{source}: skipped, {result.reason}{how_else}")
            return
        self._copied += result.reason is not None
        as_it_is = f": {result.reason}{how_else}" if result.reason else ""
        say(f"{source} -> {target} ({duration(result.seconds)}){as_it_is}")
        for warning in result.warnings:
            self._output.warning(f"{source}: {warning}")
        if result.downgrades:
            self._output.warning(f"{source}: memory was short; done with {', '.join(result.downgrades)}")

    def _fail(self, result: Result) -> None:
        from colorcli.engine.memory import is_out_of_memory

        error, known = result.error, ColorcliError(result.reason or "failed", hint=result.hint)
        if error is not None and not isinstance(error, ColorcliError):
            # Neither a lack of memory nor a bug says which photo it was.
            known = DeviceError(f"{printable(result.input)}: {known.message}", hint=result.hint)
        if self._alone and error is not None:
            raise known if is_out_of_memory(error) else error
        if self._debug and error is not None:
            traceback.print_exception(error)
        self._output.failure(known)

    def _sum_up(self) -> None:
        counts, seconds = self._counts, time.monotonic() - self._begun
        parts = [f"{counts['done']} done in {duration(seconds)}"]
        parts += [f"{self._copied} of them copied, in colour already"] if self._copied else []
        for reason, count in self._skips.most_common():
            hints = self._hints[reason]
            parts.append(f"{count} skipped: {reason}" + (hints.pop() if len(hints) == 1 else ""))
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
