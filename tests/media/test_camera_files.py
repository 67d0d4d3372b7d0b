"""What cameras wrote is still there, byte for byte, except for what must change."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorcli.media.photo import Photo, read, write
from colorcli.media.provenance import Provenance, stamped

MADE = Provenance(tool="colorcli 0.1.0", model="m", weights_sha256="00", settings={})
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
POINTERS = (0x8769, 0x8825, 0xA005)
MAKER_NOTE = 0x927C
#: Orientation, sizes of the picture (two pairs), Software and ProcessingSoftware, colour space.
MAY_CHANGE = (0x0112, 0x0100, 0x0101, 0xA002, 0xA003, 0x0131, 0x000B, 0xA001)

Tags = dict[tuple[int, int], tuple[int, int, bytes, int]]


def _tags(block: bytes) -> Tags:
    """Every field by directory and tag: type, count, bytes, and where maker notes stand; a reader of its own."""
    order = {b"II": "<", b"MM": ">"}[block[:2]]
    found: Tags = {}
    todo = [(0, struct.unpack_from(f"{order}I", block, 4)[0])]
    while todo:
        name, at = todo.pop()
        if at + 2 > len(block):
            continue
        for place in range(at + 2, at + 2 + 12 * struct.unpack_from(f"{order}H", block, at)[0], 12):
            if place + 12 > len(block):
                break
            tag, kind, count, offset = struct.unpack_from(f"{order}HHII", block, place)
            size = count * SIZES.get(kind, 0)
            if tag in POINTERS:
                todo.append((tag, offset))
            elif size:
                start = place + 8 if size <= 4 else offset
                found[name, tag] = (kind, count, block[start : start + size], start if tag == MAKER_NOTE else 0)
    return found


def _block(file: bytes) -> bytes | None:
    with Image.open(io.BytesIO(file)) as image:
        found: bytes | None = image.info.get("exif")
    return found[6:] if found else None


def _through(file: bytes, form: str) -> tuple[bytes, list[str]]:
    photo, result = read(io.BytesIO(file)), io.BytesIO()
    height, width = photo.pixels.shape[:2]
    about = stamped(photo.metadata, MADE, width=width, height=height)
    painted = np.zeros((height, width, 3), np.uint8)
    notes = write(Photo(painted, metadata=about), result, format=form)
    return result.getvalue(), photo.warnings + notes


def _camera(order: str, rgb: np.ndarray) -> bytes:
    """A file as cameras write it: maker notes with an offset in them, GPS, interoperability, a thumbnail."""

    def directory(at: int, entries: list[tuple[int, int, int, bytes]], link: int = 0) -> bytes:
        table, tail, room = b"", b"", at + 2 + 12 * len(entries) + 4
        for tag, kind, count, value in entries:
            if len(value) > 4:
                value, tail = struct.pack(f"{order}I", room + len(tail)), tail + value + bytes(len(value) % 2)
            table += struct.pack(f"{order}HHI", tag, kind, count) + value.ljust(4, b"\0")
        return struct.pack(f"{order}H", len(entries)) + table + struct.pack(f"{order}I", link) + tail

    def number(value: int) -> bytes:
        return struct.pack(f"{order}I", value)

    def short(value: int) -> bytes:
        return struct.pack(f"{order}H", value)

    interop = directory(500, [(1, 2, 4, b"R98\0"), (2, 7, 4, b"0100")])
    gps = directory(600, [(1, 2, 2, b"N\0"), (2, 5, 3, struct.pack(f"{order}6I", 52, 1, 31, 1, 12, 1))])
    note = b"Maker\0" + number(700) + bytes(range(60))
    second = [(0x9003, 2, 20, b"1931:05:12 10:00:00\0"), (MAKER_NOTE, 7, len(note), note)]
    second += [(0xA002, 3, 1, short(4000)), (0xA003, 3, 1, short(3000)), (0xA005, 4, 1, number(500))]
    little = io.BytesIO()
    Image.fromarray(rgb[::8, ::8].copy()).save(little, "JPEG")
    third = [(0x0201, 4, 1, number(1100)), (0x0202, 4, 1, number(len(little.getvalue())))]
    first = [(0x010F, 2, 5, b"Agfa\0"), (0x0112, 3, 1, short(8)), (0x0131, 2, 8, b"Ver 1.0\0")]
    first += [(0x8769, 4, 1, number(200)), (0x8825, 4, 1, number(600))]
    block = bytearray(1100)
    block[:8] = {"<": b"II*\0", ">": b"MM\0*"}[order] + number(8)
    parts = ((8, directory(8, first, 1000)), (200, directory(200, second)), (500, interop), (600, gps))
    for at, data in (*parts, (700, b"what the note points to"), (1000, directory(1000, third))):
        block[at : at + len(data)] = data
    stream = io.BytesIO()
    exif = b"Exif\0\0" + bytes(block) + little.getvalue()
    Image.fromarray(rgb).save(stream, "JPEG", exif=exif)
    return stream.getvalue()


def _assert_same(before: bytes, after: bytes) -> None:
    old, new = _tags(before), _tags(after)
    assert {
        key for key in old.keys() | new.keys() if old.get(key) != new.get(key) and key[1] not in MAY_CHANGE
    } == set()
    assert new.get((0, 0x0112), (3, 1))[:2] == (3, 1)
    assert len([key for key in new if key[1] in (0x0131, 0x000B)]) > 0


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_camera_file(rgb, order) -> None:
    file = _camera(order, rgb)
    result, notes = _through(file, "JPEG")
    assert notes == []
    before, after = _block(file), _block(result)
    assert before is not None
    assert after is not None
    _assert_same(before, after)
    assert after[700:723] == b"what the note points to"
    assert result.count(b"\xff\xd8\xff") == 1  # the thumbnail is gone
    new = _tags(after)
    assert int.from_bytes(new[0x8769, 0xA002][2], "little" if order == "<" else "big") == rgb.shape[0]
    assert new[0, 0x0131][2] == b"Ver 1.0\0"
    assert new[0, 0x000B][2] == b"colorcli 0.1.0\0"
    assert new[0xA005, 1][2] == b"R98\0"


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_camera_file_through_tiff(rgb, order) -> None:
    middle, notes = _through(_camera(order, rgb), "TIFF")
    assert notes == ["TIFF keeps the maker notes in another place: some programs may not find their way in them"]
    old, new = _tags(_block(_camera(order, rgb)) or b""), _tags(middle)
    for key in ((0x8769, 0x9003), (0x8825, 1), (0xA005, 1), (0xA005, 2)):
        assert new[key][2] == old[key][2]
    assert new[0x8769, MAKER_NOTE][2] == old[0x8769, MAKER_NOTE][2]
    moved = new[0x8769, MAKER_NOTE][3] - old[0x8769, MAKER_NOTE][3]
    assert struct.unpack("<i", new[0x8769, 0xEA1D][2]) == (moved,)
    last, _ = _through(middle, "JPEG")
    moved = _tags(_block(last) or b"")[0x8769, MAKER_NOTE][3] - old[0x8769, MAKER_NOTE][3]
    assert struct.unpack("<i", _tags(_block(last) or b"")[0x8769, 0xEA1D][2]) == (moved,)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "AVIF", "HEIF", "JPEG2000"])
def test_no_format_moves_a_cameras_fields(rgb, form) -> None:
    file = _camera("<", rgb)
    result, notes = _through(file, form)
    assert notes == []
    after = read(io.BytesIO(result)).metadata.exif
    assert after is not None
    old, new = _tags(_block(file) or b""), _tags(after)
    assert {
        key for key in old.keys() | new.keys() if old.get(key) != new.get(key) and key[1] not in MAY_CHANGE
    } == set()
    assert after[700:723] == b"what the note points to"
    again = read(io.BytesIO(_through(result, "JPEG")[0])).metadata.exif
    assert again is not None
    assert again[700:723] == b"what the note points to"


def test_real_cameras(shared: Path) -> None:
    seen = 0
    for path in sorted((shared / "photos" / "color").glob("*.jpg")):
        file = path.read_bytes()
        before = _block(file)
        if before is None:
            continue
        after = _block(_through(file, "JPEG")[0])
        assert after is not None, path
        _assert_same(before, after)
        seen += any(key[1] == MAKER_NOTE for key in _tags(before))
    assert seen >= 20
