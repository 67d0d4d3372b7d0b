"""One photo on its way through a run, and how photos meet in batches."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from torch import Tensor

from colorcli.engine.hints import Hints
from colorcli.engine.identity import Identity
from colorcli.engine.plan import Job
from colorcli.engine.prepared import Prepared
from colorcli.media.photo import Photo

if TYPE_CHECKING:
    from colorcli.engine.document import Document


@dataclass
class Item:
    """A job and what has been made of it so far.

    Attributes:
        job: what is to be done.
        photo: the decoded input, until the output is written.
        prepared: for the network.
        hints: colours that are known.
        hints_sha256: of the file that says so.
        ab: ``(2, h, w)``, once predicted.
        uncertainty: of the ab, 0..1.
        megapixels: of the photo; 0 before it is decoded.
        seconds: work spent on it.
        source: what is read: the job's input, or the original that is kept of it.
        replace: a file under the output's name may be replaced.
        before: our own file under the output's name.
        identity: of the source, where a book is kept.
        times: of the source's last access and change, ns.
        skipped: why nothing is done.
        hint: how to have it done otherwise.
        triage: what kind of picture it is, `colorcli.engine.triage.Triage.to_json`.
        colored: it was in colour already.
        keep: it goes out as it came.
        output: where a copy went, if not to the job's output.
        buffer: takes the pages that are written to a stream.
        document: the file of several pages it is a page of.
        page: which one, from 0.
        pages: how many the file has.
        error: what went wrong.
        predicted: it has been to the network.
        written: the output is complete.
        device: where the network ran.
        precision: of the network.
        downgrades: what was given up for lack of memory.
        warnings: what was wrong with the input, or could not be kept in the output.
    """

    job: Job
    photo: Photo | None = None
    prepared: Prepared | None = None
    hints: Hints | None = None
    hints_sha256: str | None = None
    ab: Tensor | None = None
    uncertainty: float | None = None
    megapixels: float = 0.0
    seconds: float = 0.0
    source: Path | BinaryIO | None = None
    replace: bool = False
    before: Identity | None = None
    identity: Identity | None = None
    times: tuple[int, int] | None = None
    skipped: str | None = None
    hint: str | None = None
    triage: dict[str, Any] | None = None
    colored: bool = False
    keep: bool = False
    output: Path | None = None
    buffer: BytesIO | None = None
    document: Document | None = None
    page: int = 0
    pages: int = 1
    error: Exception | None = None
    predicted: bool = False
    written: bool = False
    device: str | None = None
    precision: str | None = None
    downgrades: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def over(self) -> bool:
        """Nothing more will be done for it."""
        return self.written or self.skipped is not None or self.error is not None


class Batches:
    """Items that wait for the network, grouped by the size of their input."""

    def __init__(self) -> None:
        self._groups: dict[tuple[int, int], list[Item]] = {}

    def __bool__(self) -> bool:
        return bool(self._groups)

    def add(self, item: Item) -> None:
        """Let a prepared item wait."""
        if item.prepared is None:
            raise ValueError(f"{item.job.source} is not prepared")
        self._groups.setdefault(item.prepared.geometry.padded, []).append(item)

    def take(self, limit: int, *, partial: bool) -> list[Item]:
        """Return up to ``limit`` items of one size, oldest first.

        Args:
            limit: size of a full batch.
            partial: with no full batch there, return the largest group rather than nothing.
        """
        if not self._groups:
            return []
        size = max(self._groups, key=lambda size: len(self._groups[size]))  # the first of equals: the oldest
        group = self._groups[size]
        if len(group) < limit and not partial:
            return []
        taken, rest = group[:limit], group[limit:]
        if rest:
            self._groups[size] = rest
        else:
            del self._groups[size]
        return taken
