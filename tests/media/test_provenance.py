"""What made a picture is found in it again by others, and pushes nothing out."""

from __future__ import annotations

import io
import struct
import xml.etree.ElementTree as ET

import pytest
from PIL import Image

from colorcli.media import exif as exif_block
from colorcli.media import xmp
from colorcli.media.photo import Metadata, Photo, read, write
from colorcli.media.provenance import SOURCE_TYPE, Provenance, stamped

MADE = Provenance(
    tool="colorcli 0.1.0",
    model="small",
    weights_sha256="ab" * 32,
    settings={"size": 256, "saturation": 1.25, "decoder": "<annealed>", "seed": None, "ab&l": "x"},
)
PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF'
    ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
    ' xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    ' xmlns:own="http://archive.example/ns/" tiff:ImageWidth="10" dc:source="box 12">'
    '<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Köln</rdf:li></rdf:Alt></dc:title>'
    '<own:shelf rdf:parseType="Resource"><own:row>3</own:row></own:shelf></rdf:Description></rdf:RDF></x:xmpmeta>'
    "\n          \n<?xpacket end='w'?>"
).encode()
IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
OURS = "{urn:x-colorcli:ns:1.0/}"
CAMERA = (
    b"MM\0*\0\0\0\x08" + struct.pack(">HHHI4sHHIII", 2, 0x010F, 2, 4, b"Fuj\0", 0x0131, 2, 9, 38, 0) + b"Ver 1.00\0"
)


def _text(packet: bytes | None, tag: str) -> str | None:
    """Read with another parser than ours."""
    assert packet is not None
    found = next(ET.fromstring(packet.decode().strip("\ufeff")).iter(tag), None)
    return None if found is None else found.text


def test_a_picture_without_metadata_gets_a_fresh_packet() -> None:
    found = stamped(Metadata(), MADE, width=3, height=2)
    assert _text(found.xmp, f"{IPTC}DigitalSourceType") == SOURCE_TYPE
    assert _text(found.xmp, f"{IPTC}AISystemUsed") == "colorcli"
    assert _text(found.xmp, f"{IPTC}AISystemVersionUsed") == "0.1.0"
    assert _text(found.xmp, "{http://ns.adobe.com/xap/1.0/}CreatorTool") == "colorcli 0.1.0"
    assert _text(found.xmp, f"{OURS}Model") == "small"
    assert _text(found.xmp, f"{OURS}WeightsSHA256") == "ab" * 32
    assert _text(found.xmp, f"{OURS}saturation") == "1.25"
    assert _text(found.xmp, f"{OURS}decoder") == "<annealed>"
    assert _text(found.xmp, f"{OURS}ab_l") == "x"
    assert _text(found.xmp, f"{OURS}seed") is None
    assert found.ours == {"exif", "xmp"}


def test_stamping_twice_changes_nothing() -> None:
    once = stamped(Metadata(xmp=PACKET, exif=CAMERA), MADE, width=20, height=30)
    assert stamped(once, MADE, width=20, height=30) == once
    assert stamped(Metadata(xmp=PACKET, exif=CAMERA), MADE, width=20, height=30) == once


def test_what_was_there_stays() -> None:
    before, after = xmp.parse(PACKET), xmp.parse(stamped(Metadata(xmp=PACKET), MADE, width=20, height=30).xmp or b"")
    for field in ("dc:title", "dc:source"):
        assert after.get(field) == before.get(field)
    assert b"<own:row>3</own:row>" in after.to_bytes()
    assert after.tail == before.tail
    assert after.get("tiff:ImageWidth") == "20"


@pytest.mark.parametrize("as_attribute", [True, False])
def test_other_programs_marks_give_way_and_are_kept(as_attribute) -> None:
    packet = xmp.fresh()
    packet.put("xmp:CreatorTool", "Scanner 3")
    for field, value in (
        ("DigitalSourceType", "negativeFilm"),
        ("AISystemUsed", "Other"),
        ("AISystemVersionUsed", "9"),
    ):
        if as_attribute:
            packet.descriptions()[0].set(xmp.name(f"Iptc4xmpExt:{field}"), value)
        else:
            packet.put(f"Iptc4xmpExt:{field}", value, form="Bag")
    found = stamped(Metadata(xmp=packet.to_bytes()), MADE, width=1, height=1)
    assert _text(found.xmp, f"{IPTC}DigitalSourceType") == SOURCE_TYPE
    assert _text(found.xmp, f"{OURS}FormerDigitalSourceType") == "negativeFilm"
    assert _text(found.xmp, f"{OURS}FormerAISystemUsed") == "Other"
    assert _text(found.xmp, f"{OURS}FormerAISystemVersionUsed") == "9"
    assert _text(found.xmp, "{http://ns.adobe.com/xap/1.0/}CreatorTool") == "Scanner 3"
    assert "xmp" not in found.ours


def test_software_beside_a_cameras() -> None:
    after = exif_block.with_software(CAMERA, "colorcli 0.1.0")
    assert after[8 : len(CAMERA)] == CAMERA[8:]  # nothing moved
    exif = Image.Exif()
    exif.load(after)
    assert dict(exif) == {0x000B: "colorcli 0.1.0", 0x010F: "Fuj", 0x0131: "Ver 1.00"}
    assert exif_block.with_software(after, "colorcli 0.1.0") is after


@pytest.mark.parametrize("order", ["<", ">"])
def test_software_where_there_is_none(order) -> None:
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, 1)
    block = head + struct.pack(f"{order}HHI4sI", 0x010F, 2, 4, b"Fuj\0", 0)
    exif = Image.Exif()
    exif.load(exif_block.with_software(block, "colorcli 0.1.0"))
    assert dict(exif) == {0x010F: "Fuj", 0x0131: "colorcli 0.1.0"}


def test_software_never_makes_a_block_too_large_for_jpeg() -> None:
    block = CAMERA + bytes(exif_block.LIMIT - len(CAMERA))
    assert exif_block.with_software(block, "colorcli 0.1.0") is block


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "JPEG2000", "HEIF"])
def test_survives_the_round_trip(rgb, form) -> None:
    about = stamped(Metadata(), MADE, width=rgb.shape[1], height=rgb.shape[0])
    first, second = io.BytesIO(), io.BytesIO()
    assert write(Photo(rgb, metadata=about), first, format=form) == []
    photo = read(first)
    assert photo.warnings == []
    assert write(photo, second, format=form) == []
    for file in (first, second):
        assert SOURCE_TYPE.encode() in file.getvalue()
        exif = Image.Exif()
        exif.load(read(file).metadata.exif or b"")
        assert exif[0x0131] == "colorcli 0.1.0"


def test_png_software_and_the_stamp_do_not_stand_in_each_others_way(rgb) -> None:
    about = stamped(Metadata(text={"Software": "Scanner 3"}), MADE, width=1, height=1)
    stream = io.BytesIO()
    assert write(Photo(rgb, metadata=about), stream, format="JPEG") == []
    assert _text(read(stream).metadata.xmp, "{http://ns.adobe.com/xap/1.0/}CreatorTool") == "Scanner 3"


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("form", ["PNG", "TIFF", "JPEG2000", "HEIF"])
def test_equal_pictures_are_equal_files(rgb, deepen, form, depth) -> None:
    pixels, files = rgb if depth == 8 else deepen(rgb), []
    for _ in range(2):
        stream = io.BytesIO()
        about = stamped(Metadata(xmp=PACKET), MADE, width=rgb.shape[1], height=rgb.shape[0])
        write(Photo(pixels, metadata=about), stream, format=form)
        files.append(stream.getvalue())
    assert files[0] == files[1]
