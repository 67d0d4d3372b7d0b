"""What each format keeps: real round trips through colorcli, and through OpenCV's imread and imwrite, as a table.

    python tests/bench/bench_formats.py

A cell starts from a file of the row's own format where that can hold the kind, else from a JPEG or a PNG that does.
Inputs are made, and results looked at, with other libraries than those under test wherever there is one.

kept: it stands where the format's readers look for it. converted: another place or form holds it, or a conversion made
it needless. nearly: pixels are a little different, or of fewer bits. said: it is lost, with a note. LOST: it is gone
without a word. fails: no file came out.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import imagecodecs
import numpy as np
import tifffile
from PIL import Image, ImageCms, ImageOps
from PIL.PngImagePlugin import PngInfo
from skimage import data

from colorcli.media.formats import FORMATS
from colorcli.media.photo import Photo, read, write

RGB = np.ascontiguousarray(data.astronaut()[60:161, 180:247])
DEEP = RGB.astype(np.uint16) * 257 ^ (np.arange(RGB.size, dtype=np.uint16).reshape(RGB.shape) * 7919 & 0xFF)
ALPHA = (np.arange(RGB[..., 0].size).reshape(RGB.shape[:2]) % 251).astype(np.uint8)
RECORD = b"\x1c\x02\x69\x00\x12Headline of record"
RESOURCES = b"8BIM\x04\x04\x00\x00" + struct.pack(">I", len(RECORD)) + RECORD + bytes(len(RECORD) % 2)
XMP = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="box 12 of the cellar"/></rdf:RDF></x:xmpmeta>'
    b'<?xpacket end="w"?>'
)
COMMENT = b"found in the attic"
KINDS = ("8-bit", "16-bit", "alpha", "EXIF", "GPS", "XMP", "IPTC", "ICC", "DPI", "comment", "orientation")
_JP2_BOXES = {
    "EXIF": b"JpgTiffExif->JP2",
    "GPS": b"JpgTiffExif->JP2",
    "XMP": bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC"),
    "IPTC": bytes.fromhex("33C7A4D2B81D4723A0BAF1A3E097AD38"),
}


def adobe_rgb() -> bytes:
    """Adobe RGB (1998), by hand: Pillow can make only sRGB."""
    tags = {b"wtpt": (63190, 65536, 54061), b"rXYZ": (39989, 20395, 1275)}
    tags |= {b"gXYZ": (13453, 41003, 3990), b"bXYZ": (9778, 4138, 48821)}
    values = {name: b"XYZ " + bytes(4) + struct.pack(">3i", *value) for name, value in tags.items()}
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, 563) + bytes(2)
    values |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    values[b"desc"] = b"desc" + bytes(4) + struct.pack(">I", 5) + b"wide\0" + bytes(79)
    values[b"cprt"] = b"text" + bytes(4) + b"none"
    table, body, start = b"", b"", 132 + 12 * len(values)
    for name, value in values.items():
        table += struct.pack(">4sII", name, start + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    head = bytearray(128)
    struct.pack_into(">I4sI4s4s4s", head, 0, start + len(body), b"lcms", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head[36:40] = b"acsp"
    struct.pack_into(">3i", head, 68, 63190, 65536, 54061)
    return bytes(head) + struct.pack(">I", len(values)) + table + body


def exif(kind: str) -> Image.Exif:
    """An EXIF block that holds one kind."""
    found = Image.Exif()
    found[0x010E] = "Market square"
    if kind == "orientation":
        found[0x0112] = 6
    found.get_ifd(0x8769)[0x9003] = "1931:05:12 10:00:00"
    if kind == "GPS":
        found.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    loaded = Image.Exif()
    loaded.load(found.tobytes())
    return loaded


# Formats whose own files cannot hold a kind, or that no library here can make with it: another format starts.
_NEEDS_OTHER = {
    "BMP": set(KINDS) - {"8-bit", "DPI"},
    "PPM": set(KINDS) - {"8-bit", "16-bit", "comment"},
    "JPEG": {"16-bit", "alpha"},
    "JPEG2000": {"ICC", "DPI", "orientation"},
    "WEBP": {"16-bit", "IPTC", "DPI", "comment"},
    "AVIF": {"16-bit", "alpha", "IPTC", "DPI", "comment"},
    "HEIF": {"16-bit", "alpha", "IPTC", "DPI", "comment", "orientation"},
}


def source(form: str, kind: str) -> bytes:
    """Make a file that holds one kind, of the given format where possible."""
    if kind in _NEEDS_OTHER.get(form, ()):
        form = "PNG" if kind in ("16-bit", "alpha") else "JPEG"
    if kind == "16-bit":
        return _deep(form)
    image, words, info = Image.fromarray(RGB), dict[str, Any](), PngInfo()
    if kind == "orientation":
        image = image.transpose(Image.Transpose.ROTATE_90)
    if kind == "alpha":
        image.putalpha(Image.fromarray(ALPHA))
    if kind in ("EXIF", "GPS", "orientation"):
        words["exif"] = exif(kind)
    elif kind == "XMP" and form == "PNG":
        info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    elif kind == "XMP" and form == "TIFF":
        words["tiffinfo"] = {700: XMP}
    elif kind == "XMP":
        words["xmp"] = XMP
    elif kind == "IPTC":
        if form == "JPEG":
            data = b"Photoshop 3.0\0" + RESOURCES
            words["extra"] = b"\xff\xed" + struct.pack(">H", len(data) + 2) + data
        elif form == "PNG":
            info.add_text("Raw profile type iptc", f"\niptc\n{len(RESOURCES):8d}\n{RESOURCES.hex()}\n", zip=True)
        elif form == "TIFF":
            words["tiffinfo"] = {33723: RECORD}
    elif kind == "ICC":
        words["icc_profile"] = adobe_rgb()
    elif kind == "DPI":
        words["dpi"] = (600, 600)
    elif kind == "comment":
        if form == "PNG":
            info.add_text("Comment", COMMENT.decode())
        elif form == "TIFF":
            words["tiffinfo"] = {270: COMMENT.decode()}
        else:
            words["comment"] = COMMENT
    if form == "PNG":
        words["pnginfo"] = info
    if form in ("WEBP", "AVIF", "JPEG", "HEIF"):
        words["quality"] = 100 if form == "WEBP" else 95
    if form == "WEBP":
        words |= {"lossless": True, "exact": True}
    if form == "JPEG2000":
        words = {key: value for key, value in words.items() if key == "comment"}
    stream = io.BytesIO()
    if form == "HEIF":
        import pillow_heif

        if "exif" in words:  # of bytes, pillow-heif makes the turn that HEIC's readers go by; EXIF's alone is a note
            words["exif"] = words["exif"].tobytes()
        pillow_heif.from_pillow(image).save(stream, **words)
    else:
        image.save(stream, form, **words)
    file = stream.getvalue()
    if form == "PPM" and kind == "comment":
        file = file[:3] + b"# " + COMMENT + b"\n" + file[3:]
    if form == "JPEG2000" and kind in _JP2_BOXES:
        inside = {"XMP": XMP, "IPTC": RECORD}.get(kind) or exif(kind).tobytes()[6:]
        file += struct.pack(">I4s", 24 + len(inside), b"uuid") + _JP2_BOXES[kind] + inside
    return file


def _deep(form: str) -> bytes:
    stream = io.BytesIO()
    if form == "TIFF":
        tifffile.imwrite(stream, DEEP, photometric="rgb", metadata=None)
    elif form == "PNG":
        return bytes(imagecodecs.png_encode(DEEP))
    elif form == "JPEG2000":
        return bytes(imagecodecs.jpeg2k_encode(DEEP, codecformat="jp2", reversible=True, level=0))
    else:
        stream.write(b"P6\n%d %d\n65535\n" % (DEEP.shape[1], DEEP.shape[0]) + DEEP.astype(">u2").tobytes())
    return stream.getvalue()


def decoded(file: bytes, form: str) -> np.ndarray[Any, Any]:
    """Decode with imagecodecs or tifffile, without anything of colorcli or OpenCV."""
    if form == "TIFF":
        return np.asarray(tifffile.imread(io.BytesIO(file)))
    if form == "PPM":
        head = re.match(rb"P6\s(?:#.*\n)*(\d+)\s(\d+)\s(\d+)\s", file)
        assert head
        kind = ">u2" if int(head[3]) > 255 else "u1"
        found = np.frombuffer(file, kind, offset=head.end()).reshape(int(head[2]), int(head[1]), 3)
        return found.astype(np.uint16 if kind == ">u2" else np.uint8)
    if form == "HEIF":
        import pillow_heif

        return np.asarray(pillow_heif.open_heif(io.BytesIO(file), convert_hdr_to_8bit=False))
    codec = {"JPEG": "jpeg8", "WEBP": "webp", "AVIF": "avif", "JPEG2000": "jpeg2k", "PNG": "png"}.get(form)
    if codec is None:
        return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))
    try:
        return np.asarray(getattr(imagecodecs, f"{codec}_decode")(file))
    except (AttributeError, imagecodecs.DelayedImportError):
        return np.asarray(opened(file, form))


def opened(file: bytes, form: str) -> Image.Image:
    """Open with Pillow, or pillow-heif."""
    if form == "HEIF":
        import pillow_heif

        found = pillow_heif.open_heif(io.BytesIO(file))
        image: Image.Image = found.to_pillow()
        image.info |= found.info
        return image
    return Image.open(io.BytesIO(file))


def place(file: bytes, form: str, kind: str) -> str:
    """Look for a kind in a file that was written: kept, converted or LOST."""
    if kind in ("8-bit", "16-bit", "alpha", "orientation"):
        return _pixels(file, form, kind)
    with opened(file, form) as image:
        info = dict(image.info)
        if kind in ("EXIF", "GPS"):
            return "kept" if _has_exif(_exif_of(image, file, form), kind) else "LOST"
        everything = file + _inflated(info)
        if kind == "XMP":
            return "kept" if XMP[150:-40] in everything or b"box 12 of the cellar" in everything else "LOST"
        if kind == "IPTC":
            return "kept" if RECORD in everything else "converted" if RECORD[5:] in everything else "LOST"
        if kind == "comment":
            native = {"TIFF": _exif_of(image, file, form).get(270) == COMMENT.decode(), "PNG": "Comment" in info}
            is_native = native.get(form, form in ("JPEG", "JPEG2000", "PPM"))
            return "LOST" if COMMENT not in everything else "kept" if is_native else "converted"
        if kind == "DPI":
            if np.allclose([float(v) for v in info.get("dpi", (0, 0))], 600, atol=0.5):
                return "kept"
            block = _exif_of(image, file, form)
            return "converted" if float(block.get(282, 0)) == 600 and block.get(296) == 2 else "LOST"
        if info.get("icc_profile") == adobe_rgb() or (form == "JPEG2000" and adobe_rgb() in file):
            return "kept"
        srgb = ImageCms.createProfile("sRGB")
        wide = ImageCms.ImageCmsProfile(io.BytesIO(adobe_rgb()))
        wanted = np.asarray(ImageCms.profileToProfile(Image.fromarray(RGB), wide, srgb, outputMode="RGB"))
        got = np.asarray(image.convert("RGB")).astype(float)
        return "converted" if np.abs(got - wanted).mean() < 0.5 * np.abs(got - RGB).mean() else "LOST"


def _pixels(file: bytes, form: str, kind: str) -> str:
    if kind == "orientation":
        with opened(file, form) as image:
            found = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
        return "kept" if _near(found, RGB) else "LOST"
    found = decoded(file, form)
    if kind == "8-bit":
        same = np.array_equal(found[..., :3], RGB)
        return "kept" if same else "nearly" if _near(found[..., :3], RGB) else "LOST"
    if kind == "16-bit":
        if found.dtype != np.uint16:
            return "LOST"
        if np.array_equal(found[..., :3], DEEP):
            return "kept"
        bits = {"AVIF": 12, "HEIF": 12}.get(form, 16)
        wide = found[..., :3].astype(float) * (65535 / (2**bits - 1) if found.max() < 2**bits else 1)
        return "nearly" if np.abs(wide - DEEP).mean() < 1200 else "LOST"
    if found.ndim != 3 or found.shape[2] != 4:
        return "LOST"
    return "kept" if np.array_equal(found[..., 3], ALPHA) else "nearly"


def _near(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    return a.shape == b.shape and bool(np.abs(a.astype(float) - b).mean() < 6)


def _exif_of(image: Image.Image, file: bytes, form: str) -> Image.Exif:
    if form == "JPEG2000":
        found, start = Image.Exif(), file.find(_JP2_BOXES["EXIF"])
        if start >= 0:
            found.load(file[start + 16 : start - 8 + struct.unpack_from(">I", file, start - 8)[0]])
        return found
    return image.getexif()


def _has_exif(block: Image.Exif, kind: str) -> bool:
    if block.get(0x010E) != "Market square" or block.get_ifd(0x8769).get(0x9003) != "1931:05:12 10:00:00":
        return False
    gps = block.get_ifd(0x8825)
    return kind == "EXIF" or (gps.get(1) == "N" and tuple(map(float, gps.get(2, ()))) == (52.0, 31.0, 12.0))


def _inflated(info: dict[Any, Any]) -> bytes:
    """PNG's texts, which are compressed in the file; hexadecimal ones as the bytes they mean."""
    found = b""
    for key, value in info.items():
        if str(key).startswith("Raw profile") and isinstance(value, str):
            found += bytes.fromhex("".join(value.split("\n")[3:]))
        elif isinstance(value, str):
            found += value.encode()
    return found


