"""Hints: places in a photo whose colour a person knows.

A hints file is JSON, in the pixels of the photo as it stands upright, (0, 0) the upper left corner:

    {"points": [{"x": 310, "y": 122, "color": "#8a2f2a"}, {"x": 20, "y": 15, "ab": [-4, -30], "radius": 12}],
     "rectangles": [{"x": 0, "y": 0, "width": 400, "height": 80, "color": [120, 160, 220]}]}

A colour is ``"#rrggbb"`` or ``[r, g, b]``, of which only the chroma counts, or that chroma itself, a and b of CIE Lab.
Or it is a PNG of the photo's size: where it is opaque, it says the colour. ``photo.jpg.hints.json`` (or ``.png``)
beside ``photo.jpg`` is taken without being asked for.

This module reads and checks; it imports neither torch nor a codec before there is a file to read.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colorcli.errors import MediaError
from colorcli.media._messages import from_os_error, printable
from colorcli.registry import near_miss

if TYPE_CHECKING:
    from colorcli.media.photo import Photo

#: What follows a photo's whole name in that of its hints; the first that is there counts.
SUFFIXES = (".hints.json", ".hints.png")
#: Radius of a point that names none, as a share of the photo's shorter side.
RADIUS = 0.01
_SHAPES = {
    "points": ({"x", "y"}, {"radius", "color", "ab"}),
    "rectangles": ({"x", "y", "width", "height"}, {"color", "ab"}),
}
_EXAMPLE = 'a point is {"x": 310, "y": 122, "color": "#8a2f2a"}'
#: Neither a nor b of any colour is beyond this.
_LIMIT = 128.0


@dataclass(frozen=True)
class Mark:
    """A patch of one colour, in pixels of the photo.

    Attributes:
        x: left edge of a rectangle, or where a point is; pixel 0 reaches from 0 to 1, and a point means its middle.
        y: likewise, from above.
        width: of a rectangle; None for a point.
        height: likewise.
        radius: of a point; None takes :data:`RADIUS`.
        rgb: the colour, sRGB in 0..255, or None.
        ab: the colour's a and b of CIE Lab, or None: one of the two is given.
    """

    x: float
    y: float
    width: float | None = None
    height: float | None = None
    radius: float | None = None
    rgb: tuple[float, float, float] | None = None
    ab: tuple[float, float] | None = None

    def box(self, size: tuple[int, int]) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom edge in a photo of ``size`` (H, W)."""
        if self.width is not None and self.height is not None:
            return self.x, self.y, self.x + self.width, self.y + self.height
        reach = max(RADIUS * min(size) if self.radius is None else self.radius, 0.5)
        return self.x + 0.5 - reach, self.y + 0.5 - reach, self.x + 0.5 + reach, self.y + 0.5 + reach


@dataclass(frozen=True)
class Hints:
    """What a hints file says.

    Attributes:
        source: the file's name, for messages.
        sha256: of the file.
        marks: patches, later ones over earlier ones.
        picture: or a picture with transparency.
    """

    source: str
    sha256: str
    marks: tuple[Mark, ...] = ()
    picture: Photo | None = None

    def check(self, size: tuple[int, int]) -> None:
        """See that the hints are for a photo of ``size`` (H, W).

        Raises:
            MediaError: one lies beyond it, or the picture has another size.
        """
        height, width = size
        if self.picture is not None and self.picture.pixels.shape[:2] != size:
            found = self.picture.pixels.shape
            raise MediaError(
                f"{self.source}: {found[1]} x {found[0]} pixels for a photo of {width} x {height}",
                hint="draw the hints on a copy of the photo as it stands upright",
            )
        for number, mark in enumerate(self.marks, 1):
            if mark.width is None or mark.height is None:
                inside = mark.x < width and mark.y < height
            else:
                inside = mark.x + mark.width <= width and mark.y + mark.height <= height
            if not inside:
                raise MediaError(
                    f"{self.source}: hint {number}, at ({mark.x:g}, {mark.y:g}), reaches beyond the photo of"
                    f" {width} x {height}",
                    hint="coordinates are pixels of the photo as it stands upright, from its upper left corner",
                )


def sidecar(photo: Path) -> Path | None:
    """Return the file of hints that lies beside a photo, or None."""
    for suffix in SUFFIXES:
        path = photo.with_name(photo.name + suffix)
        if path.is_file():
            return path
    return None


