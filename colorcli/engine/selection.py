"""Which files below a folder a run is about."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from colorcli.errors import UsageError
from colorcli.media._messages import printable
from colorcli.media.discover import discover
from colorcli.media.formats import READ_SUFFIXES
from colorcli.media.video.codecs import FILM_SUFFIXES


def find(
    root: Path,
    *,
    output: Path | None = None,
    chosen: Sequence[Path] | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    films: bool = False,
) -> list[Path]:
    """Find the photos to do below a folder, or the films.

    Args:
        root: folder to search.
        output: if it lies inside ``root``, it is not searched.
        chosen: these files below ``root`` in this order, instead of a search; they need not exist.
        include: patterns as in a ``.gitignore``, matched against names below ``root``; only photos that match one.
        exclude: the same; no photos that match one.
        films: find films, which are known by their suffixes; without it all chosen files that are none are photos.

    Returns:
        Paths that begin with ``root``.

    Raises:
        MediaError: ``root`` is missing, no folder, or cannot be listed.
        UsageError: a chosen file does not lie below ``root``, or a pattern is none.
    """
    found: Iterator[Path]
    if chosen is not None:
        found = (path for path in _below(root, chosen) if (path.suffix.lower() in FILM_SUFFIXES) == films)
    else:
        suffixes = FILM_SUFFIXES if films else READ_SUFFIXES
        found = discover(root, exclude=[output] if output else [], suffixes=suffixes)
    return list(_matching(root, found, include, exclude))


def _below(root: Path, chosen: Iterable[Path]) -> Iterator[Path]:
    """Yield chosen files as names that begin with ``root``, each once."""
    top = os.path.abspath(root)  # noqa: PTH100  (links stay as they are)
    seen: set[str] = set()
    for path in chosen:
        name = os.path.relpath(os.path.abspath(path), top)  # noqa: PTH100
        if Path(name).parts[:1] in ((), ("..",)):
            raise UsageError(
                f"{printable(path)} does not lie below {printable(root)}",
                hint="name the folder that holds all of them as DIR",
            )
        if name not in seen:
            seen.add(name)
            yield root / name


def _matching(root: Path, paths: Iterable[Path], include: Sequence[str], exclude: Sequence[str]) -> Iterator[Path]:
    if not include and not exclude:
        yield from paths
        return
    import pathspec

    try:
        wanted, unwanted = (pathspec.GitIgnoreSpec.from_lines(lines) for lines in (include, exclude))
    except ValueError as error:
        raise UsageError(
            f"not a pattern: {error}", hint="patterns are those of a .gitignore: '*.tif', 'box-1/'"
        ) from error
    for path in paths:
        name = path.relative_to(root).as_posix()
        if (not include or wanted.match_file(name)) and not unwanted.match_file(name):
            yield path