# Words by which a note is about a kind.
_SAID = {
    "16-bit": "bit",
    "alpha": "transparency",
    "GPS": "EXIF",
    "ICC": "profile",
    "DPI": "DPI",
    "8-bit": "8 bit",
}


def ours(file: bytes, form: str, kind: str) -> tuple[str, list[str]]:
    """Send a file through colorcli; the picture is treated as if it had been coloured."""
    photo = read(io.BytesIO(file))
    painted = Photo(photo.pixels.copy(), photo.alpha, photo.format, photo.metadata, warnings=photo.warnings)
    if hasattr(photo, "source_icc"):
        painted.source_icc = photo.source_icc
    result = io.BytesIO()
    notes = photo.warnings + write(painted, result, format=form, profile="keep")
    found = place(result.getvalue(), form, kind)
    if found == "LOST" and any(_SAID.get(kind, kind) in note for note in notes):
        found = "said"
    return found, notes


def opencv(file: bytes, form: str, kind: str) -> str:
    """Send a file through OpenCV as other tools do: imread, imwrite."""
    suffix = FORMATS[form].suffixes[0]
    flag = cv2.IMREAD_UNCHANGED if kind in ("alpha", "16-bit") else cv2.IMREAD_COLOR
    with TemporaryDirectory() as folder:
        before, after = Path(folder) / "before", Path(folder) / f"after{suffix}"
        before.write_bytes(file)
        pixels = cv2.imread(str(before), flag)
        if pixels is None:
            return "fails"
        try:
            if not cv2.imwrite(str(after), pixels):
                return "fails"
        except cv2.error:
            return "fails"
        return place(after.read_bytes(), form, kind)


def matrix(way: Callable[[bytes, str, str], Any]) -> dict[str, dict[str, Any]]:
    """Measure all formats and kinds."""
    return {form: {kind: way(source(form, kind), form, kind) for kind in KINDS} for form in FORMATS}


def main() -> None:
    """Print both tables as one."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    mine, theirs = matrix(ours), matrix(opencv)
    print(f"| format | through | {' | '.join(KINDS)} |")
    print(f"|---|---|{'---|' * len(KINDS)}")
    for form in FORMATS:
        print(f"| {form} | colorcli | {' | '.join(mine[form][kind][0] for kind in KINDS)} |")
        print(f"| | OpenCV {cv2.__version__} | {' | '.join(theirs[form][kind] for kind in KINDS)} |")


if __name__ == "__main__":
    main()
