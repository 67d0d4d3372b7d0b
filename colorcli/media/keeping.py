"""Where each format keeps what a picture says about itself; what has no place is moved to a near one, or said."""

from __future__ import annotations

import contextlib
import struct
from dataclasses import replace
from fractions import Fraction
from typing import Any

from colorcli.media import bare, ifd, jp2, jpeg_segments, photoshop, png_text, profiles, tiff_fields
from colorcli.media import exif as exif_block
from colorcli.media import xmp as xmp_packet
from colorcli.media.ifd import BrokenDirectoryError, Directory, Field
from colorcli.media.metadata import Metadata

_XMP, _PHOTOSHOP, _IPTC, _ICC = 700, 34377, 33723, 34675
_HOLDS = {
    "JPEG": frozenset(("exif", "xmp", "icc", "iptc", "dpi", "comment")),
    "PNG": frozenset(("exif", "xmp", "icc", "iptc", "dpi", "comment", "text")),
    "TIFF": frozenset(("exif", "xmp", "icc", "iptc", "dpi", "comment")),
    "WEBP": frozenset(("exif", "xmp", "icc")),
    "AVIF": frozenset(("exif", "xmp", "icc")),
    "HEIF": frozenset(("exif", "xmp", "icc")),
    "JPEG2000": frozenset(("exif", "xmp", "icc", "iptc", "dpi", "comment")),
    "BMP": frozenset(("dpi",)),
    "PPM": frozenset(("comment",)),
}
_LARGE_TEXT = 1 << 20  # PNG readers mistrust compressed texts that are larger
_MOST_ICC = 255 * 65519  # bytes that a JPEG's segments can number


def prepared(metadata: Metadata, form: str, *, width: int, height: int) -> tuple[Metadata, list[str]]:
    """Make metadata fit a picture and a format.

    Sizes become those of the picture. What the format has no place for goes where readers of the format will find it:
    PNG's texts, comments and IPTC's records among XMP's properties, the resolution into EXIF.

    Args:
        metadata: what is known; its ``icc`` must fit the pixels.
        form: a key of `colorcli.media.formats.FORMATS`.
        width: of the picture, in pixels.
        height: likewise.

    Returns:
        Metadata that the format can hold, and a note on each thing that it cannot.
    """
    m, notes, holds = metadata, list[str](), _HOLDS.get(form, _HOLDS["AVIF"])

    def lost(what: str) -> None:
        notes.append(f"{form} cannot keep {what}")

    srgb = bool(m.icc) and _is_srgb(m.icc or b"")
    if m.exif:
        with contextlib.suppress(BrokenDirectoryError):
            fitting = exif_block.sized(m.exif, width, height)
            m = replace(m, exif=exif_block.as_srgb(fitting) if srgb else fitting)
    if m.xmp:
        with contextlib.suppress(xmp_packet.BrokenXmpError):
            m = replace(m, xmp=xmp_packet.fitted(m.xmp, width, height, srgb=srgb))
    m = _into_xmp(m, holds, lost) if "xmp" in holds else m
    if m.dpi and "dpi" not in holds:
        if "exif" in holds and (block := _with_resolution(m.exif, m.dpi)):
            m = replace(m, exif=block)
        else:
            lost("the resolution (DPI)")
    if m.exif and "exif" not in holds and "exif" not in m.ours:
        lost("EXIF")
    if m.xmp and "xmp" not in holds:
        lost("the provenance" if "xmp" in m.ours else "XMP")
    if m.icc and "icc" not in holds and not srgb:
        lost("the ICC profile")
    if "xmp" not in holds:
        if (m.photoshop or m.iptc) and "iptc" not in holds:
            lost("IPTC")
        if m.comment and "comment" not in holds:
            lost("the comment")
        if m.text and "text" not in holds:
            lost(f"PNG's texts ({', '.join(sorted(m.text))})")
    if form == "JPEG":
        m = _within_segments(m, lost)
    return m, notes


