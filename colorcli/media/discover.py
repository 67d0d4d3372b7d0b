"""Find the photos below a folder, in an order that is the same from run to run."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from colorcli.errors import MediaError
from colorcli.media._messages import from_os_error, printable
from colorcli.media.formats import READ_SUFFIXES

OUTPUT_MARK = "_color"
"""What `colorcli photo` puts before the suffix when it is not told a name for its output."""

HINTS_MARK = ".hints"
"""What follows a photo's whole name in that of a picture of hints for it, ``house.jpg.hints.png``."""

# Folders that systems keep for themselves; those with a leading dot are left out anyway.
_SYSTEM_FOLDERS = frozenset(
    ("@eadir", "$recycle.bin", "#recycle", "system volume information", "__macosx", "lost+found")
)

_log = logging.getLogger(__name__)


def discover(
    root: Path,
    *,
    exclude: Collection[Path] = (),
    on_error: Callable[[Path, OSError], None] | None = None,
    results: bool = False,
    suffixes: Collection[str] = READ_SUFFIXES,
) -> Iterator[Path]:
    """Walk the photos below ``root``, told by their suffixes.

    Left out are hidden names (``.DS_Store``, ``._*``, part files, ``.colorcli``), the folders of the system
    (``@eaDir``, ``$RECYCLE.BIN``), and pictures that are our own work: ``house_color.jpg`` where a ``house.*`` photo
    lies beside it, and hints for one, ``house.jpg.hints.png``. Links to folders are followed, each folder once, so a
    circle of links ends. A link that leads nowhere is given back: it is an input that cannot be read, not one to pass
    over in silence. Names may hold any bytes.

    Args:
        root: the folder.
        exclude: folders or files not to enter, an output folder inside ``root`` above all.
        on_error: called with a folder below ``root`` that cannot be listed and the reason; without it, it is logged.
        results: where ``house_color.jpg`` lies beside a ``house.*`` photo, give back our work and leave out the photo.
        suffixes: what is looked for, in lower case, if not photos.

    Yields:
        Paths that begin with ``root``, folder by folder in the order of their names' bytes.

    Raises:
        MediaError: ``root`` is missing, no folder, or cannot be listed. Raised at the first step of the walk.
    """
    try:
        entries = _listed(root)
    except OSError as error:
        if isinstance(error, NotADirectoryError):
            hint = "use `colorcli photo` for single files"
            raise MediaError(f"a file, not a folder: {printable(root)}", hint=hint) from error
        raise from_os_error(error, root) from error
    seen = {_identity(Path(root).stat())}
    for path in exclude:
        try:
            seen.add(_identity(Path(path).stat()))
        except OSError:
            continue  # not there yet: nothing below it to find either
    yield from _walk(root, entries, seen, on_error or _logged, results, suffixes)


def _walk(
    folder: Path,
    entries: list[os.DirEntry[str]],
    seen: set[tuple[int, int]],
    on_error: Callable[[Path, OSError], None],
    results: bool,
    suffixes: Collection[str],
) -> Iterator[Path]:
    """Yield from one folder and those below; ``seen`` holds (device, inode) of what is not to be entered (again)."""
    names = {os.path.splitext(entry.name) for entry in entries}  # noqa: PTH122 (names, not paths)
    all_names = {entry.name for entry in entries}
    photo_stems = {stem for stem, suffix in names if suffix.lower() in suffixes}
    for entry in entries:
        path = folder / entry.name
        stem, suffix = os.path.splitext(entry.name)  # noqa: PTH122
        try:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                if entry.name.lower() in _SYSTEM_FOLDERS or _identity(entry.stat()) in seen:
                    continue
                seen.add(_identity(entry.stat()))
                below = _listed(path)
            else:
                ours = stem.endswith(OUTPUT_MARK) and stem.removesuffix(OUTPUT_MARK) in photo_stems
                left_out = f"{stem}{OUTPUT_MARK}" in photo_stems if results else ours
                left_out |= stem.endswith(HINTS_MARK) and stem.removesuffix(HINTS_MARK) in all_names
                if suffix.lower() in suffixes and not left_out and _is_input(entry, path, seen):
                    yield path
                continue
        except OSError as error:
            on_error(path, error)
            continue
        yield from _walk(path, below, seen, on_error, results, suffixes)


def _is_input(entry: os.DirEntry[str], path: Path, seen: set[tuple[int, int]]) -> bool:
    """Take regular files that are not excluded, and links that lead nowhere; no pipes, sockets and devices."""
    if entry.is_symlink() and not path.exists():
        return True
    return entry.is_file() and _identity(entry.stat()) not in seen


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: os.fsencode(entry.name))


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _logged(path: Path, error: OSError) -> None:
    _log.warning("%s", from_os_error(error, path).message)
