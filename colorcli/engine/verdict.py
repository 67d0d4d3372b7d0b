"""What is to become of a job, as `colorcli.engine.book.Book` decides it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from colorcli.engine.identity import Identity


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is to become of a job.

    Attributes:
        source: what to read.
        why: what has changed since it was last done; None for a new one.
        skip: why nothing is to be done, or None.
        hint: how to have it done all the same.
        replace: a file under the output's name may be replaced.
        before: our own file under the output's name.
    """

    source: Path
    why: str | None = None
    skip: str | None = None
    hint: str | None = None
    replace: bool = False
    before: Identity | None = None
