"""Cores, memory, torch's threads, and room for temporary files."""

from __future__ import annotations

import math
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from colorcli.engine.health import limits
from colorcli.engine.health.report import Check, attempt, size

GIB = 2**30
#: Below, torch and one large photo do not fit side by side.
_LITTLE_MEMORY = 2 * GIB
_LITTLE_DISK = 1 * GIB


def checks() -> Iterator[Check]:
    """Look at cores, memory, torch's threads and the temporary folder."""
    yield attempt("cores", cores)
    yield attempt("memory", memory)
    yield attempt("threads", threads)
    yield attempt("temporary files", temporary, hint="set TMPDIR to a folder that can be written")


def cores(groups: limits.Groups = limits.Groups()) -> Check:  # noqa: B008  frozen, without state
    """Say how many cores this process may use, and of how many."""
    usable, there, quota = limits.cores(), os.cpu_count() or 1, groups.cpu()
    text = f"{usable} usable" if usable == there else f"{usable} usable of {there}"
    if quota is not None:
        text += f", limited to the time of {quota:.3g} by a control group"
    return Check(name="cores", text=text, data={"usable": usable, "machine": there, "quota": quota})


def memory(groups: limits.Groups = limits.Groups(), root: Path = Path("/")) -> Check:  # noqa: B008
    """Say how much memory there is, is available, and is allowed."""
    total, available = limits.memory(root)
    limit = groups.memory()
    data = {"total": total, "available": available, "limit": limit[0] if limit else None}
    if total is None:
        return Check(name="memory", text="this system does not say", data=data)
    parts = [size(total)]
    left = available
    if available is not None:
        parts.append(f"{size(available)} available")
    if limit is not None and limit[0] < total:
        parts.append(f"limited to {size(limit[0])} by a control group, {size(limit[1])} of it in use")
        # Used includes the disk cache, which is given back when needed: only the limit itself is certain.
        left = min(left if left is not None else total, limit[0])
    little = left is not None and left < _LITTLE_MEMORY
    return Check(
        name="memory",
        status="warn" if little else "ok",
        text=", ".join(parts),
        hint="colorize folders with --readers 1 --writers 1 --megapixels 16" if little else None,
        data=data,
    )


def threads(groups: limits.Groups = limits.Groups()) -> Check:  # noqa: B008
    """Say how many threads torch works with, and whether the control group has time for so many.

    Raises:
        ImportError: torch cannot be loaded.
    """
    import torch

    count, usable, quota = torch.get_num_threads(), limits.cores(), groups.cpu()
    allowed = min(usable, math.ceil(quota)) if quota is not None else usable
    many = count > allowed
    return Check(
        name="threads",
        status="warn" if many else "ok",
        text=f"torch uses {count}, more than the {allowed} cores it may" if many else f"torch uses {count}",
        hint=f"export OMP_NUM_THREADS={allowed}" if many else None,
        data={"torch": count, "allowed": allowed, "system": platform.system()},
    )


def temporary() -> Check:
    """Say where temporary files go and how much room is left there.

    Raises:
        OSError: nowhere can be written.
    """
    return room("temporary files", Path(tempfile.gettempdir()))


def room(name: str, folder: Path, text: str = "") -> Check:
    """Say how much room is left on the disk of a folder.

    Args:
        name: of the check.
        folder: the folder, or where it will be.
        text: what to say of it first.
    """
    there = next((path for path in (folder, *folder.parents) if path.is_dir()), Path())
    free = shutil.disk_usage(there).free
    little = free < _LITTLE_DISK
    return Check(
        name=name,
        status="warn" if little else "ok",
        text=", ".join(part for part in (str(folder), text, f"{size(free)} free") if part),
        hint="free some space" if little else None,
        data={"path": str(folder), "free": free},
    )
