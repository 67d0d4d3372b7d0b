"""A photo: pixels, alpha and metadata, kept apart, all given back.

>>> photo = read(Path("old.tif"))  # doctest: +SKIP
>>> notes = write(photo, Path("copy.png"))  # doctest: +SKIP
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from colorcli.errors import MediaError
from colorcli.media._messages import from_os_error, printable
from colorcli.media.atomic import check_target, writing
from colorcli.media.formats import FORMATS, SUFFIXES, output_format, output_suffix
from colorcli.media.metadata import Metadata

__all__ = ["MAX_PIXELS", "SUFFIXES", "Metadata", "Photo", "output_format", "output_suffix", "read", "write"]

MAX_PIXELS = 500_000_000
"""What `read` takes unless told otherwise: 1.5 GB of 8-bit RGB."""


@dataclass
class Photo:
    """A picture in sRGB values (unless ``metadata.icc`` says otherwise), standing upright.

    Attributes:
        pixels: ``(H, W)`` gray or ``(H, W, 3)`` RGB, uint8 or uint16, C-contiguous. An RGB file whose pixels are all
            neutral comes as ``(H, W)``.
        alpha: ``(H, W)`` of the same type, or None.
        format: Pillow's name of the format it came in, a key of `colorcli.media.formats.FORMATS`.
        metadata: EXIF, XMP, ICC, IPTC, resolution, comments.
        source: the file's name for messages, ``-`` for standard input.
        warnings: what was broken in the file, or could not be honoured, and did not stop the reading.
        page: which page of a multi-page TIFF this is, from 0.
        pages: how many pages the file has; 1 for every other format.
        source_icc: the RGB profile that the file's pixels were in before they were brought to sRGB; None where they
            were in sRGB already, or in no RGB profile at all.
    """

    pixels: NDArray[np.uint8] | NDArray[np.uint16]
    alpha: NDArray[np.uint8] | NDArray[np.uint16] | None = None
    format: str = "PNG"
    metadata: Metadata = field(default_factory=Metadata)
    source: str = "-"
    warnings: list[str] = field(default_factory=list)
    page: int = 0
    pages: int = 1
    source_icc: bytes | None = None


def read(
    source: str | os.PathLike[str] | BinaryIO,
    *,
    name: str | None = None,
    max_pixels: int = MAX_PIXELS,
    page: int = 0,
) -> Photo:
    """Read a photo; its content decides the format, not its name.

    Args:
        source: a path, or a binary stream (all of it is read if it cannot seek).
        name: what to call it in messages; by default the path, or ``-`` for a stream.
        max_pixels: refuse pictures of more, before any memory is taken for them.
        page: which page of a multi-page TIFF, from 0; `Photo.pages` says how many there are. Smaller copies of a page
            and masks are no pages.

    Returns:
        The photo: EXIF orientation applied, colours brought to sRGB.

    Raises:
        MediaError: missing, unreadable, empty, no picture, damaged, truncated, too large, or of an unsupported kind;
            always with the name and the next step. Half a picture is never accepted.
        IndexError: there is no such page.
    """
    from colorcli.media import decode  # Pillow is not loaded before there is something to decode

    if isinstance(source, (str, os.PathLike)):
        shown = printable(name or source)
        try:
            with _open_regular(source) as stream:
                found = decode.decode(stream, shown, max_pixels=max_pixels, page=page)
        except OSError as error:
            raise from_os_error(error, source) from error
        except MemoryError as error:
            raise _too_large(shown) from error
    else:
        shown = printable(name or "-")
        try:
            found = decode.decode(decode.in_memory(source), shown, max_pixels=max_pixels, page=page)
        except OSError as error:
            raise from_os_error(error, shown) from error
        except MemoryError as error:
            raise _too_large(shown) from error
    return Photo(
        found.pixels,
        found.alpha,
        found.format,
        found.metadata,
        shown,
        found.warnings,
        page,
        found.pages,
        found.source_icc,
    )


def write(
    photo: Photo,
    target: str | os.PathLike[str] | BinaryIO,
    *,
    format: str | None = None,
    quality: int = 95,
    overwrite: bool = False,
    profile: Literal["srgb", "keep"] = "srgb",
    times: tuple[int, int] | None = None,
    before_rename: Callable[[Path], None] | None = None,
    notes: list[str] | None = None,
) -> list[str]:
    """Write a photo; under a path, only when it is complete (`colorcli.media.atomic`).

    Args:
        photo: what to write. Its pixels are not changed, except that 16 bits are rounded where the format holds 8.
        target: a path, or a binary stream.
        format: a key of `colorcli.media.formats.FORMATS`; by default what the path's suffix asks for, or for a stream
            the photo's own.
        quality: 1..100 for JPEG (always 4:4:4), WebP (100 is lossless) and AVIF; other formats are lossless.
        overwrite: replace a file that is there.
        profile: ``srgb``, or ``keep``: colour goes back into the RGB profile that the input was in, and is tagged with
            it. Gray pixels, and input that had no RGB profile, are written as sRGB either way.
        times: when the file was last read and changed, in ns since the epoch; by default now. Paths only.
        before_rename: called with the complete part file; if it raises, nothing has changed. Paths only.
        notes: gets what is returned, before ``before_rename`` is called.

    Returns:
        A note for each thing that the format could not keep; empty when nothing is lost.

    Raises:
        MediaError: the target exists, cannot be written, its suffix says nothing, or its format cannot hold so large a
            picture.
        ValueError: pixels, alpha, format or quality are none that can be written.
    """
    check(photo, quality)
    path = target if isinstance(target, (str, os.PathLike)) else None
    shown = "-" if path is None else printable(path)
    form = format or (output_format(path) if path is not None else photo.format)
    if form not in FORMATS:
        raise ValueError(f"not a format that can be written: {form!r}; there are {', '.join(FORMATS)}")
    if path is not None:
        check_target(path, overwrite=overwrite)  # before the work of encoding
    data, lost = encoded(photo, form, shown, quality=quality, profile=profile)
    if notes is not None:
        notes += lost
    if path is None:
        assert not isinstance(target, (str, os.PathLike))
        target.write(data)
    else:
        with writing(path, overwrite=overwrite, times=times, before_rename=before_rename) as file:
            file.write(data)
    return lost


def encoded(
    photo: Photo, form: str, name: str, *, quality: int, profile: Literal["srgb", "keep"]
) -> tuple[bytes | memoryview, list[str]]:
    """Encode a photo that `check` has found good; the other arguments are those of `write`.

    Returns:
        The file, and a note for each thing that the format could not keep.

    Raises:
        MediaError: the format cannot hold so large a picture.
    """
    from colorcli.media import encode

    into = photo.source_icc if profile == "keep" else None
    try:
        return encode.encode(photo.pixels, photo.alpha, photo.metadata, form, quality=quality, into=into)
    except MemoryError as error:
        raise _too_large(name) from error
    except (OSError, ValueError, RuntimeError) as error:
        height, width = photo.pixels.shape[:2]
        problem = f"cannot encode {width}x{height} pixels as {form}: {name} ({error})"
        raise MediaError(problem, hint="choose another format, TIFF or PNG for very large pictures") from error


def _open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file, but no folder, pipe or device: these would block or never end."""
    file = Path(path)
    # A pipe without a writer would block in open() itself.
    descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise MediaError(f"not a regular file: {printable(path)}", hint="use `-` to read from a pipe")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        with contextlib.suppress(OSError):
            os.close(descriptor)
        raise


def _too_large(shown: str) -> MediaError:
    return MediaError(f"the picture does not fit into memory: {shown}", hint="scale it down, or use a larger machine")


def check(photo: Photo, quality: int) -> None:
    """Find mistakes in what is to be written.

    Raises:
        ValueError: pixels, alpha or quality are none that can be written.
    """
    pixels, alpha = photo.pixels, photo.alpha
    if not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)) or 0 in pixels.shape:
        raise ValueError(f"pixels must be (H, W) or (H, W, 3), not {pixels.shape}")
    if pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"pixels must be uint8 or uint16, not {pixels.dtype}")
    if alpha is not None and (alpha.shape != pixels.shape[:2] or alpha.dtype != pixels.dtype):
        raise ValueError(f"alpha {alpha.shape} {alpha.dtype} does not fit pixels {pixels.shape} {pixels.dtype}")
    if not 1 <= quality <= 100:
        raise ValueError(f"quality must be 1..100, not {quality}")
