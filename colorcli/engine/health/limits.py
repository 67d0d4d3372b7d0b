"""What a container or a batch system lets this process have: cores and memory by affinity and control groups."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

#: Version 1 says "unlimited" with the largest multiple of the page size.
_UNLIMITED = 2**60


@dataclass(frozen=True)
class Groups:
    """The control groups of this process, both versions (https://docs.kernel.org/admin-guide/cgroup-v2.html).

    Attributes:
        root: where the file systems are; another one in tests.
    """

    root: Path = Path("/")

    def memory(self) -> tuple[int, int] | None:
        """Return (limit, used) in bytes of the group with the lowest limit, None if there is no limit."""
        found: list[tuple[int, int]] = []
        for folder, version in self._folders("memory"):
            names = ("memory.max", "memory.current") if version == 2 else (
                "memory.limit_in_bytes", "memory.usage_in_bytes",
            )  # fmt: skip
            limit, used = (_number(_read(folder / name)) for name in names)
            if limit is not None and limit < _UNLIMITED:
                found.append((limit, used or 0))
        return min(found, default=None)

    def cpu(self) -> float | None:
        """Return how many cores' worth of time the groups allow, None if any."""
        found: list[float] = []
        for folder, version in self._folders("cpu"):
            if version == 2:
                quota, _, period = _read(folder / "cpu.max").partition(" ")
            else:
                quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
            allowed, every = _number(quota), _number(period)
            if allowed is not None and every and allowed > 0:
                found.append(allowed / every)
        return min(found, default=None)

    def _folders(self, controller: str) -> Iterator[tuple[Path, int]]:
        """Walk the folders of this process's groups up to the root, each with its version."""
        base = self.root / "sys/fs/cgroup"
        for line in _read(self.root / "proc/self/cgroup").splitlines():
            _, _, rest = line.partition(":")
            controllers, _, path = rest.partition(":")
            if controllers and controller not in controllers.split(","):
                continue
            top = base / controllers if controllers else base
            if controllers and not top.is_dir():
                top = base / controller
            inner = PurePosixPath(path.lstrip("/"))
            for step in (inner, *inner.parents):
                yield top / step, 1 if controllers else 2


def cores() -> int:
    """Return how many cores this process may run on: its affinity, else what the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory(root: Path = Path("/")) -> tuple[int | None, int | None]:
    """Return (total, available) bytes of the machine; None where the system does not say.

    Args:
        root: where /proc is; another one in tests.
    """
    values = {}
    for line in _read(root / "proc/meminfo").splitlines():
        key, _, value = line.partition(":")
        kib = _number(value.strip().removesuffix(" kB"))
        if kib is not None:
            values[key] = kib * 1024
    total = values.get("MemTotal")
    if total is None:
        try:
            total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        except (AttributeError, ValueError, OSError):  # Windows has no sysconf
            return None, None
    return total, values.get("MemAvailable")


def _read(path: Path) -> str:
    """Return a small file's text, empty if it is not there or not for us."""
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _number(text: str) -> int | None:
    return int(text) if text.lstrip("-").isdigit() else None
