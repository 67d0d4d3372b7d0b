"""What became of a photo, in words, and written down where a book is kept."""

from __future__ import annotations

from pathlib import Path

from colorcli.engine.batching import Item
from colorcli.engine.identity import Identity
from colorcli.engine.memory import is_out_of_memory
from colorcli.engine.result import Result, Skip
from colorcli.errors import ColorcliError
from colorcli.weights.resolve import Model

RECOLOR = "--on-color recolor colorizes it all the same"


class Outcomes:
    """Makes results of items.

    Args:
        model: that colorized them.
    """

    def __init__(self, model: Model) -> None:
        self._model = model

    def note(self, item: Item, part: Path) -> None:
        """Write down an output that is about to get its name."""
        book = item.job.book
        if book is None:
            return
        book.keep_original(item.job)
        self.record(item, self.result(item, written=True), made=Identity.of(part))

    def record(self, item: Item, result: Result, *, made: Identity | None = None) -> None:
        """Write down what became of an item, where a book is kept.

        Raises:
            OSError: it could not be written down.
        """
        job = item.job
        if job.book is None or not isinstance(job.output, Path):
            return
        job.book.record(
            job,
            item.output or job.output,
            source=item.identity,
            made=made,
            before=item.before,
            colored=item.colored,
            hints=item.hints_sha256,
            values=result.to_json(),
        )

    def result(self, item: Item, *, written: bool | None = None) -> Result:
        """Return what became of an item, or will have with its next step."""
        done = item.written if written is None else written
        reason, hint = item.skipped, item.hint
        if item.error is not None:
            reason, hint = explain(item.error)
        elif done:
            reason, hint = (f"{Skip.COLOR}: copied as it is", RECOLOR) if item.keep else (None, None)
        target = str(item.output) if item.output is not None else item.job.target
        return Result(
            input=item.job.source,
            output=target,
            status="failed" if item.error is not None else "done" if done else "skipped",
            reason=reason,
            hint=hint,
            seconds=item.seconds,
            model=self._model.card.name,
            weights_sha256=self._model.sha256,
            device=item.device,
            precision=item.precision,
            size=item.prepared.size if item.prepared and item.device else None,
            uncertainty=item.uncertainty,
            downgrades=item.downgrades,
            warnings=item.warnings,
            triage=item.triage,
            pages=item.pages,
            error=item.error,
        )


def explain(error: Exception) -> tuple[str, str | None]:
    """Return a sentence and the next step for whatever stopped an item."""
    if isinstance(error, ColorcliError):
        return error.message, error.hint
    if is_out_of_memory(error):
        return "not enough memory for a photo of this size", "close other programs, or reduce the photo"
    return f"{type(error).__name__}: {error}", "this is a bug in colorcli: please report it"
