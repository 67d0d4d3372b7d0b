"""The originals of photos that are colorized in place."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from colorcli.engine.identity import Identity
from colorcli.media._messages import from_os_error
from colorcli.media.atomic import sync_folder, writing

#: Where a folder of outputs keeps its book, and where in there the originals are.
FOLDER, ORIGINALS = ".colorcli", "originals"


def keep(path: Path, original: Path) -> None:
    """Keep a file under another name, by a hard link, or as a copy where there are none; what is kept stays.

    Args:
        path: the file, about to be replaced (not changed: a hard link would change with it).
        original: where it is kept. Its folder is made.

    Raises:
        MediaError: it cannot be kept.
    """
    if original.exists():
        return
    real = Path(os.path.realpath(path))
    try:
        original.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(real, original)
        except OSError:
            status = real.stat()
            times = status.st_atime_ns, status.st_mtime_ns
            with real.open("rb") as source, writing(original, times=times) as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
        sync_folder(original.parent)
    except OSError as error:
        raise from_os_error(error, original, doing="keep the original as") from error


def is_same(path: Path, original: Path) -> bool:
    """Say whether a file is still the original that is kept of it."""
    with contextlib.suppress(OSError):
        return path.samefile(original) or Identity.of(path).sha256 == Identity.of(original).sha256
    return False


def home_of(path: Path) -> Path | None:
    """Return the folder whose book keeps the original of a photo done in place, None if there is none.

    So a photo that was done with the folder above it is found again when it is named alone, and the other way round.
    """
    name = Path(os.path.abspath(path))  # noqa: PTH100  (links stay as they are)
    kept = (folder for folder in name.parents if (folder / FOLDER / ORIGINALS / name.relative_to(folder)).exists())
    return next(kept, None)
