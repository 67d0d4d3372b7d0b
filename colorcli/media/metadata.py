"""What a file says about its picture, kept apart from the pixels and given back on writing."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO

from colorcli.media import exif as exif_block
from colorcli.media import ifd
from colorcli.media import xmp as xmp_packet
from colorcli.media.ifd import BrokenDirectoryError, Directory, Field

if TYPE_CHECKING:
    from PIL import Image

_XMP, _PHOTOSHOP, _IPTC, _ICC = 700, 34377, 33723, 34675
_APP13_HEAD = b"Photoshop 3.0\x00"
_SEGMENT = 65533  # what a JPEG segment holds besides its own length
_XMP_SEGMENT = _SEGMENT - len(b"http://ns.adobe.com/xap/1.0/\x00")
_PIXEL_TEXT = frozenset(("XML:com.adobe.xmp", "Raw profile type exif", "Raw profile type APP1", "Comment"))


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


def gather(image: Image.Image, stream: BinaryIO, *, swapped: bool) -> tuple[Metadata, list[str]]:
    """Collect what an opened file says, without decoding its pixels.

    Args:
        image: as `PIL.Image.open` gave it; not yet loaded, since loading a TIFF turns it and changes its tags.
        stream: the file.
        swapped: the EXIF orientation turns the picture by 90 degrees.

    Returns:
        The metadata, and notes on what is broken and therefore left behind.
    """
    info, notes = image.info, list[str]()
    exif: bytes | None = None
    try:
        if image.format == "TIFF":
            exif, notes = exif_block.from_tiff(stream)
        elif raw := info.get("exif") or _hex_profile(info, "exif") or _hex_profile(info, "APP1"):
            exif = exif_block.upright(raw.removeprefix(exif_block.PREFIX), swapped=swapped)
    except (BrokenDirectoryError, TypeError, ValueError):
        notes.append("the EXIF data is damaged and is left out")
    photoshop = iptc = None
    if image.format == "TIFF":
        tags = getattr(image, "tag_v2", {})
        photoshop, iptc = _as_bytes(tags.get(_PHOTOSHOP)), _as_bytes(tags.get(_IPTC))
    else:
        blocks = (data for name, data in getattr(image, "applist", ()) if name == "APP13")
        photoshop = b"".join(data.removeprefix(_APP13_HEAD) for data in blocks if data.startswith(_APP13_HEAD))
    xmp = _as_bytes(info.get("xmp"))
    try:
        xmp = xmp_packet.fitted(xmp) if xmp and xmp.strip(b"\0 \r\n\t") else None
    except xmp_packet.BrokenXmpError:
        xmp = None
        notes.append("the XMP data is damaged and is left out")
    return (
        Metadata(
            exif=exif,
            xmp=xmp,
            icc=_as_bytes(info.get("icc_profile")) or None,
            photoshop=photoshop or None,
            iptc=iptc or None,
            dpi=_sane_dpi(info.get("dpi")),
            comment=_as_bytes(info.get("comment") or info.get("Comment")) or None,
            text={key: str(value) for key, value in _texts(image).items() if key not in _PIXEL_TEXT},
        ),
        notes,
    )


def arguments(metadata: Metadata, form: str) -> tuple[dict[str, Any], list[str]]:
    """Put metadata into the words of Pillow's ``save`` for one format (TIFF has its own way: `into_tiff`).

    Args:
        metadata: what to write; its ``icc`` must fit the pixels.
        form: Pillow's name of the format.

    Returns:
        Keyword arguments for ``save``, and a note on each thing that this format cannot hold.
    """
    m, notes, words = metadata, list[str](), dict[str, Any]()

    def lost(what: str, why: str = "") -> None:
        notes.append(f"{form} cannot keep {what}{why}")

    if m.exif:
        if form not in ("JPEG", "PNG", "WEBP", "AVIF"):
            lost("EXIF")
        elif form == "JPEG" and len(m.exif) + len(exif_block.PREFIX) > _SEGMENT:
            lost("EXIF", " of more than 64 kB")
        else:
            words["exif"] = exif_block.PREFIX + m.exif
    if m.xmp:
        if form == "PNG":
            _png_text(words).add_itxt("XML:com.adobe.xmp", m.xmp.decode("utf-8", "replace"))
        elif form == "JPEG" and len(m.xmp) > _XMP_SEGMENT:
            lost("XMP", " of more than 64 kB")
        elif form in ("JPEG", "WEBP", "AVIF"):
            words["xmp"] = m.xmp
        else:
            lost("XMP")
    if m.icc:
        if form in ("JPEG", "PNG", "WEBP", "AVIF"):
            words["icc_profile"] = m.icc
        else:
            lost("the ICC profile")
    if m.photoshop or m.iptc:
        resources = m.photoshop or _as_resource(m.iptc or b"")
        if form == "JPEG":
            words["extra"] = _app13(resources)
        else:
            lost("IPTC")
    if m.dpi:
        if form in ("JPEG", "PNG", "BMP"):
            words["dpi"] = m.dpi
        elif form in ("WEBP", "AVIF") and not m.exif:
            words["exif"] = exif_block.PREFIX + exif_block.pack(_resolution(m.dpi))
        elif form not in ("WEBP", "AVIF") or set(_parsed(m.exif)).isdisjoint(exif_block.RESOLUTION):
            lost("the resolution (DPI)")
    if m.comment:
        if form == "PNG":
            _png_text(words).add_text("Comment", m.comment.decode("utf-8", "replace"))
        elif form in ("JPEG", "JPEG2000") and len(m.comment) <= _SEGMENT:
            words["comment"] = m.comment
        else:
            lost("the comment")
    if m.text:
        if form == "PNG":
            for key, value in m.text.items():
                _png_text(words).add_text(key, value)
        else:
            lost(f"PNG's texts ({', '.join(sorted(m.text))})")
    return words, notes


def into_tiff(file: bytes, metadata: Metadata) -> tuple[bytes, list[str]]:
    """Write metadata into the directory of a TIFF file that holds nothing but pixels.

    Args:
        file: a little-endian TIFF of one page.
        metadata: what to write; its ``icc`` must fit the pixels.

    Returns:
        The file with a new directory at its end, the pixels where they were; and a note on each thing not kept.
    """
    fields: Directory = _parsed(metadata.exif)
    for tag, kind, data in (
        (_XMP, 1, metadata.xmp),
        (_ICC, 7, metadata.icc),
        (_PHOTOSHOP, 7, metadata.photoshop),
        (_IPTC, 7, metadata.iptc),
    ):
        if data:
            fields[tag] = Field(kind, len(data), data)
    if metadata.dpi:
        fields |= _resolution(metadata.dpi)
    notes = [f"TIFF cannot keep PNG's texts ({', '.join(sorted(metadata.text))})"] if metadata.text else []
    if metadata.comment:
        if exif_block.DESCRIPTION in fields:
            notes.append("TIFF cannot keep the comment beside a description")
        else:
            fields[exif_block.DESCRIPTION] = Field(2, len(metadata.comment) + 1, metadata.comment + b"\0")
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


def _parsed(exif: bytes | None) -> Directory:
    with contextlib.suppress(BrokenDirectoryError):
        return exif_block.parse(exif) if exif else {}
    return {}


def _resolution(dpi: tuple[float, float]) -> Directory:
    ratios = [Fraction(value).limit_denominator(10_000) for value in dpi]
    across, down = (Field(5, 1, struct.pack("<II", ratio.numerator, ratio.denominator)) for ratio in ratios)
    return {282: across, 283: down, 296: Field(3, 1, b"\x02\x00")}


def _sane_dpi(dpi: Any) -> tuple[float, float] | None:
    with contextlib.suppress(TypeError, ValueError, ZeroDivisionError, OverflowError):
        across, down = (float(value) for value in dpi)
        if 0 < across < 1e6 and 0 < down < 1e6:
            return across, down
    return None


def _as_bytes(value: Any) -> bytes | None:
    if isinstance(value, tuple):  # Pillow gives some tags of type byte as numbers
        value = bytes(value) if all(isinstance(v, int) and 0 <= v < 256 for v in value) else b"".join(value)
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    return bytes(value) if isinstance(value, (bytes, bytearray)) else None


def _texts(image: Image.Image) -> dict[str, Any]:
    """PNG's text chunks that stand before the pixels, from where Pillow puts them among other things."""
    if image.format != "PNG":
        return {}
    return {str(key): value for key, value in image.info.items() if isinstance(value, str)}


def _hex_profile(info: Mapping[Any, Any], name: str) -> bytes | None:
    """Decode ImageMagick's way to put EXIF into a PNG's text: name, length, then hexadecimal digits."""
    text = info.get(f"Raw profile type {name}")
    return bytes.fromhex("".join(text.split("\n")[3:])) if isinstance(text, str) else None


def _png_text(words: dict[str, Any]) -> Any:
    from PIL.PngImagePlugin import PngInfo

    return words.setdefault("pnginfo", PngInfo())


def _as_resource(iptc: bytes) -> bytes:
    """Wrap an IPTC record as Photoshop's image resource 0x0404."""
    return b"8BIM\x04\x04\x00\x00" + struct.pack(">I", len(iptc)) + iptc + bytes(len(iptc) % 2)


def _app13(resources: bytes) -> bytes:
    """Cut resource blocks into JPEG segments."""
    room = _SEGMENT - len(_APP13_HEAD)
    parts = (resources[start : start + room] for start in range(0, len(resources), room))
    return b"".join(b"\xff\xed" + struct.pack(">H", 2 + len(_APP13_HEAD + part)) + _APP13_HEAD + part for part in parts)
