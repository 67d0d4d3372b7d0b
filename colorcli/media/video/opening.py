"""Opening films, and what to say of those that cannot be opened."""

from __future__ import annotations

import errno
import stat
from pathlib import Path
from typing import Any, BinaryIO

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from colorcli.errors import MediaError
from colorcli.media._messages import from_os_error, printable
from colorcli.media.video.film import codec_of, main_stream

#: What MP4 calls the codec of protected streams.
_ENCRYPTED = ("drmi", "encv")


def open_film(source: Path | BinaryIO, *, form: str | None = None) -> InputContainer:
    """Open a film.

    Args:
        source: file, or a stream.
        form: its format, where it cannot be told from the data.

    Raises:
        MediaError: it cannot be read, or is no film.
    """
    name = source if isinstance(source, Path) else "standard input"
    try:
        if isinstance(source, Path):
            _look_at(source)
        return av.open(str(source) if isinstance(source, Path) else source, "r", format=form, metadata_errors="replace")
    except av.error.EOFError as error:
        raise MediaError(
            f"there is no picture in it: {printable(name)}", hint="the file ends with its header"
        ) from error
    except av.error.FFmpegError as error:
        raise MediaError(
            f"not a video that can be read, or damaged where it begins: {printable(name)}",
            hint="see whether a player opens it; if it was cut off, its index may be missing",
        ) from error
    except OSError as error:
        raise from_os_error(error, name) from error


def _look_at(path: Path) -> None:
    """Say in the system's own words why a file cannot be read; FFmpeg has others, and waits for pipes."""
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "")
    if not stat.S_ISREG(status.st_mode):
        raise MediaError(f"not a regular file: {printable(path)}", hint="use `-` to read a raw film (y4m) from a pipe")
    with path.open("rb") as file:
        if not file.read(1):
            raise MediaError(f"the file is empty: {printable(path)}", hint="copy it again from where it came")


def find_pictures(container: InputContainer, name: str) -> VideoStream:
    """Return the stream of pictures, ready to be decoded.

    Raises:
        MediaError: there is none, or it cannot be decoded.
    """
    stream = main_stream(container)
    if stream is None:
        kinds = ", ".join(f"{one.type} ({codec_of(one)})" for one in container.streams) or "nothing"
        raise MediaError(f"no film in {name}, only {kinds}", hint="check that it is the right file")
    if getattr(stream, "codec_context", None) is None:  # the stubs do not know of it
        if any(f"({tag} / " in _dumped(container) for tag in _ENCRYPTED):
            raise encrypted(name)
        raise MediaError(
            f"{name}: this build of FFmpeg has no decoder for its pictures",
            hint="convert it to another codec first; `colorcli doctor` lists what is here",
        )
    if stream.codec_context.codec_tag in _ENCRYPTED:
        raise encrypted(name)
    stream.thread_type = "AUTO"  # frames as well as slices, in parallel
    return stream


def _dumped(container: Any) -> str:
    """Return what FFmpeg tells of a file: the only place that names the codec of a stream without decoder."""
    before = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        return str(container.dumps_format())
    finally:
        av.logging.set_level(before)


def encrypted(name: str) -> MediaError:
    """Return what to say of a film that is protected."""
    return MediaError(f"the film is encrypted (DRM): {name}", hint="only a copy without protection can be colorized")
