"""Metadata goes round: what one program wrote, another finds after us; what cannot be kept is said."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from colorcli.media import exif as exif_block
from colorcli.media import tiff_fields, xmp
from colorcli.media.ifd import BrokenDirectoryError, Field
from colorcli.media.photo import Metadata, Photo, read, write

XMP = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
    b' xmlns:dc="http://purl.org/dc/elements/1.1/" tiff:Orientation="6" dc:source="box 12"/></rdf:RDF></x:xmpmeta>'
)
GPS = {1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)}
MOVED = ["TIFF keeps the maker notes in another place: some programs may not find their way in them"]
NOTE = b"MakerNote\x00\x01\x02\xff" * 5


def _exif(**more: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010E] = "Market square"
    exif[0x010F] = "Agfa"
    exif[0x8298] = "City archive"
    exif[0x0112] = more.get("orientation", 1)
    exif[0x011A], exif[0x011B], exif[0x0128] = 600.0, 600.0, 2
    exif.get_ifd(0x8769).update({0x9003: "1931:05:12 10:00:00", 0x927C: NOTE, 0xA002: 67, 0xA003: 101})
    exif.get_ifd(0x8825).update(GPS)
    return exif


def _found(block: bytes | None) -> Image.Exif:
    assert block is not None
    exif = Image.Exif()
    exif.load(block)
    return exif


def _assert_kept(block: bytes | None) -> None:
    exif = _found(block)
    assert exif[0x010E] == "Market square"
    assert exif[0x8298] == "City archive"
    assert exif.get(0x0112, 1) == 1
    assert exif.get_ifd(0x8769)[0x9003] == "1931:05:12 10:00:00"
    assert exif.get_ifd(0x8769)[0x927C] == NOTE
    gps = exif.get_ifd(0x8825)
    assert gps[1] == "N"
    assert tuple(float(part) for part in gps[2]) == GPS[2]


@pytest.mark.parametrize("target", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
@pytest.mark.parametrize("source", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_from_every_format_to_every_format(rgb, source, target, srgb_profile) -> None:
    stream, result = io.BytesIO(), io.BytesIO()
    words: dict[str, object] = {"xmp": XMP}
    if source == "PNG":
        words = {"pnginfo": PngInfo()}
        words["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP.decode())  # type: ignore[attr-defined]
    elif source == "TIFF":
        words = {}
    exif = _exif()
    if source == "TIFF":
        exif = _found(exif.tobytes())  # or Pillow forgets the directories below the first
        exif[700] = XMP
    if source != "AVIF":
        words["dpi"] = (600, 600)
    Image.fromarray(rgb).save(stream, source, exif=exif, icc_profile=srgb_profile, **words)

    photo = read(stream)
    assert photo.warnings == []
    assert write(photo, result, format=target) == (MOVED if target == "TIFF" else [])
    again = read(result)

    assert again.warnings == []
    _assert_kept(photo.metadata.exif)
    _assert_kept(again.metadata.exif)
    assert again.metadata.icc == srgb_profile
    assert again.metadata.xmp is not None
    assert again.metadata.xmp.rstrip(b"\0") == XMP.replace(b'Orientation="6"', b'Orientation="1"')
    if source in ("JPEG", "PNG", "TIFF") and target in ("JPEG", "PNG", "TIFF"):
        assert again.metadata.dpi == pytest.approx((600, 600), abs=0.5)
    with Image.open(result) as image:  # another reader than ours
        assert image.getexif()[0x010F] == "Agfa"
        assert image.info["icc_profile"] == srgb_profile


def test_16_bit_files_hold_metadata_too(rgb, deepen, srgb_profile) -> None:
    exif = exif_block.pack(tiff_fields.parse(_exif().tobytes()[6:])[0])
    about = Metadata(exif=exif, xmp=XMP.replace(b"6", b"1"), icc=srgb_profile)
    photo = Photo(deepen(rgb), metadata=about)
    for form in ("PNG", "TIFF"):
        result = io.BytesIO()
        assert write(photo, result, format=form) == (MOVED if form == "TIFF" else [])
        again = read(result)
        np.testing.assert_array_equal(again.pixels, photo.pixels)
        _assert_kept(again.metadata.exif)
        assert again.metadata.icc == srgb_profile
        assert again.metadata.xmp is not None


def test_orientation_thumbnail_and_sizes_are_made_true(rgb) -> None:
    exif = _exif(orientation=6)
    little = io.BytesIO()
    Image.fromarray(rgb[::4, ::4].copy()).save(little, "JPEG")
    block = bytearray(exif.tobytes()[6:])
    order = {b"II": "<", b"MM": ">"}[bytes(block[:2])]
    first = struct.unpack_from(f"{order}I", block, 4)[0]
    link = first + 2 + 12 * struct.unpack_from(f"{order}H", block, first)[0]
    struct.pack_into(f"{order}I", block, link, len(block))
    at = len(block) + 2 + 24 + 4
    block += struct.pack(f"{order}HHHIIHHIII", 2, 0x0201, 4, 1, at, 0x0202, 4, 1, len(little.getvalue()), 0)
    with_thumbnail = bytes(block) + little.getvalue()

    stream, result = io.BytesIO(), io.BytesIO()
    Image.fromarray(np.ascontiguousarray(np.rot90(rgb))).save(stream, "JPEG", exif=b"Exif\0\0" + with_thumbnail)
    photo = read(stream)
    write(photo, result, format="JPEG")
    data = result.getvalue()
    assert data.count(b"\xff\xd8\xff") == 1  # no picture within the picture
    again = _found(read(result).metadata.exif)
    assert again.get_ifd(0x8769)[0xA002] == 67
    assert again.get_ifd(0x8769)[0xA003] == 101
    assert not again.get_ifd(1)
    _assert_kept(photo.metadata.exif)


def test_everything_but_the_orientation_stays_where_it_stood() -> None:
    before = _exif(orientation=3).tobytes()[6:]
    after = exif_block.upright(before, swapped=False)
    assert len(after) == len(before)
    assert sum(a != b for a, b in zip(after, before, strict=True)) == 1


@pytest.mark.parametrize("block", [b"", b"II*\0", b"XX*\0\x08\0\0\0", b"II*\0\xff\xff\0\0", b"MM\0*\0\0\0\x08\xff\xff"])
def test_broken_exif_is_a_warning(rgb, block) -> None:
    if block:
        with pytest.raises(BrokenDirectoryError):
            exif_block.upright(block, swapped=False)
    stream, result = io.BytesIO(), io.BytesIO()
    Image.fromarray(rgb).save(stream, "JPEG", exif=b"Exif\0\0" + block)
    photo = read(stream)
    assert photo.pixels.shape == rgb.shape
    assert photo.metadata.exif is None
    assert any("EXIF" in note for note in photo.warnings)
    assert write(photo, result, format="JPEG") == []


def test_text_that_is_no_ascii_survives_tiff(rgb) -> None:
    name = "Straßenbahn, Köln".encode()
    photo = Photo(rgb, metadata=Metadata(exif=exif_block.pack({270: Field(2, len(name) + 1, name + b"\0")})))
    first, second = io.BytesIO(), io.BytesIO()
    write(photo, first, format="TIFF")
    write(read(first), second, format="JPEG")
    assert name in first.getvalue()
    assert name in second.getvalue()


def test_big_endian_exif_into_tiff(rgb) -> None:
    block = bytearray(b"MM\0*\0\0\0\x08" + struct.pack(">H", 1) + struct.pack(">HHII", 282, 5, 1, 26) + bytes(4))
    block += struct.pack(">II", 1200, 4)
    result = io.BytesIO()
    write(Photo(rgb, metadata=Metadata(exif=bytes(block))), result, format="TIFF")
    with Image.open(result) as image:
        assert float(image.tag_v2[282]) == 300  # type: ignore[attr-defined]


def test_iptc_between_jpeg_and_tiff(rgb) -> None:
    record = b"\x1c\x02\x69\x00\x05Title"
    resources = b"8BIM\x04\x04\x00\x00" + struct.pack(">I", len(record)) + record
    stream, tiff, jpeg = io.BytesIO(), io.BytesIO(), io.BytesIO()
    assert write(Photo(rgb, metadata=Metadata(photoshop=resources)), stream, format="JPEG") == []
    assert write(read(stream), tiff, format="TIFF") == []
    assert write(read(tiff), jpeg, format="JPEG") == []
    assert read(tiff).metadata.photoshop == resources
    assert read(jpeg).metadata.photoshop == resources
    from PIL import IptcImagePlugin

    with Image.open(jpeg) as image:
        assert IptcImagePlugin.getiptcinfo(image)[(2, 105)] == b"Title"


def test_large_photoshop_blocks_are_cut_into_segments(rgb) -> None:
    resources = b"8BIM\x04\x25\x00\x00" + struct.pack(">I", 100_000) + bytes(range(250)) * 400
    stream = io.BytesIO()
    write(Photo(rgb, metadata=Metadata(photoshop=resources)), stream, format="JPEG")
    assert read(stream).metadata.photoshop == resources


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF"])
def test_comments(rgb, form) -> None:
    stream = io.BytesIO()
    assert write(Photo(rgb, metadata=Metadata(comment=b"found in the attic")), stream, format=form) == []
    about = read(stream).metadata
    assert b"found in the attic" in (about.comment or b"") + (about.exif or b"")


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("depth", [8, 16])
def test_png_texts(rgb, deepen, depth, behind) -> None:
    stream, result = io.BytesIO(), io.BytesIO()
    write(Photo(rgb if depth == 8 else deepen(rgb), metadata=Metadata(text={"Author": "Müller"})), stream, format="PNG")
    data = stream.getvalue()
    if behind:  # move the text behind the pixels
        start = data.index(b"iTXt") - 4 if b"iTXt" in data else data.index(b"tEXt") - 4
        end = start + 12 + int.from_bytes(data[start : start + 4], "big")
        data = data[:start] + data[end:-12] + data[start:end] + data[-12:]
    photo = read(io.BytesIO(data))
    assert photo.metadata.text == {"Author": "Müller"}
    assert write(photo, result, format="PNG") == []
    assert read(result).metadata.text == {"Author": "Müller"}
    jpeg = io.BytesIO()
    notes = write(photo, jpeg, format="JPEG")
    assert not [note for note in notes if "8 bits" not in note]
    assert xmp.parse(read(jpeg).metadata.xmp or b"").get("dc:creator") == "Müller"


def test_dpi_finds_a_place_in_exif(rgb) -> None:
    stream = io.BytesIO()
    assert write(Photo(rgb, metadata=Metadata(dpi=(300, 240.5))), stream, format="WEBP") == []
    exif = _found(read(stream).metadata.exif)
    assert (float(exif[282]), float(exif[283]), exif[296]) == (300, 240.5, 2)


@pytest.mark.parametrize("form", ["BMP", "PPM"])
def test_what_cannot_be_kept_is_said(rgb, form, wide_profile) -> None:
    about = Metadata(
        exif=_exif().tobytes()[6:],
        xmp=XMP,
        icc=wide_profile,
        photoshop=b"8BIM",
        dpi=(300, 300),
        comment=b"c",
        text={"Author": "M"},
    )
    notes = " ".join(write(Photo(rgb, metadata=about), io.BytesIO(), format=form))
    for what in ("EXIF", "XMP", "ICC", "IPTC", "PNG's texts"):
        assert what in notes
    assert ("DPI" in notes) == (form != "BMP")
    assert ("the comment" in notes) == (form != "PPM")


def test_exif_and_broken_xmp_too_large_for_jpeg_are_said(rgb) -> None:
    long = b"x" * 70_000
    about = Metadata(exif=exif_block.pack({270: Field(2, len(long), long)}), xmp=long)
    stream = io.BytesIO()
    notes = write(Photo(rgb, metadata=about), stream, format="JPEG")
    assert [note.split(" of ")[0] for note in notes] == ["JPEG cannot keep EXIF", "JPEG cannot keep XMP"]
    assert read(stream).pixels.shape == rgb.shape
    assert write(Photo(rgb, metadata=about), io.BytesIO(), format="PNG") == []


def test_a_gray_profile_never_goes_with_colour(rgb, gray, gray_profile, srgb_profile) -> None:
    for pixels, icc in ((rgb, gray_profile), (gray, srgb_profile)):
        for form in ("JPEG", "PNG", "TIFF", "WEBP"):
            stream = io.BytesIO()
            write(Photo(pixels, metadata=Metadata(icc=icc)), stream, format=form)
            with Image.open(stream) as image:
                assert not image.info.get("icc_profile"), form


def test_colorized_gray_scan_is_tagged_srgb(gray, gray_profile) -> None:
    stream, result = io.BytesIO(), io.BytesIO()
    Image.fromarray(gray).save(stream, "TIFF", icc_profile=gray_profile, dpi=(600, 600))
    photo = read(stream)
    photo.pixels = np.dstack((photo.pixels, photo.pixels // 2, photo.pixels // 3))
    assert write(photo, result, format="TIFF") == []
    again = read(result)
    np.testing.assert_array_equal(again.pixels, photo.pixels)
    assert again.metadata.dpi == (600, 600)
    assert again.metadata.icc == photo.metadata.icc


def test_private_tiff_tags_are_mentioned(gray) -> None:
    import tifffile

    stream = io.BytesIO()
    tifffile.imwrite(stream, gray, extratags=[(65000, "I", 1, 7, True)], metadata=None)
    assert read(stream).warnings == ["private TIFF tags are not carried over: 65000"]
