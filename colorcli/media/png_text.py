"""PNG's texts: what programs hide in them, and where their keywords go in other formats."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from colorcli.media import xmp

RAW = "Raw profile type "
"""How ImageMagick begins the keyword of a text that is metadata in hexadecimal digits."""

# PNG's own keywords (PNG 3rd edition, 11.3.3.1) as XMP's properties.
_AS_XMP = {
    "Title": ("dc:title", "Alt"),
    "Author": ("dc:creator", "Seq"),
    "Description": ("dc:description", "Alt"),
    "Copyright": ("dc:rights", "Alt"),
    "Creation Time": ("xmp:CreateDate", ""),
    "Software": ("xmp:CreatorTool", ""),
    "Disclaimer": ("xmpRights:UsageTerms", "Alt"),
    "Source": ("dc:source", ""),
    "Comment": ("exif:UserComment", "Alt"),
}
_DATES = ("%a, %d %b %Y %H:%M:%S %z", "%d %b %Y %H:%M:%S %z", "%Y:%m:%d %H:%M:%S")


def raw_profile(texts: Mapping[Any, Any], *names: str) -> bytes | None:
    """Decode the first of some raw profiles: a name, a length, then hexadecimal digits.

    Raises:
        ValueError: the digits are none.
    """
    for name in names:
        text = texts.get(RAW + name)
        if isinstance(text, str):
            found = re.fullmatch(r"\s*\S+\s+\d+\s+([0-9a-fA-F\s]*)", text)
            if found is None:
                raise ValueError(f"no raw profile of type {name}")
            return bytes.fromhex(found.group(1))
    return None


def as_raw_profile(name: str, data: bytes) -> str:
    """Encode bytes as a raw profile's text."""
    digits = data.hex()
    lines = (digits[start : start + 72] for start in range(0, len(digits), 72))
    return "\n".join(("", name, f"{len(data):8d}", *lines, ""))


def into_xmp(texts: Mapping[str, str], packet: xmp.Packet) -> list[str]:
    """Copy texts to the properties that mean the same, unless these are there and say something else.

    Returns:
        The keywords that have none.
    """
    left = []
    for key, text in texts.items():
        name, form = _AS_XMP.get(key, ("", ""))
        value = _date(text) if key == "Creation Time" else text
        if not name or value is None:
            left.append(key)
        elif (there := packet.get(name)) is None:
            packet.put(name, value, form=form)
        elif there != value:
            left.append(key)
    return left


def _date(text: str) -> str | None:
    """Turn a date in one of the forms that PNG recommends or meets into XMP's."""
    text = text.strip().replace("GMT", "+0000").replace("UTC", "+0000")
    if re.fullmatch(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?", text):
        return text
    for form in _DATES:
        try:
            return datetime.strptime(text, form).isoformat()
        except ValueError:
            continue
    return None
