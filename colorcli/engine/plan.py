"""Which input becomes which output, decided before any work and without importing torch or a codec.

Names are a function of the inputs alone, so the same command gives the same names again, and running it again resumes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO

from colorcli.errors import UsageError
from colorcli.media.discover import OUTPUT_MARK, discover
from colorcli.media.formats import output_suffix

#: Stands for standard input or output on a command line.
STREAM = "-"
#: Where A.jpg and a.jpg are one file.
_FOLDS_CASE = sys.platform in ("win32", "darwin")


@dataclass(frozen=True)
class Job:
    """One photo to colorize.

    Attributes:
        input: file, or a binary stream.
        output: file, or a binary stream.
        format: Pillow-style name of the output's format for streams; None goes by the output's suffix.
        exists: the output was there when the plan was made.
    """

    input: Path | BinaryIO
    output: Path | BinaryIO
    format: str | None = None
    exists: bool = False

    @property
    def source(self) -> str:
        """The input's name for messages and reports; ``-`` for a stream."""
        return str(self.input) if isinstance(self.input, Path) else STREAM

    @property
    def target(self) -> str:
        """The output's name for messages and reports; ``-`` for a stream."""
        return str(self.output) if isinstance(self.output, Path) else STREAM


def plan_photos(inputs: Sequence[Path], output: str | Path | None = None, *, suffix: str | None = None) -> list[Job]:
    """Map photos given one by one to outputs, in the order given.

    Args:
        inputs: files; they need not exist.
        output: None puts each result beside its input, marked ``_color``; an existing folder, or a name with a slash
            at its end, takes them all; anything else is the one output's name.
        suffix: suffix of the outputs, with its dot; None keeps that of the input where it can be written, else
            takes its nearest kin. Ignored where ``output`` names a file.

    Raises:
        UsageError: several inputs and one output file, or an output that is an input.
    """
    if output is None:
        targets = [path.with_name(_named(path, suffix, OUTPUT_MARK)) for path in inputs]
    elif str(output).endswith(("/", "\\")) or Path(output).is_dir():
        targets = [Path(output) / _named(path, suffix) for path in inputs]
    elif len(inputs) == 1:
        targets = [Path(output)]
    else:
        raise UsageError(
            f"{len(inputs)} photos cannot go to the one file {str(output)!r}",
            hint=f"name a folder: -o {output!s}/",
        )
    return _jobs(inputs, targets)


def plan_folder(root: Path, output: Path, *, suffix: str | None = None) -> list[Job]:
    """Map every photo below ``root`` to the same place below ``output``, sorted.

    Args:
        root: folder to search.
        output: folder that mirrors its tree; if it lies inside ``root`` it is not searched.
        suffix: as for :func:`plan_photos`.

    Raises:
        MediaError: ``root`` is missing, no folder, or cannot be listed.
        UsageError: both are the same folder.
    """
    if root.resolve() == output.resolve():
        raise UsageError(f"{str(root)!r} is both input and output", hint="name another folder with -o")
    inputs = list(discover(root, exclude=[output]))
    targets = [output / path.relative_to(root).parent / _named(path, suffix) for path in inputs]
    return _jobs(inputs, targets)


def _named(path: Path, suffix: str | None, mark: str = "") -> str:
    return f"{path.stem}{mark}{suffix or output_suffix(path)}"


def _jobs(inputs: Sequence[Path], targets: Iterable[Path]) -> list[Job]:
    jobs = [
        Job(source, target, exists=target.exists())
        for source, target in zip(inputs, _distinct(inputs, list(targets)), strict=True)
    ]
    folder = cache(Path.resolve)  # resolving costs a system call per part of the path, and folders repeat
    taken = {_key(folder(path.parent) / path.name) for path in inputs}
    for target in (job.output for job in jobs):
        if isinstance(target, Path) and _key(folder(target.parent) / target.name) in taken:
            raise UsageError(f"output {str(target)!r} is one of the inputs", hint="name another output with -o")
    return jobs


def _distinct(inputs: Sequence[Path], targets: Sequence[Path]) -> list[Path]:
    """Give inputs that aim at one output names of their own.

    ``a.jpg`` and ``a.heic`` that both aim at ``a.jpg`` become ``a.jpg`` and ``a.heic.jpg``: the one that bears the
    name keeps it. Those that still collide (``x/a.jpg`` and ``y/a.jpg``) are numbered in the order of their paths.
    """
    result = list(targets)
    for target, members in _collisions(targets).items():
        bearers = [i for i in members if inputs[i].suffix.casefold() == target.suffix.casefold()]
        for i in members:
            if i not in bearers[:1]:
                stem = result[i].stem
                tail = inputs[i].suffix if i not in bearers else ""
                result[i] = result[i].with_name(f"{stem}{tail}{result[i].suffix}")
    taken: set[str] = set()
    for i in sorted(range(len(result)), key=lambda i: str(inputs[i])):
        wanted, number = result[i], 1
        while _key(result[i]) in taken:
            number += 1
            result[i] = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
        taken.add(_key(result[i]))
    return result


def _key(path: Path) -> str:
    return str(path).casefold() if _FOLDS_CASE else str(path)


def _collisions(targets: Sequence[Path]) -> dict[Path, list[int]]:
    groups: dict[str, list[int]] = {}
    for i, target in enumerate(targets):
        groups.setdefault(_key(target), []).append(i)
    return {targets[members[0]]: members for members in groups.values() if len(members) > 1}
