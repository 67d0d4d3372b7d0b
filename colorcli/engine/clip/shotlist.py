"""The shots of a film as a list that a person can read, correct and give back.

JSON: ``{"shots": [{"start": 0, "time": 0.0}, {"start": 118, "time": 4.917, "palette": "ref.jpg"}]}``. ``start`` is the
number of a shot's first frame, from 0; a shot ends where the next begins. ``time`` is for people and is not read.
``palette``, if there is one, is a picture whose colours the shot is to prefer, relative to the list's folder.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colorcli.errors import UsageError
from colorcli.media._messages import from_os_error, printable
from colorcli.media.atomic import writing

__all__ = ["Shot", "read", "write"]


@dataclass(frozen=True)
class Shot:
    """A shot.

    Attributes:
        start: number of its first frame, from 0.
        time: of that frame, seconds from the film's beginning.
        palette: a picture whose colours it prefers, or None.
    """

    start: int
    time: float = 0.0
    palette: Path | None = None


def read(path: Path) -> list[Shot]:
    """Return the shots of a list, in order.

    Raises:
        MediaError: the file cannot be read.
        UsageError: it is not such a list; the message says where.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise _wrong(path, "it is not a text") from None
    except OSError as error:
        raise from_os_error(error, path) from error
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise _wrong(path, f"line {error.lineno}: {error.msg}") from None
    entries = found.get("shots") if isinstance(found, dict) else None
    if not isinstance(entries, list):
        raise _wrong(path, 'it has no list "shots"')
    shots = [_shot(path, number, entry) for number, entry in enumerate(entries)]
    starts = [shot.start for shot in shots]
    if not starts or starts[0] != 0:
        raise _wrong(path, "the first shot must start at frame 0")
    if starts != sorted(set(starts)):
        raise _wrong(path, "each shot must start after the one before it")
    return shots


def write(shots: Sequence[Shot], path: Path, *, overwrite: bool = False) -> None:
    """Write a list that :func:`read` takes, whole or not at all.

    Raises:
        MediaError: it cannot be written, or exists.
    """
    entries = []
    for shot in shots:
        entry: dict[str, Any] = {"start": shot.start, "time": round(shot.time, 3)}
        if shot.palette is not None:
            entry["palette"] = str(shot.palette)
        entries.append(json.dumps(entry))
    text = '{"shots": [\n  ' + ",\n  ".join(entries) + "\n]}\n"
    with writing(path, overwrite=overwrite) as file:
        file.write(text.encode("utf-8"))


def _shot(path: Path, number: int, entry: Any) -> Shot:
    start = entry.get("start") if isinstance(entry, dict) else None
    if not isinstance(start, int) or isinstance(start, bool) or start < 0:
        raise _wrong(path, f'shot {number} has no "start": the number of a frame, from 0')
    unknown = sorted(set(entry) - {"start", "time", "palette"})
    if unknown:
        raise _wrong(path, f"shot {number} has an unknown field {unknown[0]!r}")
    time, palette = entry.get("time", 0.0), entry.get("palette")
    if not isinstance(time, int | float):
        raise _wrong(path, f'shot {number}: "time" must be a number')
    if palette is not None and not isinstance(palette, str):
        raise _wrong(path, f'shot {number}: "palette" must be the name of a picture')
    return Shot(start, float(time), None if palette is None else path.parent / palette)


def _wrong(path: Path, why: str) -> UsageError:
    return UsageError(
        f"{printable(path)} is no list of shots: {why}", hint="--export-shots writes one that can be corrected"
    )
