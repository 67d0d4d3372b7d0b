"""What made the picture, written into it for the next reader: tool, model, settings, and that an algorithm was at work.

The fields are IPTC's for pictures altered by a trained algorithm (IPTC Photo Metadata Standard 2025.1), and a namespace
of our own for what the standard has no place for. No time is written: equal pictures stay equal files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from colorcli.media import exif, xmp
from colorcli.media.ifd import BrokenDirectoryError
from colorcli.media.metadata import Metadata

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""IPTC's term for a picture that in part was made by a trained algorithm."""

_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What made a picture.

    Attributes:
        tool: name and version of the program, ``colorcli 0.1.0``.
        model: name of the model.
        weights_sha256: hash of its weights, in hexadecimal digits.
        settings: what the pixels depend on besides; None is left out.
    """

    tool: str
    model: str
    weights_sha256: str
    settings: Mapping[str, str | int | float | None]


def stamped(metadata: Metadata, provenance: Provenance, *, width: int, height: int) -> Metadata:
    """Add what made the picture to its metadata; nothing else in them is lost.

    A digital source type, or a system that another program has entered, gives way, and is kept as
    ``colorcli:FormerDigitalSourceType`` and so on. A packet that cannot be understood is replaced by a fresh one.

    Args:
        metadata: of the picture that went in.
        provenance: what made the picture.
        width: of the picture, in pixels.
        height: likewise.

    Returns:
        New metadata, equal for equal arguments.
    """
    try:
        packet = xmp.parse(xmp.fitted(metadata.xmp, width, height)) if metadata.xmp else xmp.fresh()
        ours = metadata.ours if metadata.xmp else metadata.ours | {"xmp"}
    except xmp.BrokenXmpError:
        packet, ours = xmp.fresh(), metadata.ours | {"xmp"}
    packet.put("colorcli:Tool", provenance.tool)
    packet.put("colorcli:Model", provenance.model)
    packet.put("colorcli:WeightsSHA256", provenance.weights_sha256)
    settings = {key: value for key, value in sorted(provenance.settings.items()) if value is not None}
    if settings:
        packet.put("colorcli:Settings", {f"colorcli:{_field(key)}": str(value) for key, value in settings.items()})
    else:
        packet.remove("colorcli:Settings")
    tool, _, version = provenance.tool.partition(" ")
    for field, value in (
        ("DigitalSourceType", SOURCE_TYPE),
        ("AISystemUsed", tool),
        ("AISystemVersionUsed", version or None),
    ):
        former = packet.get(f"Iptc4xmpExt:{field}")
        if former and former != value:
            packet.put(f"colorcli:Former{field}", former)
        if value:
            packet.put(f"Iptc4xmpExt:{field}", value)
        else:
            packet.remove(f"Iptc4xmpExt:{field}")
    if packet.get("xmp:CreatorTool") is None:  # a PNG says it in its own way
        packet.put("xmp:CreatorTool", metadata.text.get("Software", provenance.tool))
    block = metadata.exif
    if block is None:
        ours |= {"exif"}
    try:
        block = exif.with_software(exif.sized(block, width, height) if block else None, provenance.tool)
    except BrokenDirectoryError:  # `read` would have left it out; it is not for us to decide here
        block = metadata.exif
    return replace(metadata, xmp=packet.to_bytes(), exif=block, ours=ours)


def is_ours(metadata: Metadata) -> bool:
    """Tell whether metadata say that colorcli made the picture's colours."""
    return xmp.PREFIXES["colorcli"].encode() in (metadata.xmp or b"")


def _field(key: str) -> str:
    """Make an XML name of a setting's name."""
    found = "".join(char if char in _NAME else "_" for char in key)
    return found if found[:1].isalpha() else f"_{found}"
