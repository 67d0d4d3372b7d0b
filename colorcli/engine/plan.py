"""Which input becomes which output, decided before any work and without importing torch or a codec.

Names are a function of the inputs and of the names that earlier runs gave, so the same command gives the same names
again, and running it again resumes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from colorcli.engine import names as names_of
from colorcli.engine.hints import sidecar
from colorcli.engine.selection import find
from colorcli.errors import UsageError
from colorcli.media.discover import OUTPUT_MARK
from colorcli.media.formats import output_format, output_suffix

if TYPE_CHECKING:
    from colorcli.engine.book import Book

#: Stands for standard input or output on a command line.
STREAM = "-"


@dataclass(frozen=True)
class Job:
    """One photo to colorize.

    Attributes:
        input: file, or a binary stream.
        output: file, or a binary stream.
        format: Pillow-style name of the output's format for streams; None goes by the output's suffix.
        exists: the output was there when the plan was made.
        name: the input's name below the folder of inputs.
        wanted: the output's name below the folder of outputs, as it would be if no other photo aimed at it.
        copy: what the output is called if the input is copied as it is.
        hints: file of hints; None if there is none.
        book: what has been done in the folder of outputs; None where nobody keeps a record.
    """

    input: Path | BinaryIO
    output: Path | BinaryIO
    format: str | None = None
    exists: bool = False
    name: str = ""
    wanted: str = ""
    copy: Path | None = None
    hints: Path | None = None
    book: Book | None = field(default=None, repr=False, compare=False)

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


def plan_folder(
    root: Path,
    output: Path,
    *,
    suffix: str | None = None,
    book: Book | None = None,
    inputs: Sequence[Path] | None = None,
) -> list[Job]:
    """Map every photo below ``root`` to the same place below ``output``, sorted.

    Args:
        root: folder to search.
        output: folder that mirrors its tree. The same folder only with a book that is ``in_place``.
        suffix: as for :func:`plan_photos`.
        book: remembers names from run to run: an input keeps the output it had, whatever comes to lie beside it.
        inputs: what :func:`find` found.

    Raises:
        MediaError: ``root`` is missing, no folder, or cannot be listed; a format in place that cannot be written.
        UsageError: both are the same folder.
    """
    check_folders(root, output, in_place=book is not None and book.in_place)
    inputs = find(root, output=output) if inputs is None else inputs
    names = [path.relative_to(root) for path in inputs]
    if book is not None and book.in_place:
        return plan_in_place(inputs, [name.as_posix() for name in names], [book] * len(inputs))
    wanted = [output / name.parent / _named(name, suffix) for name in names]
    return _jobs(inputs, wanted, names=[name.as_posix() for name in names], out=output, book=book)


def check_folders(root: Path, output: Path, *, in_place: bool) -> None:
    """Refuse to write results among the photos they are made from.

    Raises:
        UsageError: both are the same folder, and that is not asked for.
    """
    if not in_place and root.resolve() == output.resolve():
        raise UsageError(f"{str(root)!r} is both input and output", hint="name another folder with -o, or --in-place")


def plan_in_place(inputs: Sequence[Path], names: Sequence[str], books: Sequence[Book]) -> list[Job]:
    """Let results take the places of their inputs.

    Args:
        inputs: the photos.
        names: their names below the folders of their books.
        books: for each the book that keeps its original.

    Raises:
        MediaError: a photo's format cannot be written.
    """
    for path in inputs:
        output_format(path)
    return [
        Job(path, path, exists=True, name=name, hints=sidecar(path), book=book)
        for path, name, book in zip(inputs, names, books, strict=True)
    ]


def _named(path: Path, suffix: str | None, mark: str = "") -> str:
    return f"{path.stem}{mark}{suffix or output_suffix(path)}"


def _jobs(
    inputs: Sequence[Path],
    wanted: Sequence[Path],
    *,
    names: Sequence[str] | None = None,
    out: Path | None = None,
    book: Book | None = None,
) -> list[Job]:
    names = names or [str(path) for path in inputs]
    targets: dict[int, Path] = {}
    reserved: set[str] = set()
    if book is not None and out is not None:
        targets = names_of.remembered(names, wanted, out, book)
        reserved = {names_of.key(path) for path in names_of.owned(out, book)}
    left = [i for i in range(len(inputs)) if i not in targets]
    fresh = names_of.distinct([inputs[i] for i in left], [wanted[i] for i in left], reserved)
    targets |= dict(zip(left, fresh, strict=True))
    taken = {names_of.key(path) for path in targets.values()} | reserved
    jobs = []
    for i, source in enumerate(inputs):
        target = targets[i]
        copy = names_of.copy_of(source, target)
        if copy != target and names_of.key(copy) in taken and not _is_copy_of(book, target, copy):
            copy = target.with_name(f"{target.name}{source.suffix}")  # its own name is another's
        taken.add(names_of.key(copy))
        jobs.append(
            Job(
                source,
                target,
                exists=target.exists(),
                name=names[i],
                wanted=wanted[i].relative_to(out).as_posix() if out is not None else "",
                copy=copy,
                hints=sidecar(source),
                book=book,
            )
        )
    folder = cache(Path.resolve)  # resolving costs a system call per part of the path, and folders repeat
    originals = {names_of.key(folder(path.parent) / path.name) for path in inputs}
    for target in targets.values():
        if names_of.key(folder(target.parent) / target.name) in originals:
            raise UsageError(
                f"output {str(target)!r} is one of the inputs", hint="name another output with -o, or use --in-place"
            )
    return jobs


def _is_copy_of(book: Book | None, target: Path, copy: Path) -> bool:
    """Say whether a name was given to a copy in the place of ``target`` by an earlier run."""
    record = book.manifest.made.get(book.relative(copy)) if book is not None else None
    return record is not None and book is not None and record.planned == book.relative(target)
