"""What a file says about its picture, kept apart from the pixels and given back on writing."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from colorcli.media import bare, ifd, jp2, jpeg_segments, photoshop, png_text, tiff_fields
from colorcli.media import exif as exif_block
from colorcli.media import xmp as xmp_packet
from colorcli.media.ifd import BrokenDirectoryError

if TYPE_CHECKING:
    from PIL import Image

_XMP, _PHOTOSHOP, _IPTC, _ICC = 700, 34377, 33723, 34675


@dataclass(frozen=True)
class Metadata:
    """All that came with the pixels. Orientation is 1 everywhere in it, and there are no thumbnails.

    Attributes:
        exif: a TIFF structure without the ``Exif`` prefix.
        xmp: the XMP packet.
        icc: the ICC profile that the pixels are in; None means sRGB.
        photoshop: Photoshop's image resource blocks, IPTC among them.
        iptc: an IPTC record that stood by itself (TIFF tag 33723).
        dpi: pixels per inch, across and down.
        comment: a file comment.
        text: PNG's text chunks, keyword to text, XMP and EXIF not among them.
        ours: the fields above, by name, in which nothing stands but what colorcli itself put there.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    icc: bytes | None = None
    photoshop: bytes | None = None
    iptc: bytes | None = None
    dpi: tuple[float, float] | None = None
    comment: bytes | None = None
    text: Mapping[str, str] = field(default_factory=dict)
    ours: frozenset[str] = frozenset()


@dataclass
class _Found:
    """What stands in a file, as it stands there."""

    exif: bytes | None = None
    xmp: bytes | None = None
    icc: bytes | None = None
    photoshop: bytes | None = None
    iptc: bytes | None = None
    dpi: tuple[float, float] | None = None
    comment: bytes | None = None
    text: dict[str, str] = field(default_factory=dict)


def gather(image: Image.Image, stream: BinaryIO, *, swapped: bool) -> tuple[Metadata, list[str]]:
    """Collect what an opened file says, without decoding its pixels.

    Args:
        image: as `PIL.Image.open` gave it, or an empty picture with ``format`` and ``info`` like one; not yet loaded,
            unless it is a PNG whose texts stand behind its pixels.
        stream: the file. Of a TIFF, the first directory counts.
        swapped: the EXIF orientation turns the picture by 90 degrees.

    Returns:
        The metadata, and notes on what is broken, or of a kind nobody can carry over, and therefore left behind.
    """
    notes = list[str]()
    read = {"TIFF": _from_tiff, "JPEG": _from_jpeg, "MPO": _from_jpeg, "PNG": _from_png, "JPEG2000": _from_jp2}
    found = read.get(image.format or "", _from_info)(image, stream, notes)
    exif = None
    if found.exif:
        try:
            exif = exif_block.upright(found.exif.removeprefix(exif_block.PREFIX), swapped=swapped)
        except BrokenDirectoryError:
            notes.append("the EXIF data is damaged and is left out")
    xmp = None
    if found.xmp and found.xmp.strip(b"\0 \r\n\t"):
        try:
            xmp = xmp_packet.fitted(found.xmp)
        except xmp_packet.BrokenXmpError:
            notes.append("the XMP data is damaged and is left out")
    resources = None
    if found.photoshop:
        resources, whole = photoshop.without_thumbnails(found.photoshop)
        if not whole:
            notes.append("the Photoshop data (IPTC) is damaged: only its sound part is kept")
    if found.iptc and not photoshop.is_record(found.iptc):
        notes.append("the IPTC data is damaged and is left out")
        found.iptc = None
    elif found.iptc and found.iptc.rstrip(b"\0") == (photoshop.iptc(resources) or b"").rstrip(b"\0"):
        found.iptc = None  # the same once more
    return (
        Metadata(
            exif=exif or None,
            xmp=xmp,
            icc=found.icc or None,
            photoshop=resources or None,
            iptc=found.iptc or None,
            dpi=_sane_dpi(found.dpi),
            comment=found.comment or None,
            text=found.text,
        ),
        notes,
    )


def _from_info(image: Image.Image, stream: BinaryIO, notes: list[str]) -> _Found:
    info: Mapping[Any, Any] = image.info
    found = _Found(_as_bytes(info.get("exif")), _as_bytes(info.get("xmp")), _as_bytes(info.get("icc_profile")))
    found.dpi, found.comment = info.get("dpi"), _as_bytes(info.get("comment"))
    if image.format in ("BMP", "DIB"):
        found.icc = bare.bmp_profile(stream)
    elif image.format == "PPM":
        found.comment = bare.pnm_comment(stream)
    return found


