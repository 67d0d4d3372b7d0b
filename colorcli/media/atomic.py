"""Files that appear under their final name only when they are complete.

The bytes go to ``.<name>.part-<pid>`` in the target's own folder, are flushed to the disk, and the file is renamed. A
process that is killed leaves at most such a part file behind, which `discover` never takes for a photo.

>>> with writing(Path("out.jpg"), overwrite=True) as file:  # doctest: +SKIP
...     file.write(data)
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import logging
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from colorcli.errors import MediaError
from colorcli.media._messages import from_os_error, printable

_log = logging.getLogger(__name__)

_NAME_MAX = 255  # bytes, on nearly every file system; asked for where the system can tell


def check_target(path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Say before any work is done whether ``path`` could be written, and where the bytes would really go.

    Args:
        path: the target.
        overwrite: a file that is there may be replaced.

    Returns:
        The path to write: the same, or what it links to (a link is kept, the file behind it replaced).

    Raises:
        MediaError: it exists and may not be replaced; it is a folder or a device; its folder is missing or read-only.
    """
    target = Path(path)
    try:
        if target.is_symlink():
            target = Path(os.path.realpath(target))
        try:
            mode = target.stat().st_mode
        except FileNotFoundError:
            mode = None
        if mode is not None:
            if stat.S_ISDIR(mode):
                raise from_os_error(IsADirectoryError(errno.EISDIR, ""), path, doing="write")
            if not stat.S_ISREG(mode):
                raise MediaError(f"not a regular file: {printable(path)}", hint="use `-` to write to standard output")
            if not overwrite:
                raise MediaError(f"the output exists already: {printable(path)}", hint="--overwrite replaces it")
        folder = target.parent
        if not folder.is_dir():
            raise MediaError(f"no such folder: {printable(folder)}", hint="create it first")
    except OSError as error:
        raise from_os_error(error, path, doing="write") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise from_os_error(PermissionError(errno.EACCES, ""), path, doing="write")
    return target


def temporary_name(target: Path, attempt: int = 0) -> str:
    """Name the part file of ``target``: ``.<name>.part-<pid>``, shortened to what the file system takes.

    Args:
        target: the final path; only its folder is asked, for the longest name it can hold.
        attempt: above 0 when the plain name is taken.
    """
    name = os.fsencode(target.name)
    ending = f".part-{os.getpid()}" + (f"-{attempt}" if attempt else "")
    try:
        longest = os.pathconf(target.parent, "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):
        longest = _NAME_MAX
    if len(name) + len(ending) + 1 > longest:
        # A digest keeps two long names apart that differ only at their ends.
        ending = f"~{hashlib.sha256(name).hexdigest()[:8]}{ending}"
        cut = max(longest - len(ending) - 1, 0)
        while cut and name[cut] & 0xC0 == 0x80:  # not in the middle of a UTF-8 character
            cut -= 1
        name = name[:cut]
    return f".{os.fsdecode(name)}{ending}"


@contextmanager
def writing(
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    times: tuple[int, int] | None = None,
    before_rename: Callable[[Path], None] | None = None,
) -> Iterator[BinaryIO]:
    """Open a part file beside ``path`` for writing; rename it to ``path`` when the block ends well.

    If the block raises, or anything goes wrong on the way, the part file is removed and ``path`` is as it was.

    Args:
        path: the final name. Its folder must exist.
        overwrite: replace a file that is there (its mode is kept); otherwise it is never touched, not even one that
            came to be while the block ran.
        times: of access and of change that the file gets, in nanoseconds.
        before_rename: called with the part file once it is complete, closed and on the disk, in its final size and
            times: the place to write down what is about to appear. If it raises, nothing has changed.

    Yields:
        The part file, open for binary writing.

    Raises:
        MediaError: see `check_target`; also when the disk is full, the name too long and the like.
    """
    target = check_target(path, overwrite=overwrite)
    try:
        file, part = _open_part(target)
    except OSError as error:
        raise from_os_error(error, path, doing="write") from error
    try:
        with file:
            yield file
            file.flush()
            if overwrite:
                with contextlib.suppress(OSError):
                    part.chmod(stat.S_IMODE(target.stat().st_mode))
            if times is not None:
                _set_times(part, times)
            os.fsync(file.fileno())
        if before_rename is not None:
            before_rename(part)
            if times is not None:
                _set_times(part, times)  # whoever read the part file changed its time of access
        _rename(part, target, overwrite=overwrite)
    except FileExistsError as error:
        raise MediaError(f"the output exists already: {printable(path)}", hint="--overwrite replaces it") from error
    except OSError as error:
        raise from_os_error(error, path, doing="write") from error
    finally:
        # After a good rename there is nothing to remove; after anything else, Ctrl-C included, there may be.
        with contextlib.suppress(OSError):
            part.unlink()


def _open_part(target: Path) -> tuple[BinaryIO, Path]:
    """Create the part file; never take over one that another thread, or a link laid by someone else, holds."""
    for attempt in itertools.count():
        part = target.with_name(temporary_name(target, attempt))
        try:
            return part.open("xb"), part
        except FileExistsError:
            if attempt >= 99:
                raise
    raise AssertionError("unreachable")  # pragma: no cover


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can; without it, a loss of power may undo renames."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _set_times(part: Path, times: tuple[int, int]) -> None:
    try:
        os.utime(part, ns=times)
    except OSError as error:  # some network file systems refuse; a file with today's date is no loss of pixels
        _log.warning("%s", from_os_error(error, part, doing="set the times of").message)


def _rename(part: Path, target: Path, *, overwrite: bool) -> None:
    """Give the complete part file its final name."""
    if overwrite:
        part.replace(target)
        return
    try:
        os.link(part, target)  # unlike a rename, this fails when the target has come to be meanwhile
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if target.exists():
            raise FileExistsError(errno.EEXIST, "", str(target)) from None
        part.replace(target)
