"""Metadata in the corners of each format: pieces of long XMP, records, boxes, private tags; and what is said."""

from __future__ import annotations

import hashlib
import io
import struct
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from PIL import Image, IptcImagePlugin
from PIL.PngImagePlugin import PngInfo

from colorcli.media import exif as exif_block
from colorcli.media import jp2, photoshop, png_text, xmp
from colorcli.media.ifd import Field
from colorcli.media.photo import Metadata, Photo, read, write

RECORD = b"\x1c\x02\x69\x00\x05Title\x1c\x02\x19\x00\x03one\x1c\x02\x19\x00\x03two"
SEGMENT_XMP = b"http://ns.adobe.com/xap/1.0/\x00"
MORE_XMP = b"http://ns.adobe.com/xmp/extension/\x00"


def _written(photo: Photo, form: str) -> tuple[bytes, list[str]]:
    stream = io.BytesIO()
    notes = write(photo, stream, format=form)
    return stream.getvalue(), notes


def _back(file: bytes) -> Metadata:
    photo = read(io.BytesIO(file))
    assert photo.warnings == []
    return photo.metadata


def _segments(file: bytes) -> list[bytes]:
    found, place = [], 2
    while file[place + 1] != 0xDA:
        size = int.from_bytes(file[place + 2 : place + 4], "big")
        found.append(file[place + 4 : place + 2 + size])
        place += 2 + size
    return found


def _long_xmp() -> xmp.Packet:
    packet = xmp.fresh()
    packet.put("dc:source", "box 12")
    packet.put("dc:description", "long " * 30_000, form="Alt")
    packet.descriptions()[0].set(xmp.name("photoshop:City"), "Köln" * 10_000)
    return packet


def test_xmp_of_more_than_one_segment(rgb) -> None:
    file, notes = _written(Photo(rgb, metadata=Metadata(xmp=_long_xmp().to_bytes())), "JPEG")
    assert notes == []
    first = next(part for part in _segments(file) if part.startswith(SEGMENT_XMP))
    parts = [part[len(MORE_XMP) :] for part in _segments(file) if part.startswith(MORE_XMP)]
    rest = b"".join(part[40:] for part in parts)
    assert len(parts) == 3
    digest = hashlib.md5(rest).hexdigest().upper().encode()
    assert all(part.startswith(digest + struct.pack(">I", len(rest))) for part in parts)
    assert digest in first
    again = xmp.parse(_back(file).xmp or b"")
    for name in ("dc:source", "dc:description", "photoshop:City"):
        assert again.get(name) == _long_xmp().get(name)
    assert again.get("xmpNote:HasExtendedXMP") is None
    for form in ("PNG", "TIFF", "WEBP", "JPEG2000"):
        other, notes = _written(Photo(rgb, metadata=_back(file)), form)
        assert notes == []
        assert xmp.parse(_back(other).xmp or b"").get("dc:description") == _long_xmp().get("dc:description")


def test_a_missing_piece_of_xmp_is_said(rgb) -> None:
    file, _ = _written(Photo(rgb, metadata=Metadata(xmp=_long_xmp().to_bytes())), "JPEG")
    last = file.rindex(MORE_XMP)
    photo = read(io.BytesIO(file[:last] + b"x" + file[last + 1 :]))
    assert photo.warnings[0] == "the second part of the XMP data is damaged and is left out"
    assert xmp.parse(photo.metadata.xmp or b"").get("dc:source") == "box 12"


def test_padding_gives_way_before_a_packet_is_cut(rgb) -> None:
    packet = xmp.fresh()
    packet.put("dc:source", "x" * 64_000)
    packet.tail = 4000 * " " + packet.tail
    file, notes = _written(Photo(rgb, metadata=Metadata(xmp=packet.to_bytes())), "JPEG")
    assert notes == []
    assert MORE_XMP not in file
    assert xmp.parse(_back(file).xmp or b"").get("dc:source") == "x" * 64_000


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "JPEG2000"])
@pytest.mark.parametrize("alone", [True, False])
def test_iptc(rgb, form, alone) -> None:
    about = Metadata(iptc=RECORD) if alone else Metadata(photoshop=photoshop.as_resource(RECORD))
    file, notes = _written(Photo(rgb, metadata=about), form)
    assert notes == []
    found = _back(file)
    assert (found.iptc or photoshop.iptc(found.photoshop)) == RECORD
    if form in ("JPEG", "TIFF"):
        with Image.open(io.BytesIO(file)) as image:
            assert IptcImagePlugin.getiptcinfo(image)[(2, 105)] == b"Title"
    again, notes = _written(Photo(rgb, metadata=found), form)
    assert notes == []
    assert (
        again.count(b"Title") <= 2
    )  # in the record and, in TIFF, in Photoshop's copy of it: no more from trip to trip


