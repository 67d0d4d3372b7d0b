"""Sound pictures whose metadata are broken, or are an attack: made by code."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache

import numpy as np
from bad_files import GRAY, RGB, chunk, directory, jpeg_with, saved, sound, with_chunk
from PIL import Image, ImageCms

_EXIF = b"Exif\0\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_ICC = b"ICC_PROFILE\0\x01\x01"
_JPEG, _PNG = sound("JPEG"), sound("PNG")
# A billion laughs: each entity ten of the one before.
_LAUGHS = (
    b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a0 'ha'>"
    + b"".join(b"<!ENTITY a%d '%s'>" % (i, b"&a%d;" % (i - 1) * 10) for i in range(1, 11))
    + b"]><x:xmpmeta xmlns:x='adobe:ns:meta/'>&a10;</x:xmpmeta>"
)
_FOREIGN = (
    b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>"
    b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>&e;</x:xmpmeta>"
)
_DEEP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + b"<a>" * 100_000 + b"</a>" * 100_000 + b"</x:xmpmeta>"


def _exif(block: bytes) -> bytes:
    return jpeg_with(_JPEG, 0xE1, _EXIF + block)


def _xmp(packet: bytes) -> bytes:
    return jpeg_with(_JPEG, 0xE1, _XMP + packet[:65000])


@cache
def _bomb() -> bytes:
    """Sixty-four kilobytes that inflate to as many megabytes."""
    return zlib.compress(bytes(1 << 26), 9)


def _itxt(packet: bytes, *, packed: bool = True) -> bytes:
    body = b"XML:com.adobe.xmp\0" + bytes((packed, 0)) + b"\0\0" + (zlib.compress(packet) if packed else packet)
    return with_chunk(_PNG, b"iTXt", body)


def _wrong_checksum(kind: bytes, body: bytes) -> bytes:
    broken = bytearray(chunk(kind, body))
    broken[-1] ^= 1
    return _PNG[:33] + bytes(broken) + _PNG[33:]


def _webp(name: str, body: bytes) -> bytes:
    return saved(RGB, "WEBP", lossless=True, **{name: body})


def _tiff(*fields: tuple[int, int, int, int], tail: bytes = b"") -> bytes:
    """A TIFF of GRAY in one strip, with further fields; what they point to begins at 16384."""
    height, width = GRAY.shape
    own = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 1024),
        (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, GRAY.size),
    ]  # fmt: skip
    head = directory(sorted([*own, *fields]))
    return head.ljust(1024, b"\0") + GRAY.tobytes().ljust(16384 - 1024, b"\0") + tail


_CIRCLE = directory([(0x8769, 4, 1, 8), (0x8825, 4, 1, 8), (0x010F, 2, 4, 0x41414141)], following=8)
_FAR = directory([(0x010F, 2, 4, 0x41414141), (0x8769, 4, 1, 0x7FFFFFFF)])
_COUNTS = directory([(0x010F, 2, 0xFFFFFFFF, 26), (0x0112, 3, 0x7FFFFFFF, 26), (0x9286, 7, 0xFFFFFFF0, 0)])
_MANY = b"II*\0\x08\0\0\0\xff\xff" + bytes(60)

# name: what makes it, and whether it is worth a warning (some is passed over in silence, since nothing is lost)
CASES: dict[str, tuple[Callable[[], bytes], bool]] = {
    # EXIF
    "EXIF, empty": (lambda: _exif(b""), True),
    "EXIF, noise": (lambda: _exif(np.random.default_rng(0).bytes(500)), True),
    "EXIF, header alone": (lambda: _exif(b"II*\0"), True),
    "EXIF, of no byte order": (lambda: _exif(b"XX*\0\x08\0\0\0"), True),
    "EXIF, directory outside": (lambda: _exif(b"II*\0\xff\xff\xff\x7f"), True),
    "EXIF, directories in a circle": (lambda: _exif(_CIRCLE), False),
    "EXIF, counts of billions": (lambda: _exif(_COUNTS), False),
    "EXIF, further directory outside": (lambda: _exif(_FAR), False),
    "EXIF, 65535 fields": (lambda: _exif(_MANY), True),
    "EXIF, in a PNG, noise": (lambda: with_chunk(_PNG, b"eXIf", b"not EXIF at all"), True),
    "EXIF, in a PNG, wrong checksum": (lambda: _wrong_checksum(b"eXIf", _CIRCLE), True),
    "EXIF, in a WebP, noise": (lambda: _webp("exif", b"not EXIF at all"), True),
    "EXIF, as text, no hexadecimal": (
        lambda: with_chunk(_PNG, b"tEXt", b"Raw profile type exif\0\nexif\n9\nzzzz"), True,
    ),
    "EXIF, twice": (lambda: jpeg_with(_exif(_FAR), 0xE1, _EXIF + _CIRCLE), False),
    # XMP
    "XMP, noise": (lambda: _xmp(np.random.default_rng(1).bytes(500)), True),
    "XMP, cut off": (lambda: _xmp(b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF"), True),
    "XMP, a billion laughs": (lambda: _xmp(_LAUGHS), True),
    "XMP, entity of a file": (lambda: _xmp(_FOREIGN), True),
    "XMP, a hundred thousand deep": (lambda: _itxt(_DEEP, packed=True), True),
    "XMP, of zeros": (lambda: _xmp(bytes(1000)), False),
    "XMP, in UTF-16": (lambda: _xmp("<x:xmpmeta xmlns:x='adobe:ns:meta/'/>".encode("utf-16")), False),
    "XMP, in a WebP, noise": (lambda: _webp("xmp", b"\0\1\2 not XMP"), True),
    "XMP, packed, inflates a thousandfold": (
        lambda: with_chunk(_PNG, b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + _bomb()), True,
    ),
    "XMP, packed, no deflate": (lambda: with_chunk(_PNG, b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0zzzz"), True),
    # ICC
    "ICC, noise": (lambda: jpeg_with(_JPEG, 0xE2, _ICC + np.random.default_rng(2).bytes(500)), True),
    "ICC, empty": (lambda: jpeg_with(_JPEG, 0xE2, _ICC), True),
    "ICC, half of its segments": (lambda: jpeg_with(_JPEG, 0xE2, b"ICC_PROFILE\0\x01\x02" + bytes(400)), True),
    "ICC, cut off": (lambda: saved(RGB, "JPEG", icc_profile=_srgb()[:200]), True),
    "ICC, table of 4 billion tags": (lambda: saved(RGB, "PNG", icc_profile=_tags(0xFFFFFFFF)), True),
    "ICC, for CMYK, on RGB": (lambda: saved(RGB, "PNG", icc_profile=_srgb().replace(b"RGB ", b"CMYK", 1)), True),
    "ICC, for RGB, on gray, of noise": (lambda: saved(GRAY, "PNG", icc_profile=_srgb()[:128] + bytes(400)), True),
    "ICC, in a PNG, no deflate": (lambda: with_chunk(_PNG, b"iCCP", b"icc\0\0zzzzzzzz"), True),
    "ICC, in a PNG, inflates a thousandfold": (lambda: with_chunk(_PNG, b"iCCP", b"icc\0\0" + _bomb()), True),
    "ICC, in a TIFF, noise": (lambda: _tiff((34675, 7, 500, 16384), tail=np.random.default_rng(3).bytes(500)), True),
    # texts, comments, resolution
    "text, packed, inflates a thousandfold": (lambda: with_chunk(_PNG, b"zTXt", b"Title\0\0" + _bomb()), True),
    "texts, a hundred bombs": (
        lambda: _PNG[:33] + chunk(b"zTXt", b"Title\0\0" + _bomb()) * 100 + _PNG[33:], True,
    ),
    "text, wrong checksum": (lambda: _wrong_checksum(b"tEXt", b"Title\0a title"), True),
    "text, no keyword": (lambda: with_chunk(_PNG, b"tEXt", b"no zero byte"), False),
    "text, unknown packing": (lambda: with_chunk(_PNG, b"zTXt", b"Title\0\x07zzzz"), True),
    "resolution of 0": (lambda: with_chunk(_PNG, b"pHYs", struct.pack(">IIB", 0, 0, 1)), False),
    "resolution, cut off": (lambda: with_chunk(_PNG, b"pHYs", b"\0\0"), True),
    "gamma, cut off": (lambda: with_chunk(_PNG, b"gAMA", b""), True),
    "unknown chunk": (lambda: with_chunk(_PNG, b"abCd", b"x"), False),
    "JFIF of no length": (lambda: _JPEG.replace(b"\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0", b"\0\x07JFIF\0", 1), True),
    "Photoshop's blocks, noise": (lambda: jpeg_with(_JPEG, 0xED, b"Photoshop 3.0\x008BIM\x04\x04\xff\xff\xff"), True),
    "MPF, noise": (lambda: jpeg_with(_JPEG, 0xE2, b"MPF\0" + np.random.default_rng(4).bytes(80)), False),
    "MPF, in a circle": (lambda: jpeg_with(_JPEG, 0xE2, b"MPF\0" + _CIRCLE), False),
    # TIFF's directory
    "TIFF, private field of billions": (lambda: _tiff((65000, 7, 0xFFFFFFFF, 0)), False),
    "TIFF, description of billions": (lambda: _tiff((270, 2, 0xFFFFFFF0, 16384)), False),
    "TIFF, EXIF outside": (lambda: _tiff((34665, 4, 1, 0x7FFFFFFF)), False),
    "TIFF, EXIF in a circle": (lambda: _tiff((34665, 4, 1, 8)), False),
    "TIFF, IPTC outside": (lambda: _tiff((33723, 7, 500, 0x7FFFFFF0)), False),
    "TIFF, resolution over 0": (lambda: _tiff((282, 5, 1, 16384), (283, 5, 1, 16384), tail=bytes(8)), False),
    "TIFF, unknown type": (lambda: _tiff((271, 99, 5, 16384)), False),
    "TIFF, orientation 77": (lambda: _tiff((274, 3, 1, 77)), False),
    "TIFF, page chain in a circle": (lambda: _circle(), False),
}  # fmt: skip


def _srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _tags(count: int) -> bytes:
    icc = _srgb()
    return icc[:128] + struct.pack(">I", count) + icc[132:]


def _circle() -> bytes:
    content = bytearray(_tiff())
    (count,) = struct.unpack_from("<H", content, 8)
    struct.pack_into("<I", content, 10 + 12 * count, 8)
    return bytes(content)


def pixels_of(name: str, content: bytes) -> np.ndarray:
    """What the file of a case shows when its metadata are left aside."""
    if name.startswith("TIFF") or name in ("ICC, in a TIFF, noise", "ICC, for RGB, on gray, of noise"):
        return GRAY
    if not content.startswith(b"\xff\xd8"):
        return RGB
    plain = _JPEG if name == "JFIF of no length" else content
    return np.asarray(Image.open(io.BytesIO(plain)))
