"""What colorcli keeps of weights in the user's cache: what was downloaded first, and published files with our keys.

``weights/pins`` holds a record for each source that was ever fetched: the commit that a branch stood for, the SHA-256
and the place of the file. Whatever a card leaves open is held to it from then on. ``weights/converted`` holds published
checkpoints under our keys, named after the hash of the published file. Imports neither torch nor the Hub's library.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from colorcli.errors import UsageError
from colorcli.weights.card import Source

#: To be raised with every change of the converters that changes what comes out of them.
CONVERSION = 1


def cache_root() -> Path:
    """Return colorcli's cache folder: ``$COLORCLI_CACHE``, else ``colorcli`` in the user's cache folder."""
    own = os.environ.get("COLORCLI_CACHE")
    base = os.environ.get("XDG_CACHE_HOME")
    return Path(own).expanduser() if own else (Path(base).expanduser() if base else Path.home() / ".cache") / "colorcli"


def home() -> Path:
    """Return the part of the cache that is about weights; it need not be there."""
    return cache_root() / "weights"


def slug(text: str) -> str:
    """Return a file name for what ``text`` names: readable, and of its own."""
    short = re.sub(r"[^A-Za-z0-9.]+", "-", text.rpartition("://")[2])[-60:].strip("-.")
    return f"{short}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, kw_only=True)
class Pin:
    """What a source turned out to be when it was first fetched.

    Attributes:
        source: in words, for people who look into the folder.
        sha256: of the file.
        path: where the file lies.
        revision: full commit hash; "" for files given by address.
        licence: as the Hub names it, where no card does.
    """

    source: str
    sha256: str
    path: str
    revision: str = ""
    licence: str = ""

    @property
    def file(self) -> Path | None:
        """The file, if it is still there."""
        path = Path(self.path)
        return path if path.is_file() else None


def _pin_path(source: Source) -> Path:
    return home() / "pins" / f"{slug(str(source))}.json"


def pin(source: Source) -> Pin | None:
    """Return the record of a source, None if it was never fetched or the record cannot be read."""
    try:
        return Pin(**json.loads(_pin_path(source).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_pin(source: Source, found: Pin) -> Path:
    """Record what a source turned out to be; return where."""
    path = _pin_path(source)
    replace_file(path, json.dumps(dataclasses.asdict(found), indent=1).encode() + b"\n")
    return path


def forget(source: Source) -> bool:
    """Remove the record of a source; return whether there was one."""
    path = _pin_path(source)
    there = path.exists()
    path.unlink(missing_ok=True)
    return there


def converted(sha256: str) -> Path:
    """Return where the published file of this hash lies, or would lie, with our keys."""
    return home() / "converted" / f"{sha256[:32]}-{CONVERSION}.safetensors"


def hash_beside(path: Path) -> Path:
    """Return the file that holds the hash of a converted file."""
    return path.with_name(f"{path.name}.sha256")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_free(target: Path, *, overwrite: bool) -> None:
    """Raise a UsageError if a file is to be written where there is a folder, or one that must not be replaced."""
    if target.is_dir() or (target.exists() and not overwrite):
        raise UsageError(f"{target}: exists", hint="name another file, or --force to replace it")


def replace_file(path: Path, content: bytes) -> None:
    """Write a file, and its folder if need be; what stands under ``path`` is complete at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part-{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
