"""XMP: properties found in every form, nothing else changed, nothing fatal."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from colorcli.media import xmp
from colorcli.media.photo import read, write

BODY = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Adobe XMP Core 5.6"><rdf:RDF'
    ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/" rdf:about="uuid:1" tiff:Orientation="6" tiff:ImageWidth="10"'
    ' dc:source="box 12"/>'
    '<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
    ' xmlns:xmpGImg="http://ns.adobe.com/xap/1.0/g/img/" xmlns:own="http://archive.example/ns/" rdf:about="uuid:1">'
    "<exif:PixelXDimension>10</exif:PixelXDimension>"
    '<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Market &amp; square — Köln</rdf:li></rdf:Alt></dc:title>'
    '<own:shelf rdf:parseType="Resource"><own:row>3</own:row></own:shelf><!-- a remark -->'
    '<xmp:Thumbnails><rdf:Alt><rdf:li rdf:parseType="Resource"><xmpGImg:image>/9j/</xmpGImg:image></rdf:li></rdf:Alt>'
    "</xmp:Thumbnails></rdf:Description></rdf:RDF></x:xmpmeta>"
)
BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
END = "\n" + 2000 * " " + '\n<?xpacket end="w"?>'
PACKET = (BEGIN + BODY + END).encode()


def test_nothing_but_what_must_is_changed() -> None:
    found = xmp.fitted(PACKET, 20, 30).decode()
    expected = BODY.replace('Orientation="6"', 'Orientation="1"').replace('Width="10"', 'Width="20"')
    expected = expected.replace(">10<", ">20<")
    start, end = expected.index("<xmp:Thumbnails>"), expected.index("</rdf:Description></rdf:RDF>")
    assert found == BEGIN + expected[:start] + expected[end:] + END


def test_a_packet_that_fits_stays_the_same_bytes() -> None:
    once = xmp.fitted(PACKET, 20, 30)
    assert xmp.fitted(once, 20, 30) is once


@pytest.mark.parametrize("code", ["utf-16", "utf-16-be", "utf-32", "utf-8-sig"])
def test_other_encodings(code) -> None:
    packet = ("\ufeff" if code == "utf-16-be" else "") + '<?xml version="1.0"?>' + BODY
    found = xmp.parse(packet.encode(code) + bytes(8))
    assert found.get("dc:title") == "Market & square — Köln"
    assert "Köln" in found.to_bytes().decode("utf-8")


def test_every_form_of_a_property_is_found() -> None:
    packet = xmp.parse(PACKET)
    assert packet.get("dc:source") == "box 12"
    assert packet.get("exif:PixelXDimension") == "10"
    assert packet.get("dc:creator") is None
    packet.put("dc:source", "shelf 3")
    packet.put("dc:title", "A\x00 b", form="Alt")
    packet.put("colorcli:Settings", {"colorcli:size": "<256>"})
    again = xmp.parse(packet.to_bytes())
    assert again.get("dc:source") == "shelf 3"
    assert again.get("dc:title") == "A b"
    assert len(list(again.places("dc:source"))) == len(list(again.places("dc:title"))) == 1
    assert "&lt;256&gt;" in again.to_bytes().decode()
    assert {node.get(f"{{{xmp.RDF}}}about") for node in again.descriptions()} == {"uuid:1"}


@pytest.mark.parametrize(
    "packet",
    [
        b"not xml",
        PACKET[:400],
        b"\xff" + PACKET,
        b"<svg/>",
        PACKET.replace(b"</rdf:RDF>", b""),
        b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>&nothing;</x:xmpmeta>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><x:xmpmeta xmlns:x="adobe:ns:meta/">&a;</x:xmpmeta>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x:xmpmeta xmlns:x="adobe:ns:meta/"/>',
        b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + b"<a>" * 5000 + b"</a>" * 5000 + b"</x:xmpmeta>",
        b"",
        b" " * (xmp.MAX_BYTES + 1),
    ],
)
def test_broken_packets(packet) -> None:
    with pytest.raises(xmp.BrokenXmpError):
        xmp.fitted(packet)


def test_bit_flips_either_parse_or_are_said_to_be_broken() -> None:
    random = np.random.default_rng(0)
    broken = 0
    for _ in range(500):
        packet = bytearray(PACKET[: len(PACKET) - 1900])
        for _ in range(3):
            packet[int(random.integers(len(packet)))] ^= 1 << int(random.integers(8))
        try:
            xmp.fitted(bytes(packet), 1, 2)
        except xmp.BrokenXmpError:
            broken += 1
    assert 0 < broken < 500


def test_broken_xmp_in_a_photo_is_a_warning(rgb) -> None:
    stream, result = io.BytesIO(), io.BytesIO()
    Image.fromarray(rgb).save(stream, "JPEG", xmp=PACKET[:400])
    photo = read(stream)
    assert photo.metadata.xmp is None
    assert photo.warnings == ["the XMP data is damaged and is left out"]
    assert write(photo, result, format="JPEG") == []
    assert b"adobe:ns:meta" not in result.getvalue()