@pytest.mark.parametrize("form", ["WEBP", "AVIF"])
def test_iptc_becomes_xmp(rgb, form) -> None:
    more = RECORD + b"\x1c\x02\x78\x00\x06K\xc3\xb6ln "
    file, notes = _written(Photo(rgb, metadata=Metadata(iptc=b"\x1c\x01\x5a\x00\x03\x1b%G" + more)), form)
    assert notes == [f"{form} cannot keep IPTC: its texts are kept as XMP"]
    packet = xmp.parse(_back(file).xmp or b"")
    assert packet.get("photoshop:Headline") == "Title"
    assert packet.get("dc:description") == "Köln "
    assert b"<rdf:li>one</rdf:li><rdf:li>two</rdf:li>" in packet.to_bytes()
    _, notes = _written(Photo(rgb, metadata=Metadata(iptc=RECORD + b"\x1c\x02\xc8\x00\x01x")), form)
    assert notes == [f"{form} cannot keep IPTC: what XMP has a name for is kept as XMP"]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("swapped", [False, True])
def test_iptc_that_a_tiff_holds_as_numbers(gray, order, swapped) -> None:
    record = RECORD + bytes(-len(RECORD) % 4)
    numbers = np.frombuffer(record, ">u4" if (order == ">") != swapped else "<u4")
    stream = io.BytesIO()
    tifffile.imwrite(
        stream, gray, byteorder=order, metadata=None, extratags=[(33723, "I", len(numbers), numbers.tolist(), True)]
    )
    assert (_back(stream.getvalue()).iptc or b"").rstrip(b"\0") == RECORD


def test_thumbnails_among_photoshops_blocks_are_dropped(rgb) -> None:
    def resource(number: int, value: bytes) -> bytes:
        return b"8BIM" + struct.pack(">HHI", number, 0, len(value)) + value + bytes(len(value) % 2)

    kept = resource(1005, b"resolution") + resource(0x0425, b"odd")
    stale = resource(1033, b"little BGR") + resource(1036, b"little RGB picture")
    file = io.BytesIO()
    data = b"Photoshop 3.0\0" + stale + kept + stale
    Image.fromarray(rgb).save(file, "JPEG", extra=b"\xff\xed" + struct.pack(">H", len(data) + 2) + data)
    assert _back(file.getvalue()).photoshop == kept


@pytest.mark.parametrize("comment", [b"found in the attic", "Dachboden, Köln\nzweite Zeile".encode()])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "JPEG2000", "PPM", "WEBP", "AVIF"])
def test_comments_are_found_again(rgb, form, comment) -> None:
    file, notes = _written(Photo(rgb, metadata=Metadata(comment=comment)), form)
    assert notes == []
    found = _back(file)
    everything = (found.comment or b"") + (found.exif or b"") + (found.xmp or b"")
    assert all(line in everything for line in comment.split(b"\n"))
    np.testing.assert_allclose(read(io.BytesIO(file)).pixels.astype(float).mean(), rgb.mean(), atol=2)


def test_a_comment_beside_a_description_goes_into_xmp(rgb) -> None:
    block = exif_block.pack({270: Field(2, 7, b"square\0")})
    file, notes = _written(Photo(rgb, metadata=Metadata(exif=block, comment=b"attic")), "TIFF")
    assert notes == []
    assert xmp.parse(_back(file).xmp or b"").get("exif:UserComment") == "attic"
    assert b"square" in (_back(file).exif or b"")


def test_png_texts_become_xmp_and_the_rest_is_said(rgb) -> None:
    texts = {"Title": "Square", "Author": "Müller", "Creation Time": "Tue, 12 May 1931 10:00:00 GMT", "Shelf": "3"}
    file, notes = _written(Photo(rgb, metadata=Metadata(text=texts)), "JPEG")
    assert notes == ["JPEG cannot keep PNG's texts (Shelf)"]
    packet = xmp.parse(_back(file).xmp or b"")
    assert packet.get("dc:title") == "Square"
    assert packet.get("dc:creator") == "Müller"
    assert packet.get("xmp:CreateDate") == "1931-05-12T10:00:00+00:00"


