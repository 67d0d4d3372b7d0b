"""A film half done: what is kept beside the output, so that a run that was killed goes on where it was.

The folder ``.NAME.colorcli`` lies beside the output. It holds ``plan.json`` (what film, what settings), one spool for
each finished segment, and ``journal.jsonl``, to which a line is added once a segment is safe on the disk. Nothing
before that counts.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from colorcli.engine.lock import Lock
from colorcli.media import atomic
from colorcli.media._messages import from_os_error
from colorcli.media.atomic import sync_folder
from colorcli.media.video.picture import Point

_PLAN, _JOURNAL = "plan.json", "journal.jsonl"


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A finished segment.

    Attributes:
        index: its place, from 0.
        first: number of its first frame.
        frames: how many it has.
        kept: how many of them were in colour already.
        shots: numbers of the frames at which a shot begins in it.
        shot: number of the shot at its end.
        next: the frame after it, None at the film's end.
        run_up: so many frames before the next are to be seen first, because it is in the middle of a shot.
        seconds: of work.
        notes: what was wrong with the film's frames up to here.
    """

    index: int
    first: int
    frames: int
    kept: int
    shots: tuple[int, ...]
    shot: int
    next: Point | None
    run_up: int
    seconds: float
    notes: tuple[str, ...]

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Segment:
        """Read what was written of one.

        Raises:
            TypeError: it is something else.
        """
        after = values.pop("next")
        shots, notes = tuple(values.pop("shots")), tuple(values.pop("notes"))
        return cls(**values, shots=shots, notes=notes, next=None if after is None else Point(*after))


class Workplace:
    """The folder of a film half done.

    Args:
        output: the film's final name.
        plan: what film and what settings, JSON-able; work under another plan is thrown away.
        afresh: throw away what is there.

    Attributes:
        segments: those that are finished.
        discarded: why earlier work was thrown away, or None.
        warning: what to tell where files cannot be locked.

    Raises:
        MediaError: another run works there; it cannot be written.
    """

    def __init__(self, output: Path, plan: dict[str, Any], *, afresh: bool = False) -> None:
        self.folder = folder_of(output)
        self.segments: list[Segment] = []
        self.discarded: str | None = None
        try:
            self.folder.mkdir(exist_ok=True)
            self._lock = Lock(self.folder, output)
            self.warning = self._lock.warning
            try:
                self._begin(plan, afresh=afresh)
            except BaseException:
                self._lock.release()
                raise
        except OSError as error:
            raise from_os_error(error, self.folder, doing="write") from error

    def _begin(self, plan: dict[str, Any], *, afresh: bool) -> None:
        there = _read(self.folder / _PLAN)
        if there is not None and (afresh or there != plan):
            differing = sorted(key for key in {*there, *plan} if there.get(key) != plan.get(key))
            self.discarded = "--force" if afresh else f"other {', '.join(differing)}"
            self._clear()
            there = None
        if there is None:
            with atomic.writing(self.folder / _PLAN, overwrite=True) as file:
                file.write(json.dumps(plan).encode())
        for segment in _journal(self.folder / _JOURNAL):
            if segment.index != len(self.segments) or not self.spool(segment.index).is_file():
                break
            self.segments.append(segment)
        self._drop_journal_after(len(self.segments))

    @property
    def done(self) -> bool:
        """All of the film is there."""
        return bool(self.segments) and self.segments[-1].next is None

    @property
    def spools(self) -> list[Path]:
        """The segments' files, in order."""
        return [self.spool(segment.index) for segment in self.segments]

    def spool(self, index: int) -> Path:
        """Return the file of a segment."""
        return self.folder / f"{index:06}.spool"

    @contextmanager
    def writing(self, index: int) -> Iterator[BinaryIO]:
        """Open the file of a segment; it gets its name when the block ends well."""
        with atomic.writing(self.spool(index), overwrite=True) as file:
            yield file

    def add(self, segment: Segment) -> None:
        """Write down that a segment is finished.

        Raises:
            MediaError: the disk is full, and the like.
        """
        line = json.dumps(asdict(segment)).encode() + b"\n"
        try:
            sync_folder(self.folder)
            with (self.folder / _JOURNAL).open("ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise from_os_error(error, self.folder / _JOURNAL, doing="write") from error
        self.segments.append(segment)

    def close(self, *, remove: bool = False) -> None:
        """Let the next run in; ``remove`` the folder once the film is under its name."""
        self._lock.release()
        if remove:
            shutil.rmtree(self.folder, ignore_errors=True)
        elif not self.segments:
            with contextlib.suppress(OSError):  # nothing worth keeping
                shutil.rmtree(self.folder)

    def _clear(self) -> None:
        for path in self.folder.iterdir():
            if path.suffix == ".spool" or path.name in (_PLAN, _JOURNAL) or path.name.startswith("."):
                path.unlink()

    def _drop_journal_after(self, count: int) -> None:
        """Take lines off the journal that do not count: one torn by a kill, or those after a lost segment."""
        path = self.folder / _JOURNAL
        try:
            lines = path.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return
        if len(lines) == count and (not lines or lines[-1].endswith(b"\n")):
            return
        with atomic.writing(path, overwrite=True) as file:
            file.writelines(lines[:count])


def folder_of(output: Path) -> Path:
    """Return where the work on an output is kept."""
    return output.with_name(f".{output.name}.colorcli")


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _journal(path: Path) -> Iterator[Segment]:
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError:
        return
    for line in lines:
        try:
            yield Segment.from_json(json.loads(line))
        except (ValueError, TypeError, KeyError, AttributeError):
            return
