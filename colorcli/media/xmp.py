"""XMP packets, read and changed property by property; everything else in them stays (ISO 16684-1).

A packet is RDF in XML inside of a wrapper. A property may stand as an attribute or as an element, in one Description
or spread over several; all are found. What is not asked for is not touched, not even its form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XMP = "http://ns.adobe.com/xap/1.0/"
TIFF = "http://ns.adobe.com/tiff/1.0/"
EXIF = "http://ns.adobe.com/exif/1.0/"
DC = "http://purl.org/dc/elements/1.1/"
NOTE = "http://ns.adobe.com/xmp/note/"
PREFIXES: dict[str, str] = {
    "rdf": RDF,
    "xmp": XMP,
    "tiff": TIFF,
    "exif": EXIF,
    "dc": DC,
    "xmpNote": NOTE,
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    # Not a web address, since none belongs to the project; XMP asks only for a URI that ends like this.
    "colorcli": "urn:x-colorcli:ns:1.0/",
}

MAX_BYTES = 32 << 20
"""Larger packets are taken for broken: Google's depth maps, the largest that are met, are a tenth of it."""

_BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_END = '\n<?xpacket end="w"?>'
_FRESH = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}"></rdf:RDF></x:xmpmeta>'
# Byte order mark, XML declaration and wrapper before the first element.
_HEAD = re.compile(r"\ufeff?\s*(?:<\?xml\s[^>]*\?>)?(\s*<\?xpacket\s+begin[^>]*\?>\s*)?(?:<\?xml\s[^>]*\?>\s*)?")
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CODES = ((b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class BrokenXmpError(ValueError):
    """The packet cannot be understood."""


def name(qualified: str) -> str:
    """Spell a name such as ``dc:title`` the way lxml does."""
    prefix, _, local = qualified.partition(":")
    return f"{{{PREFIXES[prefix]}}}{local}"


@dataclass
class Packet:
    """A parsed packet.

    Attributes:
        root: the ``x:xmpmeta`` or ``rdf:RDF`` element.
        head: the text before it, the beginning of the wrapper.
        tail: the text behind it, padding and end of the wrapper.
    """

    root: etree._Element
    head: str = _BEGIN
    tail: str = _END

    def to_bytes(self) -> bytes:
        """Write the packet, in UTF-8."""
        body: str = etree.tostring(self.root.getroottree(), encoding="unicode")
        return (self.head + body + self.tail).encode("utf-8")

    @property
    def rdf(self) -> etree._Element:
        """The ``rdf:RDF`` element; it is made where there is none."""
        found = next(self.root.iter(f"{{{RDF}}}RDF"), None)
        return etree.SubElement(self.root, f"{{{RDF}}}RDF", nsmap={"rdf": RDF}) if found is None else found

    def descriptions(self) -> list[etree._Element]:
        """List the elements whose attributes and children are the properties."""
        return [node for node in self.rdf if isinstance(node.tag, str)]

    def places(self, qualified: str) -> Iterator[tuple[etree._Element, etree._Element | None]]:
        """Find a property: the Description, and the element it is, or None where it is an attribute."""
        tag = name(qualified)
        for description in self.descriptions():
            if tag in description.attrib:
                yield description, None
            for child in description.findall(tag):
                yield description, child

    def get(self, qualified: str) -> str | None:
        """Return the text of a property, that of its first item where it is a list; None where it is absent."""
        for description, child in self.places(qualified):
            if child is None:
                return str(description.attrib[name(qualified)])
            item = next(child.iter(f"{{{RDF}}}li"), child)
            return item.text or item.get(f"{{{RDF}}}resource") or ""
        return None

    def remove(self, qualified: str) -> bool:
        """Take a property out wherever it stands; tell whether it was there."""
        found = list(self.places(qualified))
        for description, child in found:
            if child is None:
                del description.attrib[name(qualified)]
            else:
                description.remove(child)
        return bool(found)

    def replace(self, qualified: str, text: str) -> bool:
        """Give a simple property that is there another value, in the form in which it stands.

        Returns:
            Whether anything changed.
        """
        changed = False
        for description, child in self.places(qualified):
            if child is None:
                changed |= description.attrib[name(qualified)] != text
                description.attrib[name(qualified)] = text
            elif child.text != text or len(child):
                for inner in list(child):
                    child.remove(inner)
                child.attrib.clear()
                child.text, changed = text, True
        return changed

    def put(self, qualified: str, value: str | list[str] | Mapping[str, str], *, form: str = "") -> None:
        """Set a property, in place of what it was.

        Args:
            qualified: its name, ``dc:title`` for example.
            value: a text, several, or the fields of a structure, by their qualified names.
            form: how texts are wrapped: ``Alt`` (one text in several languages), ``Seq`` or ``Bag``; empty for a
                simple property.
        """
        elements = [(parent, child) for parent, child in self.places(qualified) if child is not None]
        node = etree.Element(name(qualified), nsmap=_nsmap(qualified))
        node.tail = "\n"
        if elements:
            elements[0][0].insert(elements[0][0].index(elements[0][1]), node)
        for parent, child in list(self.places(qualified)):
            if child is None:
                del parent.attrib[name(qualified)]
            elif child is not node:
                parent.remove(child)
        if not elements:
            self._own().append(node)
        if isinstance(value, str | list):
            items = [value] if isinstance(value, str) else value
            if form:
                items_in = etree.SubElement(node, f"{{{RDF}}}{form}")
                for text in items:
                    item = etree.SubElement(items_in, f"{{{RDF}}}li")
                    item.text = clean(text)
                    if form == "Alt":
                        item.set("{http://www.w3.org/XML/1998/namespace}lang", "x-default")
            else:
                node.text = clean(items[0])
            return
        node.set(f"{{{RDF}}}parseType", "Resource")
        for key, text in value.items():
            etree.SubElement(node, name(key), nsmap=_nsmap(key)).text = clean(text)

    def _own(self) -> etree._Element:
        """The Description for new properties: a plain one at the end, about what the others are about."""
        about, known = f"{{{RDF}}}about", self.descriptions()
        if known and any(str(child.tag).startswith(f"{{{PREFIXES['colorcli']}}}") for child in known[-1]):
            return known[-1]
        found = etree.SubElement(self.rdf, f"{{{RDF}}}Description")
        found.set(about, next((node.attrib[about] for node in known if about in node.attrib), ""))
        found.text = found.tail = "\n"
        return found


def parse(packet: bytes) -> Packet:
    """Take a packet apart.

    Raises:
        BrokenXmpError: it is no XML, holds a document type (which XMP forbids and attacks need), or is too large.
    """
    if len(packet) > MAX_BYTES:
        raise BrokenXmpError(f"{len(packet)} bytes of XMP")
    code = next((code for mark, code in _CODES if packet.startswith(mark)), "utf-8")
    try:
        text = packet.decode(code).rstrip("\0")
        head = _HEAD.match(text)
        assert head  # all of it is optional
        end = text.rfind("<?xpacket end", head.end())
        body = text[head.end() : end if end >= 0 else None].rstrip()
        tail = text[head.end() + len(body) :]
        root = etree.fromstring(body.encode("utf-8"), _parser())
    except (UnicodeDecodeError, etree.XMLSyntaxError, ValueError) as error:
        raise BrokenXmpError(str(error)) from error
    if root.getroottree().docinfo.doctype:
        raise BrokenXmpError("a document type in XMP")
    if etree.QName(root).localname not in ("xmpmeta", "xapmeta", "RDF"):
        raise BrokenXmpError(f"{etree.QName(root).localname} instead of XMP")
    return Packet(root, head.group(1) or "", tail)


def fresh() -> Packet:
    """Begin a new packet, without properties."""
    return Packet(etree.fromstring(_FRESH, _parser()))


def fitted(packet: bytes, width: int | None = None, height: int | None = None, *, srgb: bool = False) -> bytes:
    """Make a packet fit pixels that stand upright: orientation 1, no thumbnails, the sizes of the picture.

    Args:
        packet: as it was read.
        width: of the picture, in pixels; None leaves the sizes as they are.
        height: likewise.
        srgb: the pixels are in sRGB, whatever the packet says.

    Returns:
        The packet; the same bytes where nothing had to change.

    Raises:
        BrokenXmpError: it cannot be understood.
    """
    found = parse(packet)
    changed = found.replace("tiff:Orientation", "1")
    changed |= found.remove("xmp:Thumbnails")
    sizes = {"tiff:ImageWidth": width, "exif:PixelXDimension": width}
    sizes |= {"tiff:ImageLength": height, "exif:PixelYDimension": height}
    for qualified, size in sizes.items():
        if size is not None:
            changed |= found.replace(qualified, str(size))
    if srgb:
        changed |= found.replace("exif:ColorSpace", "1")
        changed |= found.replace("photoshop:ICCProfile", "sRGB IEC61966-2.1")
    return found.to_bytes() if changed else packet


def clean(text: str) -> str:
    """Leave out the characters that XML cannot hold."""
    return _NOT_XML.sub("", text)


def _parser() -> etree.XMLParser:
    # A parser may not be shared between threads; making one costs a few microseconds.
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


def _nsmap(qualified: str) -> dict[str | None, str]:
    prefix = qualified.partition(":")[0]
    return {prefix: PREFIXES[prefix]}