def arguments(metadata: Metadata, form: str) -> dict[str, Any]:
    """Put metadata into the words of Pillow's ``save`` for one format, as far as Pillow knows how.

    Args:
        metadata: from `prepared`.
        form: the format; TIFF has its own way (`into_tiff`), and some need `finished` afterwards.
    """
    m, words = metadata, dict[str, Any]()
    if form in ("JPEG", "PNG", "WEBP", "AVIF", "HEIF"):
        if m.exif:
            words["exif"] = exif_block.PREFIX + _for_pillow(m.exif, form)
        if m.icc:
            words["icc_profile"] = m.icc
        if m.xmp and form != "PNG":
            words["xmp"] = m.xmp
    if form in ("JPEG", "PNG", "BMP") and m.dpi:
        words["dpi"] = m.dpi
    if form == "JPEG":
        resources = _resources(m)
        extra = jpeg_segments.photoshop_segments(resources) if resources else b""
        if m.xmp and (parts := jpeg_segments.split_xmp(m.xmp)):
            words["xmp"], extra = parts[0], parts[1] + extra
        if extra:
            words["extra"] = extra
        if m.comment:
            words["comment"] = m.comment
    if form == "PNG":
        words |= _png_words(m)
    return words


def finished(file: bytes | memoryview, metadata: Metadata, form: str) -> bytes | memoryview:
    """Put into an encoded file what no encoder takes: the boxes of JPEG 2000, the comment of PNM.

    Args:
        file: as it was encoded.
        metadata: from `prepared`.
        form: the format.

    Returns:
        The file; the same one for the other formats.
    """
    m = metadata
    if form == "PPM" and m.comment:
        return bare.with_pnm_comment(bytes(file), m.comment)
    if form == "JPEG2000":
        iptc = None if m.photoshop else m.iptc
        boxes = jp2.Boxes(m.exif, m.xmp, iptc, m.photoshop, m.icc, m.dpi, m.comment)
        return jp2.with_boxes(bytes(file), boxes)
    return file


def into_tiff(file: bytes, metadata: Metadata) -> tuple[bytes, list[str]]:
    """Write metadata into the directory of a TIFF file that holds nothing but pixels.

    Args:
        file: a little-endian TIFF of one page.
        metadata: from `prepared`.

    Returns:
        The file with a new directory at its end, the pixels where they were; and a note on each thing not kept.
    """
    fields: Directory = {}
    notes: list[str] = []
    with contextlib.suppress(BrokenDirectoryError):
        fields, strange = tiff_fields.parse(metadata.exif) if metadata.exif else ({}, [])
        if strange:
            notes.append(f"TIFF cannot keep the private EXIF tags {', '.join(map(str, strange))}")
    if tiff_fields.moves_notes(fields):
        notes.append("TIFF keeps the maker notes in another place: some programs may not find their way in them")
    for tag, kind, data in (
        (_XMP, 1, metadata.xmp),
        (_ICC, 7, metadata.icc),
        (_PHOTOSHOP, 7, metadata.photoshop),
        (_IPTC, 7, metadata.iptc or photoshop.iptc(metadata.photoshop)),
    ):
        if data:
            fields[tag] = Field(kind, len(data), data)
    if metadata.dpi:
        fields |= _resolution(metadata.dpi)
    if metadata.comment:
        fields[tiff_fields.DESCRIPTION] = Field(2, len(metadata.comment) + 1, metadata.comment + b"\0")
    if not fields:
        return file, notes
    if file[:4] != b"II*\x00":  # BigTIFF: a picture of more than 4 GB
        return file, [*notes, "TIFF files of more than 4 GB are written without metadata"]
    (first,) = struct.unpack_from("<I", file, 4)
    (count,) = struct.unpack_from("<H", file, first)
    offset = len(file) + len(file) % 2
    directory = ifd.block(fields, offset, kept=file[first + 2 : first + 2 + 12 * count])
    head = file[:4] + struct.pack("<I", offset)
    return b"".join((head, memoryview(file)[8:], bytes(len(file) % 2), directory)), notes


def _into_xmp(m: Metadata, holds: frozenset[str], lost: Any) -> Metadata:
    """Move into XMP what the format holds in no other way."""
    texts = {} if "text" in holds else dict(m.text)
    described = "comment" in holds and not ("text" not in holds and _has_description(m, holds))
    if m.comment and not described:
        texts["Comment"] = _decoded(m.comment)
        m = replace(m, comment=None)
    record = None if "iptc" in holds else m.iptc or photoshop.iptc(m.photoshop)
    if not texts and not record and not (m.photoshop and "iptc" not in holds):
        return m
    try:
        packet = xmp_packet.parse(m.xmp) if m.xmp else xmp_packet.fresh()
    except xmp_packet.BrokenXmpError:
        packet = xmp_packet.fresh()
    before = packet.to_bytes()
    if left := png_text.into_xmp(texts, packet):
        lost(f"PNG's texts ({', '.join(sorted(left))})")
    if record:
        complete = photoshop.into_xmp(record, packet)
        lost("IPTC: its texts are kept as XMP" if complete else "IPTC: what XMP has a name for is kept as XMP")
    elif m.photoshop and "iptc" not in holds:
        lost("Photoshop's data")
    after = packet.to_bytes()
    return m if after == before else replace(m, xmp=after, ours=m.ours - {"xmp"})