def fingerprint(path: Path | None) -> str | None:
    """Return the SHA-256 of a hints file; None if there is none, or none to be read: reading it will say why."""
    try:
        return None if path is None else hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def read(path: Path) -> Hints:
    """Read hints.

    Raises:
        MediaError: the file is missing, damaged, or says something that has no meaning.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise from_os_error(error, path) from error
    name, digest = printable(path), hashlib.sha256(content).hexdigest()
    if content.startswith(b"\x89PNG"):
        from colorcli.media import photo

        picture = photo.read(io.BytesIO(content), name=str(path))
        if picture.alpha is None:
            raise MediaError(f"{name}: nothing in it is transparent", hint="leave opaque only what is a hint")
        return Hints(name, digest, picture=picture)
    return Hints(name, digest, marks=parse(content, name))


def read_for(path: Path, photo: Photo) -> Hints:
    """Read the hints for a photo.

    Raises:
        MediaError: as for :func:`read`; or the photo is a page among others.
    """
    if photo.pages > 1:
        raise MediaError(
            f"{printable(path)}: hints are for files of one picture, and {photo.source} has {photo.pages}",
            hint="take the pages apart first",
        )
    return read(path)


def parse(content: bytes, name: str) -> tuple[Mark, ...]:
    """Read the JSON of a hints file.

    Raises:
        MediaError: it is no JSON, or says something that has no meaning.
    """
    try:
        values = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise MediaError(f"{name}: no valid JSON: {error}", hint=_EXAMPLE) from error
    if not isinstance(values, dict):
        raise MediaError(f'{name}: hints are an object with "points" and "rectangles"', hint=_EXAMPLE)
    _check_keys(values, _SHAPES, name)
    marks = []
    for shape, (needed, more) in _SHAPES.items():
        listed = values.get(shape, [])
        if not isinstance(listed, list):
            raise MediaError(f"{name}: {shape} must be a list, got {_shown(listed)}", hint=_EXAMPLE)
        for number, value in enumerate(listed, 1):
            where = f"{name}: {shape} {number}"
            if not isinstance(value, dict):
                raise MediaError(f"{where} must be an object, got {_shown(value)}", hint=_EXAMPLE)
            _check_keys(value, needed | more, where)
            for key in sorted(needed - set(value)):
                raise MediaError(f"{where} has no {key!r}", hint=_EXAMPLE)
            marks.append(_mark(value, where))
    if not marks:
        raise MediaError(f"{name}: no hints in it", hint=_EXAMPLE)
    return tuple(marks)


def _check_keys(values: Mapping[str, Any], known: Collection[str], where: str) -> None:
    for key in values:
        if key not in known:
            raise MediaError(f"{where}: unknown key {key!r}", hint=near_miss(key, known))


def _mark(value: dict[str, Any], where: str) -> Mark:
    numbers: dict[str, Any] = {}
    for key in ("x", "y", "width", "height", "radius"):
        if key in value:
            least = 0.0 if key in ("x", "y") else math.ulp(0.0)
            numbers[key] = _number(value[key], f"{where}: {key}", least)
    if ("color" in value) == ("ab" in value):
        raise MediaError(f"{where} needs one of 'color' and 'ab'", hint=_EXAMPLE)
    if "ab" in value:
        return Mark(**numbers, ab=_ab(value["ab"], f"{where}: ab"))
    return Mark(**numbers, rgb=_rgb(value["color"], f"{where}: color"))


def _number(value: Any, where: str, least: float, most: float = 1e9) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        above = "above 0" if 0 < least < 1 else f"from {least:g}"
        raise MediaError(
            f"{where} must be a number {above}{f' to {most:g}' if most < 1e9 else ''}, got {_shown(value)}"
        )
    return float(value)


def _ab(value: Any, where: str) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise MediaError(f"{where} must be [a, b], got {_shown(value)}")
    return _number(value[0], where, -_LIMIT, _LIMIT), _number(value[1], where, -_LIMIT, _LIMIT)


def _rgb(value: Any, where: str) -> tuple[float, float, float]:
    if isinstance(value, str) and re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        parts = bytes.fromhex(value[1:])
        return float(parts[0]), float(parts[1]), float(parts[2])
    if not isinstance(value, list) or len(value) != 3:
        raise MediaError(
            f"{where} must be '#rrggbb' or [r, g, b], got {_shown(value)}",
            hint="for example '#8a2f2a' or [138, 47, 42]",
        )
    red, green, blue = (_number(part, where, 0.0, 255.0) for part in value)
    return red, green, blue


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
