"""The errors a user can cause, each with its exit code and the next step to take.

Library code raises these; only ``colorcli.cli`` turns them into a sentence and an exit status. A mistake of the
programmer (a wrong shape, a wrong type) is a plain ``ValueError`` or ``TypeError`` instead.
"""

from __future__ import annotations

import re


class ColorcliError(Exception):
    """Something the user can mend.

    Attributes:
        message: one sentence that names the file, option or model concerned, without a full stop.
        hint: the next step, or None.
        exit_code: the process's exit status (the table stands in ``colorcli --help``).
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(ColorcliError):
    """The command line, a recipe or an option asks for something that does not exist or does not fit."""

    exit_code = 2


class SomeFailedError(ColorcliError):
    """A batch ran to its end, but not every input became an output."""

    exit_code = 3


class WeightsError(ColorcliError):
    """Weights are missing, damaged or do not fit the network."""

    exit_code = 4


class MediaError(ColorcliError):
    """An input cannot be read or an output cannot be written."""

    exit_code = 5


class DeviceError(ColorcliError):
    """A device or a precision is not available, or memory ran out on it."""

    exit_code = 6


def missing_library(error: ImportError) -> ColorcliError | None:
    """Return the sentence for a shared library that the system lacks, as OpenCV's libGL on a bare Debian, else None."""
    found = re.match(r"(\S+): cannot open shared object file", str(error))
    if found is None:
        return None
    if re.match(r"lib(GL|EGL|g(lib|thread|object)-|SM|ICE|X|xcb)", found[1]):
        return ColorcliError(
            f"OpenCV cannot be loaded: this system has no {found[1]}",
            hint="apt-get install libgl1 libglib2.0-0, or pip install --force-reinstall opencv-python-headless",
        )
    return ColorcliError(
        f"a library cannot be loaded: this system has no {found[1]}",
        hint="install the system's package that holds it; `colorcli doctor` says which library asks for it",
    )
