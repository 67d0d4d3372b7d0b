"""By what is known whether work left half done is that of the same film with the same settings."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from colorcli.engine import settings as deciding
from colorcli.engine.colorizer import Colorizer
from colorcli.engine.options import RunOptions

#: Bytes at a film's beginning and at its end by which it is known.
_MARK = 1 << 20
_ONLY_PHOTOS = ("quality", "profile", "provenance", "keep_times", "on_color")


def decisive(colorizer: Colorizer) -> dict[str, Any]:
    """Return what decides the colours, without what only photos have."""
    found = deciding.settings(colorizer.options, RunOptions(), colorizer.model.card)
    return {name: value for name, value in found.items() if name not in _ONLY_PHOTOS}


def mark(path: Path) -> list[Any]:
    """Return what a film is known by: its size, its time of change, and a hash of its beginning and its end."""
    status = path.stat()
    digest = hashlib.sha256()
    with path.open("rb") as file:
        digest.update(file.read(_MARK))
        file.seek(max(status.st_size - _MARK, 0), os.SEEK_SET)
        digest.update(file.read(_MARK))
    return [status.st_size, status.st_mtime_ns, digest.hexdigest()]


def settings_of(options: Any) -> dict[str, Any]:
    """Return a dataclass of options as JSON-able values; files by what is in them."""
    found = {}
    for name, value in asdict(options).items():
        if isinstance(value, Path):
            value = (
                mark(value) if value.is_file() else sorted([p.name, *mark(p)] for p in value.iterdir() if p.is_file())
            )
        found[name] = value
    return found
