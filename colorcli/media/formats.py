"""What can be read and written, told by names alone: no codec is imported here, so the command line may ask early.

>>> output_format("scan.TIF")
'TIFF'
"""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path

from colorcli.errors import MediaError
from colorcli.media._messages import printable


@dataclass(frozen=True)
class Format:
    """What a file format can hold.

    Attributes:
        name: Pillow's name for it.
        suffixes: the suffixes that ask for it, the usual one first.
        alpha: it holds transparency.
        deep: it holds more than 8 bits per sample: 16, but for AVIF and HEIF, which hold 12.
        lossless: what is read back equals what was written (for the depths it holds).
        profile: it holds an ICC profile.
    """

    name: str
    suffixes: tuple[str, ...]
    alpha: bool
    deep: bool
    lossless: bool
    profile: bool


FORMATS = {
    form.name: form
    for form in (
        Format("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif"), alpha=False, deep=False, lossless=False, profile=True),
        Format("PNG", (".png",), alpha=True, deep=True, lossless=True, profile=True),
        Format("TIFF", (".tif", ".tiff"), alpha=True, deep=True, lossless=True, profile=True),
        Format("WEBP", (".webp",), alpha=True, deep=False, lossless=False, profile=True),
        Format("AVIF", (".avif",), alpha=True, deep=True, lossless=False, profile=True),
        Format(
            "JPEG2000",
            (".jp2", ".j2k", ".j2c", ".jpc", ".jpx", ".jpf"),
            alpha=True,
            deep=True,
            lossless=True,
            profile=True,
        ),
        Format("HEIF", (".heic", ".heif", ".hif"), alpha=True, deep=True, lossless=False, profile=True),
        Format("BMP", (".bmp", ".dib"), alpha=False, deep=False, lossless=True, profile=False),
        Format("PPM", (".ppm", ".pnm"), alpha=False, deep=True, lossless=True, profile=False),
    )
}

SUFFIXES: dict[str, str] = {suffix: form.name for form in FORMATS.values() for suffix in form.suffixes}
"""The lower-case suffixes that can be written, each with its format's name."""

RAW_SUFFIXES: frozenset[str] = frozenset(
    (
        *(".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".raf", ".orf", ".rw2", ".pef"),
        *(".srw", ".raw", ".rwl", ".3fr", ".fff", ".iiq", ".erf", ".mef", ".mos", ".mrw", ".kdc", ".dcr", ".x3f"),
    )
)
"""The lower-case suffixes of camera RAW files, which can be read with the extra ``raw``."""

READ_SUFFIXES: frozenset[str] = frozenset(SUFFIXES) | {".pgm", ".pbm"} | RAW_SUFFIXES
"""The lower-case suffixes under which `discover` looks for photos (reading itself goes by content)."""


# Suffixes that are no slip of the pen, though close to others.
_REAL = frozenset((".gif", ".pdf", ".psd", ".svg", ".jxl")) | RAW_SUFFIXES


def output_format(path: str | os.PathLike[str]) -> str:
    """Name the format that a target's suffix asks for.

    Args:
        path: the target; it need not exist.

    Returns:
        A key of `FORMATS`.

    Raises:
        MediaError: the suffix is missing or none that can be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    if suffix in (".pgm", ".pbm"):
        raise MediaError(f"a {suffix} file cannot hold colour: {printable(path)}", hint="write .ppm instead")
    near = [] if suffix in _REAL else difflib.get_close_matches(suffix, SUFFIXES, n=1, cutoff=0.6)
    usual = ", ".join(form.suffixes[0] for form in FORMATS.values())
    problem = (
        f"cannot write {printable(suffix)} files" if suffix else "the output's name has no suffix to tell its format"
    )
    hint = f"did you mean {near[0]}?" if near else f"use one of {usual}"
    raise MediaError(f"{problem}: {printable(path)}", hint=hint)


def output_suffix(path: str | os.PathLike[str]) -> str:
    """Choose the suffix of a colour version of ``path``: its own where that can be written, else the nearest kin.

    HEIC stays HEIC, since JPEG would keep neither its depth nor its transparency; camera RAW becomes TIFF, which keeps
    16 bits and the most metadata.

    Returns:
        A suffix that `output_format` takes, in the case in which it was found.
    """
    suffix = Path(path).suffix
    if suffix.lower() in SUFFIXES:
        return suffix
    if suffix.lower() in RAW_SUFFIXES:
        return ".tif"
    return ".ppm" if suffix.lower() in (".pgm", ".pbm") else ".png"
