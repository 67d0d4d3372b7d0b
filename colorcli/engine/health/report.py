"""Checks, and running them so that one that breaks does not take the others along."""

from __future__ import annotations

import os
import re
import time
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

from colorcli.errors import ColorcliError, missing_library

Status = Literal["ok", "warn", "fail"]
#: From harmless to bad.
STATUSES: tuple[Status, ...] = ("ok", "warn", "fail")


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what, the same from run to run and unique in its section.
        status: ``"ok"``, ``"warn"`` (works, but something is worth knowing) or ``"fail"`` (something will not work).
        text: a sentence for people, without a full stop.
        hint: the next step, or None.
        data: the same for programs, JSON values only.
        exit_code: of a process that ends because of this, as in `colorcli.errors`; meant only where status is fail.
    """

    name: str
    status: Status = "ok"
    text: str = ""
    hint: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    exit_code: int = 1

    def to_json(self) -> dict[str, Any]:
        """Return the check as JSON values."""
        return {
            "name": self.name, "status": self.status, "text": self.text, "hint": self.hint, "data": dict(self.data),
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Section:
    """Checks that belong together.

    Attributes:
        name: of the section.
        checks: in the order of looking.
        seconds: how long it took.
    """

    name: str
    checks: tuple[Check, ...]
    seconds: float


def failed(name: str, error: Exception, *, exit_code: int = 1, hint: str | None = None) -> Check:
    """Return the check that an exception ended.

    Args:
        name: of the check.
        error: what was raised; if it is a `ColorcliError`, its sentence, hint and exit code count.
        exit_code: for other errors.
        hint: for other errors.
    """
    if isinstance(error, ImportError):
        error = missing_library(error) or error
    data = {"error": type(error).__name__}
    if isinstance(error, ColorcliError):
        return Check(
            name=name, status="fail", text=error.message, hint=error.hint, data=data, exit_code=error.exit_code
        )
    # The first line says what; torch adds a page of C++ frames.
    text = f"{type(error).__name__}: {error}".strip().splitlines()[0]
    return Check(name=name, status="fail", text=text, hint=hint, data=data, exit_code=exit_code)


def attempt(name: str, look: Callable[[], Check], *, exit_code: int = 1, hint: str | None = None) -> Check:
    """Return what ``look`` finds, or, if it raises, that it failed and why (see :func:`failed`)."""
    try:
        return look()
    except Exception as error:  # noqa: BLE001  whatever is broken here is what the report is for
        return failed(name, error, exit_code=exit_code, hint=hint)


def examine(variables: Collection[str] = ()) -> Iterator[Section]:
    """Look at everything, section by section; each is handed out when it is done.

    Args:
        variables: names of the environment variables that the caller reads, so that misspelt ones stand out.
    """
    from colorcli.engine.health import cache as caches
    from colorcli.engine.health import codecs, devices, environment, installation, machine, models, selftest

    here = dict(os.environ)  # as it was: importing cv2 changes LD_LIBRARY_PATH
    looks: dict[str, Callable[[], Iterable[Check]]] = {
        "installation": installation.checks,
        "machine": machine.checks,
        "environment": partial(environment.checks, variables, here),
        "cache": caches.checks,
        "devices": devices.checks,
        "codecs": codecs.checks,
        "weights": models.checks,
        "self-test": selftest.checks,
    }
    for name, look in looks.items():
        yield run(name, look)


def run(name: str, look: Callable[[], Iterable[Check]]) -> Section:
    """Run one section: what it finds, what ended it, and what libraries warned of meanwhile."""
    found: list[Check] = []
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            found.extend(look())
        except Exception as error:  # noqa: BLE001  the other sections are still to come
            found.append(failed(name, error))
    # torch tells of an old driver in a warning and then knows of no device.
    texts = {
        str(item.message).strip().splitlines()[0]: None
        for item in told
        if str(item.message).strip() and not issubclass(item.category, DeprecationWarning | PendingDeprecationWarning)
    }
    found.extend(Check(name="warning", status="warn", text=text) for text in texts)
    return Section(name=name, checks=tuple(map(_private, found)), seconds=time.perf_counter() - start)


def exit_code(sections: Iterable[Section]) -> int:
    """Return 0 if nothing failed, else the lowest code of what failed.

    The lowest, because a broken installation (1) is the reason of much else, and weights (4) are found out before the
    device (6) they run on.
    """
    return min((c.exit_code for section in sections for c in section.checks if c.status == "fail"), default=0)


def to_json(sections: Iterable[Section], *, version: str) -> dict[str, Any]:
    """Return the report as JSON values.

    Args:
        sections: as :func:`examine` gives them.
        version: of colorcli.
    """
    sections = list(sections)
    statuses = [check.status for section in sections for check in section.checks]
    return {
        "schema": 1,
        "colorcli": version,
        "status": max(statuses, key=STATUSES.index, default="ok"),
        "exit_code": exit_code(sections),
        "counts": {status: statuses.count(status) for status in STATUSES},
        "seconds": round(sum(section.seconds for section in sections), 3),
        "sections": {
            section.name: {
                "seconds": round(section.seconds, 3),
                "checks": [check.to_json() for check in section.checks],
            }
            for section in sections
        },
    }


def size(count: float) -> str:
    """Return a number of bytes for people: ``23.5 GiB``."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


@cache
def _homes() -> tuple[str, ...]:
    """Return the home folder as it is named and as it is, the longer one first."""
    try:
        home = Path.home()
        return tuple(sorted({str(home), str(home.resolve())} - {"/", "."}, key=len, reverse=True))
    except (RuntimeError, OSError):  # a user without an entry in the list of users, as in many containers
        return ()


def _shorten(value: Any) -> Any:
    """Replace the home folder by ``~`` in every text within ``value``: it often is a person's name."""
    if isinstance(value, str):
        for home in _homes():
            value = re.sub(rf"{re.escape(home)}(?![\w.-])", "~", value)
        return value
    if isinstance(value, Mapping):
        return {key: _shorten(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_shorten(inner) for inner in value]
    return value


def _private(check: Check) -> Check:
    hint = None if check.hint is None else str(_shorten(check.hint))
    return replace(check, text=str(_shorten(check.text)), hint=hint, data=_shorten(check.data))
