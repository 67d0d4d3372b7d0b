"""What became of every photo, one JSON object a line, in a file that a killed run cannot spoil.

A line is appended in one write and brought to the disk before the photo it tells of gets its final name: so a file
that is there always has its line, and a line whose file never came is seen by the file's absence. Lines are never
changed; the newest about a name counts. A last line that a kill cut short is dropped at the next opening, damaged ones
elsewhere are passed over with a warning, and when most have been superseded the file is written anew.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from colorcli.engine.identity import Identity
from colorcli.media.atomic import sync_folder, writing

NAME = "manifest.jsonl"
#: Below this many superseded lines a file is not worth writing anew.
_FEW = 200


@dataclass(frozen=True, kw_only=True)
class Record:
    """A line, as far as later runs go by it. All names are relative, with ``/``, and may hold any bytes.

    Attributes:
        input: the photo, below the folder of inputs.
        output: what it became, or would have, below the folder of outputs.
        planned: the output's name in the plan, which a copy with the input's own suffix may differ from.
        wanted: the planned name as it would be if no other photo aimed at it.
        root: absolute name of the folder of inputs.
        status: as in `colorcli.engine.result.Result`.
        reason: as there.
        hint: as there.
        key: `colorcli.engine.settings.key`.
        on_color: the choice that decided, None for a photo that was not in colour.
        hints: SHA-256 of the file of hints, None if there was none.
        uncertainty: as in `colorcli.engine.result.Result`.
        source: the input as it was read ("in").
        made: the output as it was written ("out"), None if nothing was.
        before: our own earlier file under the output's name, which this one was to replace.
        more: what else the line says; nothing goes by it, and it is not kept when lines are read.
    """

    input: str
    output: str
    planned: str
    wanted: str
    root: str
    status: str
    reason: str | None = None
    hint: str | None = None
    key: str = ""
    on_color: str | None = None
    hints: str | None = None
    uncertainty: float | None = None
    source: Identity | None = None
    made: Identity | None = None
    before: Identity | None = None
    more: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def to_line(self) -> bytes:
        """Return the line. ASCII: names that are no UTF-8 survive as escapes."""
        values = {key: value for key, value in vars(self).items() if key not in ("source", "made", "before", "more")}
        parts = {"in": self.source, "out": self.made, "before": self.before}
        values |= {key: part and part.to_json() for key, part in parts.items()}
        return json.dumps({**values, **self.more}).encode("ascii") + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Record:
        """Read a line.

        Raises:
            ValueError: it is damaged.
        """
        try:
            values = json.loads(line)
            names = {key: values[key] for key in ("input", "output", "planned", "wanted", "root", "status", "key")}
            if not all(isinstance(value, str) for value in names.values()):
                raise ValueError("a name is no text")
            return cls(
                **names,
                reason=values.get("reason"),
                hint=values.get("hint"),
                on_color=values.get("on_color"),
                hints=values.get("hints"),
                uncertainty=values.get("uncertainty"),
                source=Identity.from_json(values.get("in")),
                made=Identity.from_json(values.get("out")),
                before=Identity.from_json(values.get("before")),
            )
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"not a record: {error}") from error


class Manifest:
    """The records of one folder of outputs. Threads may append at the same time.

    Args:
        path: the file; it need not exist.
        write: open it for appending, mended; otherwise it is only read, and left as it is.

    Attributes:
        latest: the newest record of every planned name.
        made: the newest record of every output's name.
        names: the planned name of (input, wanted name).
        warnings: what was wrong with the file.

    Raises:
        OSError: it cannot be read, or not written.
    """

    def __init__(self, path: Path, *, write: bool) -> None:
        self.path = path
        self.latest: dict[str, Record] = {}
        self.made: dict[str, Record] = {}
        self.names: dict[tuple[str, str], str] = {}
        self.warnings: list[str] = []
        self._lock = threading.Lock()
        self._file: int | None = None
        lines, whole, keep = self._read()
        if not write:
            return
        if lines - len(keep) > max(_FEW, len(keep)):
            whole = self._rewrite(keep)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
        os.ftruncate(self._file, whole)  # what a kill left of a line
        self._end = whole
        for folder in (path.parent, path.parent.parent):  # lines on the disk are of no use in a file without a name
            sync_folder(folder)

    def append(self, record: Record) -> None:
        """Add a record; when this returns, it is on the disk.

        Raises:
            OSError: it could not be added; the file is then as it was.
            ValueError: the manifest is closed or was opened for reading.
        """
        line = record.to_line()
        with self._lock:
            if self._file is None:
                raise ValueError("the manifest is not open for writing")
            if os.fstat(self._file).st_size != self._end:
                os.ftruncate(self._file, self._end)  # an earlier failure could not be undone at once
            try:
                if os.write(self._file, line) != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
                os.fsync(self._file)
            except OSError:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._file, self._end)
                raise
            self._end += len(line)
            self._take(record)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def _take(self, record: Record) -> None:
        self.latest[record.planned] = record
        self.made[record.output] = record
        self.names[record.input, record.wanted] = record.planned

    def _read(self) -> tuple[int, int, set[int]]:
        """Return the number of lines, the bytes of the whole ones, and the numbers of those that count."""
        count, whole, damaged = 0, 0, []
        by_plan: dict[str, int] = {}
        by_output: dict[str, int] = {}
        for number, line in enumerate(self._lines()):
            if not line.endswith(b"\n"):
                break
            count, whole = number + 1, whole + len(line)
            try:
                record = Record.from_line(line)
            except ValueError:
                damaged.append(number + 1)
                continue
            self._take(record)
            by_plan[record.planned] = by_output[record.output] = number
        if damaged:
            shown = ", ".join(str(number) for number in damaged[:5]) + (", ..." if len(damaged) > 5 else "")
            which = f"line {shown}" if len(damaged) == 1 else f"lines {shown}"
            self.warnings.append(f"{self.path}: {which} damaged; what they told of is taken for not done by colorcli")
        return count, whole, {*by_plan.values(), *by_output.values()}

    def _lines(self) -> Iterator[bytes]:
        try:
            with self.path.open("rb") as file:
                yield from file
        except FileNotFoundError:
            return

    def _rewrite(self, keep: set[int]) -> int:
        """Write the file anew with the lines that count; returns its length."""
        total = 0
        with writing(self.path, overwrite=True) as file:
            for number, line in enumerate(self._lines()):
                if number in keep:
                    total += file.write(line)
        return total
