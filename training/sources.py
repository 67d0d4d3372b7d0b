"""What the user names as pictures: folders, tar shards, folders and patterns of shards, CIFAR-10's batches.

Shards called ``val-*`` that were not named one by one, and CIFAR's ``test_batch``, are for validation and never trained
on.
"""

from __future__ import annotations

import glob
import io
import itertools
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from colorcli.errors import MediaError, UsageError
from colorcli.media.discover import discover
from colorcli.media.formats import READ_SUFFIXES
from colorcli.media.photo import read
from colorcli.training import cifar

#: Where a picture is: a file, or (tar, offset, bytes); or the picture itself, RGB uint8 ``(H, W, 3)``.
Where = Path | tuple[Path, int, int] | npt.NDArray[np.uint8]
#: Suffix of a shard's members that hold the class of the picture of the same name (WebDataset).
_CLASS = ".cls"


@dataclass(frozen=True)
class Source:
    """A tar shard, one of CIFAR-10's batches, or a folder of pictures."""

    path: Path

    @property
    def is_shard(self) -> bool:
        """Whether this is a tar file."""
        return self.path.suffix == ".tar"

    @property
    def is_folder(self) -> bool:
        """Whether this is a folder of pictures."""
        return self.path.is_dir()

    def members(self) -> Iterator[tuple[str, Where]]:
        """Yield (name, where) of each picture. The folder part of a name is the picture's class, if it has one.

        Raises:
            MediaError: the folder, tar file or batch cannot be read.
        """
        if self.is_folder:
            for path in discover(self.path):
                yield path.relative_to(self.path).as_posix(), path
        elif self.is_shard:
            yield from self._shard()
        else:
            yield from cifar.read(self.path)

    def _shard(self) -> Iterator[tuple[str, Where]]:
        try:
            with tarfile.open(self.path) as shard:
                members = [member for member in shard if member.isfile()]
                classes = {}
                for member in members:
                    if member.name.endswith(_CLASS) and (file := shard.extractfile(member)) is not None:
                        classes[member.name.removesuffix(_CLASS)] = file.read(100).decode("utf-8", "replace").strip()
        except (tarfile.TarError, OSError) as error:
            raise MediaError(f"{self.path}: not a readable tar file: {error}") from error
        for member in members:
            stem, dot, suffix = member.name.rpartition(".")
            if f"{dot}{suffix}".lower() not in READ_SUFFIXES:
                continue
            folder, _, name = member.name.rpartition("/")
            named = "/".join(filter(None, (folder, classes[stem], name))) if stem in classes else member.name
            yield named, (self.path, member.offset_data, member.size)

    def fingerprint(self) -> list[Any]:
        """Return what changes when the pictures do: names, sizes and times."""
        if not self.is_folder:
            facts = self.path.stat()
            return [str(self.path.resolve()), facts.st_size, facts.st_mtime_ns]
        rows = ((path.relative_to(self.path).as_posix(), path.stat()) for path in discover(self.path))
        return [str(self.path.resolve()), *((name, facts.st_size, facts.st_mtime_ns) for name, facts in rows)]


def pixels_of(where: Where, *, name: str | None = None) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """Read a picture that a source names: ``(H, W)`` if it is gray, else RGB ``(H, W, 3)``.

    Args:
        where: what :meth:`Source.members` gave.
        name: what to call a shard's member in messages; by default the shard.

    Raises:
        MediaError: it cannot be read.
    """
    if isinstance(where, np.ndarray):
        return where
    if isinstance(where, Path):
        return read(where).pixels
    path, offset, length = where
    try:
        with path.open("rb") as shard:
            shard.seek(offset)
            content = shard.read(length)
    except OSError as error:
        raise MediaError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    return read(io.BytesIO(content), name=f"{path}: {name}" if name else str(path)).pixels


def find(paths: Iterable[Path]) -> tuple[list[Source], list[Source]]:
    """Return (training, validation) sources of what the user named.

    Args:
        paths: folders of pictures, of tar shards or of CIFAR-10's batches; tar shards; or patterns of any of these,
            with ``*``, ``?``, ``[ab]``, ``{a,b}`` and ``{0000..0012}``.

    Raises:
        UsageError: a path does not exist, or is neither a folder nor a tar file; a pattern fits nothing.
    """
    train: list[Source] = []
    val: list[Source] = []
    for path in paths:
        named = _matches(path)
        for one in named:
            # One by one a shard is what the user says it is; of many, its name says it.
            held = one != path and one.name.startswith("val")
            (val if held and one.suffix == ".tar" else train).extend(_training(one))
            val.extend(_validation(one))
    return train, val


def _training(path: Path) -> list[Source]:
    if path.is_dir():
        parts = [shard for shard in _shards(path) if not shard.name.startswith("val")] or cifar.batches(path)[0]
        return [Source(part) for part in parts] or ([] if _shards(path) else [Source(path)])
    if path.suffix == ".tar" and path.is_file():
        return [Source(path)]
    what = "is not a folder or a tar file" if path.exists() else "does not exist"
    raise UsageError(f"{path}: {what}", hint="give a folder of pictures, a .tar shard or a folder of shards")


def _validation(path: Path) -> list[Source]:
    if not path.is_dir():
        return []
    shards = _shards(path)
    return [Source(part) for part in shards if part.name.startswith("val")] or [
        Source(part) for part in ([] if shards else cifar.batches(path)[1])
    ]


def _shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.tar"))


def _matches(path: Path) -> list[Path]:
    """Return the path itself, or what it stands for if it is a pattern."""
    if path.exists() or not re.search(r"[*?\[{]", str(path)):
        return [path]
    found = [
        sorted(glob.glob(one)) if re.search(r"[*?\[]", one) else [one]  # noqa: PTH207  a Path's glob takes no root
        for one in expand(str(path))
    ]
    if not any(found):
        raise UsageError(f"{path}: nothing fits this pattern", hint="quote it, or give the folder")
    return [Path(one) for one in itertools.chain.from_iterable(found)]


def expand(text: str) -> list[str]:
    """Return what a shell makes of the braces in a text.

    >>> expand("train-{08..11}.{tar,zip}")[:4]
    ['train-08.tar', 'train-08.zip', 'train-09.tar', 'train-09.zip']
    """
    found = re.search(r"\{(?:(\d+)\.\.(\d+)|([^{}]*,[^{}]*))\}", text)
    if found is None:
        return [text]
    first, last, words = found.groups()
    middle = words.split(",") if words else [f"{n:0{len(first)}}" for n in range(int(first), int(last) + 1)]
    return [text[: found.start()] + one + rest for one in middle for rest in expand(text[found.end() :])]
