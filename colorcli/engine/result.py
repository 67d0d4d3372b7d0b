"""What became of one photo."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


class Skip:
    """Why nothing was done, as :attr:`Result.reason` says it; summaries count by these."""

    EXISTS = "the output exists"
    DONE = "done already"
    COLOR = "in colour already"
    FOREIGN = "the output exists and was not written by colorcli"
    CHANGED = "the output was changed since colorcli wrote it"
    OTHER = "the output was made from another folder's photo of that name"
    ORIGINAL_GONE = "colorized in place under other settings, and its original is no longer kept"


@dataclass(frozen=True, kw_only=True)
class Result:
    """The outcome for one input, as a manifest or ``--json`` shows it.

    Attributes:
        input: name of the input; ``-`` for a stream.
        output: name of the output.
        status: ``"done"`` (the output is complete), ``"skipped"`` (nothing was written) or ``"failed"``.
        reason: why it was skipped or failed, or copied as it is; None when colorized.
        hint: the next step after a failure, or how to have it otherwise; or None.
        seconds: work spent on it: reading, its share of the network, merging, writing. Waiting is not counted.
        model: name of the card.
        weights_sha256: of the weights file.
        device: where the network ran, None if it did not.
        precision: of the network, None if it did not run.
        size: working size, None if the network did not run.
        uncertainty: 0 (sure) to 1, see `colorcli.engine.uncertainty`; None where nothing tells.
        downgrades: what was given up for lack of memory, in order: ``"batch 8"``, ``"size 128"``, ``"cpu"``.
        warnings: what was wrong with the input without stopping it, and what the output's format could not keep.
        triage: what kind of picture it is and the numbers behind it (`colorcli.engine.triage.Triage.to_json`); of a
            file of several pages ``{"pages": [...]}``; None if it was not looked at.
        pages: how many pictures the file holds.
        error: the exception behind a failure, for exit codes and tracebacks; not part of :meth:`to_json`.
    """

    input: str
    output: str
    status: Literal["done", "skipped", "failed"]
    reason: str | None = None
    hint: str | None = None
    seconds: float = 0.0
    model: str
    weights_sha256: str
    device: str | None = None
    precision: str | None = None
    size: int | None = None
    uncertainty: float | None = None
    downgrades: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    triage: dict[str, Any] | None = None
    pages: int = 1
    error: Exception | None = field(default=None, repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON-able values, without ``error``."""
        values = {key: value for key, value in vars(self).items() if key != "error"}
        return {
            **values,
            "seconds": round(self.seconds, 4),
            "uncertainty": None if self.uncertainty is None else round(self.uncertainty, 4),
            "downgrades": [*self.downgrades],
            "warnings": [*self.warnings],
        }
