"""Sentences for what goes wrong with files: the file's name made printable, the system's error made plain."""

from __future__ import annotations

import errno
import os

from colorcli.errors import MediaError

# What the system says, as a sentence about {0} and the next step.
_SAID: dict[int, tuple[str, str | None]] = {
    errno.ENOENT: ("no such file or folder: {0}", "check the path"),
    errno.ENOTDIR: ("part of the path is a file, not a folder: {0}", "check the path"),
    errno.EISDIR: ("{0} is a folder, not a file", "use `colorcli folder` for whole folders"),
    errno.EACCES: ("no permission to {1} {0}", "check the owner and the mode of the file and its folder"),
    errno.EPERM: ("not permitted to {1} {0}", "check the owner and the mode of the file and its folder"),
    errno.EROFS: ("cannot {1} {0}: the disk is mounted read-only", "choose another folder for the output"),
    errno.ENOSPC: ("no space left on the disk to {1} {0}", "free some space or choose another disk, then run it again"),
    errno.EDQUOT: ("the disk quota is used up: cannot {1} {0}", "free some space or choose another disk"),
    errno.ENAMETOOLONG: ("the file name is too long: {0}", "choose a shorter name"),
    errno.ELOOP: ("symbolic links lead in a circle: {0}", "mend the link"),
    errno.EMFILE: ("too many files are open to {1} {0}", "raise the limit with `ulimit -n`"),
    errno.ENXIO: ("not a regular file: {0}", "use `-` to read from a pipe"),
    errno.EIO: ("the disk reports an error: cannot {1} {0}", "copy the file to another disk and try there"),
}


def printable(path: str | bytes | os.PathLike[str]) -> str:
    """Make a name fit for a message: bytes that are no UTF-8 and control characters are shown escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def from_os_error(error: OSError, path: str | os.PathLike[str], *, doing: str = "read") -> MediaError:
    """Turn the system's error into a `MediaError` with the file's name and the next step.

    Args:
        error: what was caught.
        path: the file it was about.
        doing: the verb for the sentence, ``read`` or ``write``.
    """
    sentence, hint = _SAID.get(error.errno or 0, (f"cannot {{1}} {{0}}: {error.strerror or error}", None))
    return MediaError(sentence.format(printable(path), doing), hint=hint)
