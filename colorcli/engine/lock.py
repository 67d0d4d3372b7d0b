"""One run at a time in a folder of outputs."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import socket
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from colorcli.errors import MediaError
from colorcli.media._messages import printable
from colorcli.media.atomic import writing

_LOCK, _HOLDER = "lock", "run.json"
_NOT_SUPPORTED = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL)


class Lock:
    """Holds a folder until it is released, or the process ends in whatever way: the lock is the kernel's.

    Args:
        folder: where the files of the lock lie; it must exist.
        shown: the folder of outputs, for messages.

    Attributes:
        warning: what to tell where the file system cannot lock.
        killed: the number of the process whose run here was killed, if it ran on this machine; else None.

    Raises:
        MediaError: another run holds it.
        OSError: the lock's file cannot be made.
    """

    def __init__(self, folder: Path, shown: Path) -> None:
        self.warning: str | None = None
        self._holder = folder / _HOLDER
        self._lock: FileLock | None = _make(folder / _LOCK)
        try:
            self._lock.acquire(blocking=False)
        except Timeout as error:
            raise _busy(shown, _read(self._holder)) from error
        except (OSError, NotImplementedError) as error:
            if isinstance(error, OSError) and error.errno not in _NOT_SUPPORTED:
                raise
            self._lock = None
            self.warning = f"{printable(shown)} lies where files cannot be locked: see that no second run writes there"
        before = _read(self._holder)
        here = before.get("host") == socket.gethostname() and isinstance(before.get("pid"), int)
        self.killed: int | None = before["pid"] if here and self._lock is not None else None
        with writing(self._holder, overwrite=True) as file:
            file.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode())

    def release(self, *, clean: bool = True) -> None:
        """Let the next run in; if not ``clean``, it will take this one for killed and tidy up after it."""
        if clean:
            with contextlib.suppress(OSError):
                self._holder.unlink()
        if self._lock is not None:
            self._lock.release()


def remove_parts(folder: Path, pid: int) -> None:
    """Remove the part files that a killed process left in a folder (`colorcli.media.atomic.temporary_name`)."""
    named = re.compile(rf"\..*\.part-{pid}(-\d+)?", re.DOTALL)
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if named.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)  # noqa: PTH108  (an entry, not a Path)


def _make(path: Path) -> FileLock:
    try:
        # Where there is no lock of the kernel's, a mere file would stay behind after a kill and bar the next run.
        return FileLock(path, fallback_to_soft=False)
    except TypeError:  # before filelock 3.2x there was no such fallback
        return FileLock(path)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _busy(shown: Path, holder: dict[str, Any]) -> MediaError:
    who = f" (process {holder['pid']} on {holder.get('host')})" if "pid" in holder else ""
    return MediaError(
        f"another run writes to {printable(shown)}{who}", hint="wait until it has ended, or name another folder with -o"
    )