def _has_description(m: Metadata, holds: frozenset[str]) -> bool:
    """Tell whether the place for a TIFF's comment, the description, is taken."""
    if holds is not _HOLDS["TIFF"] or not m.exif:
        return False
    with contextlib.suppress(BrokenDirectoryError):
        return tiff_fields.DESCRIPTION in tiff_fields.parse(m.exif)[0]
    return False


def _within_segments(m: Metadata, lost: Any) -> Metadata:
    """Leave out what JPEG's segments are too small for."""
    if m.exif and len(m.exif) > exif_block.LIMIT:
        small, dropped = tiff_fields.standard_only(m.exif)
        if dropped and len(small) <= exif_block.LIMIT:
            lost(f"the private TIFF tags {', '.join(map(str, dropped))}: EXIF would be more than 64 kB")
            m = replace(m, exif=small)
        else:
            lost("EXIF of more than 64 kB")
            m = replace(m, exif=None)
    if m.xmp and jpeg_segments.split_xmp(m.xmp) is None:
        lost("XMP of more than 64 kB that is damaged")
        m = replace(m, xmp=None)
    if m.icc and len(m.icc) > _MOST_ICC:
        lost("an ICC profile of more than 16 MB")
        m = replace(m, icc=None)
    if m.comment and len(m.comment) > jpeg_segments.SEGMENT:
        lost("a comment of more than 64 kB")
        m = replace(m, comment=None)
    if m.dpi and max(m.dpi) > 65535:
        lost("a resolution of more than 65535 DPI")
        m = replace(m, dpi=None)
    return m


def _resources(m: Metadata) -> bytes:
    """Join Photoshop's blocks and an IPTC record that stood by itself."""
    if m.iptc and not photoshop.iptc(m.photoshop):
        return photoshop.as_resource(m.iptc) + (m.photoshop or b"")
    return m.photoshop or b""


def _png_words(m: Metadata) -> dict[str, Any]:
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    if m.xmp:
        texts.add_itxt("XML:com.adobe.xmp", m.xmp.decode("utf-8", "replace"))
    if resources := _resources(m):
        text = png_text.as_raw_profile("iptc", resources)
        texts.add_text(f"{png_text.RAW}iptc", text, zip=len(text) < _LARGE_TEXT)
    if m.comment:
        texts.add_text("Comment", _decoded(m.comment))
    for key, value in m.text.items():
        with contextlib.suppress(UnicodeEncodeError):  # a keyword is Latin-1; no file could have held this one
            texts.add_text(key, value)
    return {"pnginfo": texts} if texts.chunks else {}


def _for_pillow(exif: bytes, form: str) -> bytes:
    """Keep Pillow from writing an AVIF's block anew, which it does to find a place of its own for the orientation."""
    with contextlib.suppress(BrokenDirectoryError):
        return exif_block.without_orientation(exif) if form == "AVIF" else exif
    return exif


def _decoded(comment: bytes) -> str:
    try:
        return comment.decode("utf-8")
    except UnicodeDecodeError:
        return comment.decode("latin-1")


def _with_resolution(exif: bytes | None, dpi: tuple[float, float]) -> bytes | None:
    """Put the resolution into a block, unless it holds one."""
    if not exif:
        return exif_block.pack(_resolution(dpi))
    try:
        if set(tiff_fields.parse(exif)[0]) & tiff_fields.RESOLUTION:
            return exif
        return exif_block.with_fields(exif, _resolution(dpi))
    except BrokenDirectoryError:
        return None


def _resolution(dpi: tuple[float, float]) -> Directory:
    ratios = [Fraction(value).limit_denominator(10_000) for value in dpi]
    across, down = (Field(5, 1, struct.pack("<II", ratio.numerator, ratio.denominator)) for ratio in ratios)
    return {282: across, 283: down, 296: Field(3, 1, b"\x02\x00")}


def _is_srgb(icc: bytes) -> bool:
    with contextlib.suppress(profiles.BrokenProfileError):
        return profiles.space(icc) == "RGB" and profiles.is_srgb(icc)
    return False
