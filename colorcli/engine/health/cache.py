"""The folders in which downloads and training pictures are kept. The embedded models need nothing of them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from colorcli.engine.health.machine import room
from colorcli.engine.health.report import Check, attempt, size
from colorcli.weights.cache import cache_root

#: Seconds after which counting stops: some people have a million files there.
_PATIENCE = 0.5


def checks() -> Iterator[Check]:
    """Look at the hub's cache and at colorcli's own."""
    for name, variable in (("huggingface", "HF_HOME"), ("colorcli", "COLORCLI_CACHE")):
        hint = f"set {variable} to a folder that can be written; only downloads and training need it"
        found = attempt(name, lambda n=name, h=hint: folder(n, where(n), h), hint=hint)  # type: ignore[misc]
        # The embedded models work without.
        yield found if found.status != "fail" else Check(name=name, status="warn", text=found.text, hint=hint)


def where(name: str) -> Path:
    """Return the cache folder of ``"huggingface"`` (as its library finds it) or ``"colorcli"``.

    Raises:
        RuntimeError: there is no home folder.
    """
    if name == "colorcli":
        return cache_root()
    own, base = os.environ.get("HF_HOME"), os.environ.get("XDG_CACHE_HOME")
    if own:
        return Path(own).expanduser()
    return (Path(base).expanduser() if base else Path.home() / ".cache") / name


def folder(name: str, path: Path, hint: str) -> Check:
    """Say how large a cache is and whether it can be written.

    Args:
        name: of the check.
        path: the folder; it need not be there.
        hint: for one that cannot be written.
    """
    there = next((step for step in (path, *path.parents) if step.exists()), Path("/"))
    writable = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
    used, whole = _used(path) if path.is_dir() else (0, True)
    state = (f"{'' if whole else 'more than '}{size(used)}" if path.is_dir() else "not there yet") + (
        "" if writable else ", cannot be written"
    )
    found = room(name, path, state)
    data = {**found.data, "exists": path.is_dir(), "writable": writable, "bytes": used, "complete": whole}
    if not writable:
        return Check(name=name, status="warn", text=found.text, hint=hint, data=data)
    return Check(name=name, status=found.status, text=found.text, hint=found.hint, data=data)


def _used(path: Path) -> tuple[int, bool]:
    """Return (bytes of the files below, whether all were counted); links are not followed."""
    total, end = 0, time.monotonic() + _PATIENCE
    waiting = [str(path)]
    while waiting:
        if time.monotonic() > end:
            return total, False
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:  # not ours to look into, or gone meanwhile
            continue
    return total, True