def test_languages_of_png_texts_stay(rgb) -> None:
    info, stream, result = PngInfo(), io.BytesIO(), io.BytesIO()
    info.add_itxt("Title", "Marktplatz", lang="de", tkey="Titel")
    Image.fromarray(rgb).save(stream, "PNG", pnginfo=info)
    write(read(stream), result, format="PNG")
    with Image.open(result) as image:
        text = image.info["Title"]
    assert (text, text.lang, text.tkey) == ("Marktplatz", "de", "Titel")


@pytest.mark.parametrize("name", ["exif", "APP1", "iptc", "8bim", "xmp"])
def test_raw_profiles_as_imagemagick_writes_them(rgb, name) -> None:
    block = exif_block.pack({270: Field(2, 7, b"square\0")})
    value = {
        "exif": b"Exif\0\0" + block,
        "APP1": b"Exif\0\0" + block,
        "iptc": photoshop.as_resource(RECORD),
        "8bim": photoshop.as_resource(RECORD),
        "xmp": _long_xmp().to_bytes(),
    }[name]
    info, stream = PngInfo(), io.BytesIO()
    info.add_text(f"Raw profile type {name}", png_text.as_raw_profile(name, value), zip=True)
    Image.fromarray(rgb).save(stream, "PNG", pnginfo=info)
    found = _back(stream.getvalue())
    if name in ("exif", "APP1"):
        assert found.exif == block
    elif name == "xmp":
        assert xmp.parse(found.xmp or b"").get("dc:source") == "box 12"
    else:
        assert found.photoshop == value
    assert found.text == {}


def test_geography_of_a_tiff_is_kept(gray) -> None:
    tags = [
        (33550, "d", 3, (1.5, 1.5, 0.0), True),
        (33922, "d", 6, (0.0, 0.0, 0.0, 4e5, 5e6, 0.0), True),
        (34735, "H", 4, (1, 1, 0, 0), True),
        (42113, "s", 0, "-9999", True),
        (65000, "d", 1, 7.25, True),
        (65001, "I", 1, 7, True),
        (50707, "B", 4, (1, 4, 0, 0), True),
    ]
    stream = io.BytesIO()
    tifffile.imwrite(stream, gray, extratags=tags, metadata=None)
    photo = read(stream)
    assert photo.warnings == ["private TIFF tags are not carried over: 50707, 65001"]
    photo.pixels = np.dstack([photo.pixels] * 3)
    file, notes = _written(photo, "TIFF")
    assert notes == []
    with tifffile.TiffFile(io.BytesIO(file)) as tiff:
        found = {tag.code: tag.value for tag in tiff.pages[0].tags}
    for tag, _, _, value, _ in tags[:5]:
        assert found[tag] == value
    assert 50707 not in found


def test_resolution_finds_a_place_beside_exif(rgb) -> None:
    block = exif_block.pack({270: Field(2, 7, b"square\0")})
    for form in ("WEBP", "AVIF"):
        file, notes = _written(Photo(rgb, metadata=Metadata(exif=block, dpi=(300, 240.5))), form)
        assert notes == []
        with Image.open(io.BytesIO(file)) as image:
            exif = image.getexif()
        assert (exif[270], float(exif[282]), float(exif[283]), exif[296]) == ("square", 300, 240.5, 2)


@pytest.mark.parametrize("dpi", [(300.0, 240.5), (72.0, 72.0), (4800.0, 9600.0), (0.5, 1e5), (120.0, 1e-3)])
def test_resolution_in_jpeg_2000(rgb, dpi) -> None:
    file, notes = _written(Photo(rgb, metadata=Metadata(dpi=dpi)), "JPEG2000")
    assert notes == []
    assert _back(file).dpi == pytest.approx(dpi, rel=1e-7)
    with Image.open(io.BytesIO(file)) as image:
        assert image.info["dpi"] == pytest.approx(dpi, rel=1e-4)


def test_profile_in_jpeg_2000(rgb, wide_profile, srgb_profile) -> None:
    photo = Photo(rgb, metadata=Metadata(icc=srgb_profile))
    file, notes = _written(photo, "JPEG2000")
    assert notes == []
    assert jp2.gather(io.BytesIO(file)).icc == srgb_profile
    assert _back(file).icc == srgb_profile
    wide = jp2.with_boxes(_written(Photo(rgb), "JPEG2000")[0], jp2.Boxes(icc=wide_profile))
    assert np.abs(read(io.BytesIO(wide)).pixels.astype(int) - rgb).max() > 5  # the profile was honoured