def _from_jpeg(image: Image.Image, stream: BinaryIO, notes: list[str]) -> _Found:
    found = _from_info(image, stream, notes)
    segments: list[tuple[str, bytes]] = getattr(image, "applist", [])
    if image.info.get("jfif_unit") not in (1, 2) and not _has_resolution(found.exif):
        found.dpi = None  # Pillow's own invention
    if not found.icc and any(data.startswith(b"ICC_PROFILE\0") for _, data in segments):
        notes.append("the ICC profile is damaged and is left out")
    found.photoshop = jpeg_segments.photoshop(segments)
    found.comment = jpeg_segments.comment(segments)
    found.xmp = found.xmp or jpeg_segments.stray_xmp(segments)
    if found.xmp:
        with contextlib.suppress(xmp_packet.BrokenXmpError):  # said where it is looked at
            found.xmp, whole = jpeg_segments.joined_xmp(found.xmp, segments)
            if not whole:
                notes.append("the second part of the XMP data is damaged and is left out")
    if others := jpeg_segments.others(segments):
        notes.append(f"vendor data in JPEG segments is not carried over: {', '.join(others)}")
    return found


def _from_png(image: Image.Image, stream: BinaryIO, notes: list[str]) -> _Found:
    found, texts = _from_info(image, stream, notes), dict(image.info)
    for kind, names in (("exif", ("exif", "APP1")), ("xmp", ("xmp",)), ("photoshop", ("8bim", "iptc"))):
        try:
            value = getattr(found, kind) or png_text.raw_profile(texts, *names)
        except ValueError:
            notes.append(f"a damaged text is left out: {png_text.RAW}{names[0]}")
            continue
        if kind == "exif" and value and value.startswith(b"http://ns.adobe.com/xap/"):  # ImageMagick calls both APP1
            found.xmp, value = found.xmp or value.partition(b"\0")[2], None
        if kind == "photoshop" and value and value[:1] == b"\x1c":
            found.iptc, value = value, None
        setattr(found, kind, value)
    found.text = {
        str(key): value
        for key, value in texts.items()
        if isinstance(value, str) and key != "XML:com.adobe.xmp" and not str(key).startswith(png_text.RAW)
    }
    if "Comment" in found.text:
        found.comment = found.text.pop("Comment").encode("utf-8", "replace")
    return found


def _from_jp2(image: Image.Image, stream: BinaryIO, notes: list[str]) -> _Found:
    found, inside = _from_info(image, stream, notes), jp2.gather(stream)
    found.exif, found.xmp, found.icc = inside.exif, inside.xmp, inside.icc
    found.photoshop, found.iptc = inside.photoshop, inside.iptc
    found.comment, found.dpi = inside.comment or found.comment, found.dpi or inside.dpi
    if inside.others:
        notes.append(f"JPEG 2000 boxes are not carried over: {', '.join(inside.others)}")
    return found


def _from_tiff(image: Image.Image, stream: BinaryIO, notes: list[str]) -> _Found:
    found = _Found(dpi=image.info.get("dpi"))
    try:
        found.exif, said = tiff_fields.from_tiff(stream)
        notes += said
        head = ifd.header(stream)
        fields = ifd.fields(stream, head, head.first)
    except BrokenDirectoryError:
        notes.append("the EXIF data is damaged and is left out")
        return found
    values = {tag: field.data for tag, field in fields.items() if tag in (_XMP, _PHOTOSHOP, _IPTC, _ICC)}
    found.xmp, found.photoshop, found.icc = values.get(_XMP), values.get(_PHOTOSHOP), values.get(_ICC)
    if found.icc is None:
        found.icc = _as_bytes(image.info.get("icc_profile"))
    if record := values.get(_IPTC):
        if fields[_IPTC].kind == 4 and head.order == ">" and len(record) % 4 == 0:  # text written as if numbers
            record = np.frombuffer(record, "<u4").astype(">u4").tobytes()
        found.iptc = photoshop.in_file_order(record)
    return found


def _has_resolution(exif: bytes | None) -> bool:
    with contextlib.suppress(BrokenDirectoryError):
        return bool(exif) and 282 in tiff_fields.parse((exif or b"").removeprefix(exif_block.PREFIX))[0]
    return False


def _sane_dpi(dpi: Any) -> tuple[float, float] | None:
    with contextlib.suppress(TypeError, ValueError, ZeroDivisionError, OverflowError):
        across, down = (float(value) for value in dpi)
        if 0 < across < 1e6 and 0 < down < 1e6:
            return across, down
    return None


def _as_bytes(value: Any) -> bytes | None:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    return bytes(value) if isinstance(value, (bytes, bytearray)) else None
