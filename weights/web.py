"""Files given by address, with the care the Hub's take: resumed where they broke off, complete or not there at all."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colorcli.errors import WeightsError
from colorcli.weights.retry import TRANSIENT, patiently

#: Seconds without a byte after which a line counts as broken.
TIMEOUT = 30.0
_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Remote:
    """A file at an address, as it is right now.

    Attributes:
        url: the address.
        size: bytes; None if the server does not say.
        version: what the server calls this state of the file; "" if it does not.
    """

    url: str
    size: int | None
    version: str = ""


class _BrokenOffError(OSError):
    """The line broke with part of the file already here."""


def find(url: str, say: Callable[[str], None]) -> Remote:
    """Ask about a file, without fetching it.

    Raises:
        WeightsError: it cannot be reached, or is not there.
    """
    with _explained(url):
        try:
            return patiently(lambda: _ask(url), _passing, say)
        except urllib.error.HTTPError as error:
            if error.code in (403, 405, 501):  # some servers only ever give files away
                return Remote(url=url, size=None)
            raise


def download(remote: Remote, target: Path, say: Callable[[str], None], *, bars: bool) -> None:
    """Fetch a file; part of it that an earlier attempt left is not fetched again.

    Args:
        remote: what :func:`find` returned.
        target: gets its name when it is complete.
        say: is told of attempts that failed.
        bars: draw a progress bar on standard error.

    Raises:
        WeightsError: it cannot be reached, is not there, or breaks off again and again.
        OSError: the folder cannot be written.
    """
    part = target.with_name(f"{target.name}.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    with _explained(remote.url), _bar(target.name, remote.size, bars) as bar:
        reached = -1
        while True:
            try:
                patiently(lambda: _fetch(remote, part, bar), _passing, say)
                break
            except _BrokenOffError:
                if part.stat().st_size <= reached:
                    raise
                reached = part.stat().st_size  # it got further: that deserves as many attempts again
    part.replace(target)
    _facts(part).unlink(missing_ok=True)


def _ask(url: str) -> Remote:
    with _open(urllib.request.Request(url, method="HEAD")) as answer:
        length = answer.headers.get("Content-Length")
        return Remote(url=url, size=int(length) if length else None, version=_version(answer.headers))


def _version(headers: Any) -> str:
    etag = headers.get("ETag", "")
    return str(etag) if etag and not etag.startswith("W/") else str(headers.get("Last-Modified", ""))


def _facts(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _fetch(remote: Remote, part: Path, bar: Any) -> None:
    """Append what is missing to the part file; leaves it complete, or raises."""
    headers = {}
    have = part.stat().st_size if part.exists() else 0
    if have and _known_version(part):
        headers = {"Range": f"bytes={have}-", "If-Range": _known_version(part)}
    try:
        answer = _open(urllib.request.Request(remote.url, headers=headers))
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        part.unlink()  # what is here is longer than what is there
        raise _BrokenOffError(f"{remote.url}: another file than before") from error
    with answer:
        resumed = answer.status == 206
        length = answer.headers.get("Content-Length")
        whole = None if length is None else int(length) + (have if resumed else 0)
        version = _version(answer.headers)
        if not resumed:
            _facts(part).unlink(missing_ok=True)
            if version:
                part.unlink(missing_ok=True)
                _facts(part).write_text(json.dumps({"version": version}), encoding="utf-8")
        with part.open("ab" if resumed else "wb") as file:
            bar.n = file.tell()
            bar.total = whole
            bar.refresh()
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
            file.flush()
            os.fsync(file.fileno())
    if whole is not None and part.stat().st_size != whole:
        raise _BrokenOffError(f"{part.stat().st_size} of {whole} bytes")


def _known_version(part: Path) -> str:
    try:
        return str(json.loads(_facts(part).read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _open(request: urllib.request.Request) -> Any:
    if request.type not in ("http", "https"):
        raise WeightsError(f"{request.full_url}: not an address of the web", hint="http:// or https://")
    request.add_header("User-Agent", "colorcli")
    return urllib.request.urlopen(request, timeout=TIMEOUT)


@contextmanager
def _bar(name: str, size: int | None, wanted: bool) -> Iterator[Any]:
    from tqdm import tqdm

    with tqdm(total=size, desc=name, unit="B", unit_scale=True, disable=not wanted) as bar:
        yield bar


def _passing(error: Exception) -> str | None:
    """Return an error in words if the next attempt may fare better."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answers with an error of its own ({error.code})" if error.code in TRANSIENT else None
    if isinstance(error, OSError | http.client.HTTPException) and getattr(error, "filename", None) is None:
        return f"the server cannot be reached, or the line broke ({_reason(error)})"
    return None


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", None) or error) or type(error).__name__


@contextmanager
def _explained(url: str) -> Iterator[None]:
    try:
        yield
    except urllib.error.HTTPError as error:
        with contextlib.suppress(OSError):
            error.close()
        gone = error.code in (401, 403, 404, 410)
        raise WeightsError(
            f"{url}: {'not there, or not for everybody' if gone else 'the server refuses'} ({error.code})",
            hint="look for a copy and name it: colorcli weights pull NAME --from FILE" if gone else "try again later",
        ) from error
    except (OSError, http.client.HTTPException) as error:
        if getattr(error, "filename", None) is not None:
            raise  # a disk's, not a line's
        raise WeightsError(
            f"{url}: cannot be reached: {_reason(error)}",
            hint="check the network, then run the same command again: what is here already is kept",
        ) from error