def test_a_profile_in_a_bmp_is_honoured(rgb, wide_profile) -> None:
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "BMP")
    file = bytearray(stream.getvalue())
    pixels = bytes(file[54:])
    head = bytearray(14 + 124)
    head[:54] = file[:54]
    struct.pack_into("<IIII", head, 2, len(head) + len(pixels) + len(wide_profile), 0, len(head), 124)
    struct.pack_into("<I", head, 14 + 56, 0x4D424544)
    struct.pack_into("<II", head, 14 + 112, 124 + len(pixels), len(wide_profile))
    photo = read(io.BytesIO(bytes(head) + pixels + wide_profile))
    assert np.abs(photo.pixels.astype(int) - rgb).max() > 5
    assert np.array_equal(read(io.BytesIO(bytes(head) + pixels)).pixels, rgb)  # its bytes are missing


def test_what_is_ours_alone_is_no_loss_of_exif(rgb) -> None:
    about = Metadata(exif=exif_block.with_software(None, "colorcli 1"), xmp=xmp.fresh().to_bytes())
    for form in ("BMP", "PPM"):
        _, notes = _written(Photo(rgb, metadata=replace(about, ours=frozenset(("exif", "xmp")))), form)
        assert notes == [f"{form} cannot keep the provenance"]
        _, notes = _written(Photo(rgb, metadata=about), form)
        assert notes == [f"{form} cannot keep EXIF", f"{form} cannot keep XMP"]


def test_content_credentials_are_said_to_be_left_out(rgb) -> None:
    stream = io.BytesIO()
    data = b"JP\0\x01\0\0\0\x01\0\0\0\x20jumbc2pa"
    Image.fromarray(rgb).save(stream, "JPEG", extra=b"\xff\xeb" + struct.pack(">H", len(data) + 2) + data)
    assert read(stream).warnings == [
        "vendor data in JPEG segments is not carried over: content credentials (C2PA)",
    ]


def test_colour_spaces_that_the_pixels_have_left_are_corrected(rgb, wide_profile) -> None:
    block = exif_block.pack({0x8769: {0xA001: Field(3, 1, b"\xff\xff"), 0xA005: {1: Field(2, 4, b"R03\0")}}})
    packet, stream = xmp.fresh(), io.BytesIO()
    packet.put("photoshop:ICCProfile", "Adobe RGB (1998)")
    Image.fromarray(rgb).save(stream, "JPEG", exif=b"Exif\0\0" + block, icc_profile=wide_profile, xmp=packet.to_bytes())
    photo = read(stream)
    for profile, space, index in (("srgb", 1, "R98"), ("keep", 65535, "R03")):
        result = io.BytesIO()
        assert write(photo, result, format="JPEG", profile=profile) == []
        with Image.open(result) as image:
            exif = image.getexif()
            assert exif.get_ifd(0x8769)[0xA001] == space
            assert exif.get_ifd(0xA005)[1] == index
        assert (b"Adobe RGB (1998)" in result.getvalue()) == (profile == "keep")


def test_comments_in_latin_1(rgb) -> None:
    file, notes = _written(Photo(rgb, metadata=Metadata(comment="Köln".encode("latin-1"))), "PNG")
    assert notes == []
    assert _back(file).comment == "Köln".encode()


@pytest.mark.parametrize("kind", ["photoshop", "xmp", "comment"])
def test_large_metadata_in_png(rgb, kind) -> None:
    packet, noise = xmp.fresh(), np.random.default_rng(0).bytes(900_000)
    packet.put("dc:source", noise.hex())
    value = {"photoshop": photoshop.as_resource(noise), "xmp": packet.to_bytes(), "comment": noise.hex().encode()}[kind]
    file, notes = _written(Photo(rgb, metadata=Metadata(**{kind: value})), "PNG")
    assert notes == []
    assert getattr(_back(file), kind) == value


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP", "JPEG2000"])
def test_large_profiles(rgb, form, wide_profile) -> None:
    icc = bytearray(wide_profile + np.random.default_rng(0).bytes(3_000_000))
    struct.pack_into(">I", icc, 0, len(icc))
    stream, result = io.BytesIO(), io.BytesIO()
    Image.fromarray(rgb).save(stream, "PNG", icc_profile=bytes(icc))
    photo = read(stream)
    assert photo.warnings == []
    assert photo.source_icc == bytes(icc)
    assert write(photo, result, format=form, profile="keep") == []
    assert read(result).source_icc == bytes(icc)
