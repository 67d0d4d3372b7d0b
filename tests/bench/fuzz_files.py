"""Broken files, made by chance from sound ones; the same number always gives the same file."""

from __future__ import annotations

import random
import re
import struct
import zlib
from collections.abc import Iterator

from fuzz_seeds import FORMATS, seeds

Span = tuple[int, int]
_ORDERS = {b"II": "<", b"MM": ">"}
_TELLING = (0, 1, 2, 3, 7, 8, 16, 127, 128, 255, 256, 1000, 4096, 32767, 32768, 65535, 65536, 100_000, 0x7FFFFFFF,
            0x80000000, 0xFFFFFFFE, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF)  # fmt: skip
_WORDS = (b"", b"0", b"-1", b"1", b"49", b"255", b"256", b"65536", b"99999", b"4294967297", b"9" * 30, b"x", b"1e9",
          b"P6", b"P3", b"P5", b"P4", b"P7", b"Pf", b"#", b"\0")  # fmt: skip


def mutated(form: str, number: int, *, seed: int = 0) -> tuple[bytes, str]:
    """Make a broken file.

    Args:
        form: one of `fuzz_seeds.FORMATS`.
        number: which; each (form, number, seed) is one file, the same on every machine.
        seed: another one gives other files.

    Returns:
        The file, and how it was made.
    """
    dice = random.Random(f"{seed}/{form}/{number}")
    kin = seeds(form)
    which = dice.randrange(len(kin))
    data, story = bytearray(kin[which]), [f"{form} seed {which}"]
    for _ in range(dice.choice((1, 1, 1, 2, 3, 6))):
        if not data:
            break
        change = dice.choice(_CHANGES)
        changed, what = change(data, dice, form, kin)
        data = bytearray(changed)
        story.append(what)
    if form == "PNG" and dice.random() < 0.8:
        _mend_checksums(data)  # or nothing behind the checksums would ever be reached
    if form == "WebP" and dice.random() < 0.7 and len(data) > 8:
        struct.pack_into("<I", data, 4, len(data) - 8)
    return bytes(data), "; ".join(story)


# -- where things stand in a file --------------------------------------------------------------------------------------


def pieces(data: bytes | bytearray, form: str) -> list[Span]:
    """Cut a file into the segments, chunks or boxes that its format knows; 256-byte blocks where it knows none."""
    found: list[Span] = []
    place, end = 0, len(data)
    while place < end:
        size = _piece(data, place, form)
        size = max(1, min(size, end - place))
        found.append((place, place + size))
        place += size
    return found


def _piece(data: bytes | bytearray, place: int, form: str) -> int:
    room = len(data) - place
    if form == "JPEG" and room >= 4 and data[place] == 0xFF:
        kind = data[place + 1]
        if kind in (0xD8, 0xD9):
            return 2
        size = 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        if kind == 0xDA:
            scan = re.compile(rb"\xff[^\x00\xd0-\xd7]").search(data, place + size)
            return scan.start() - place if scan else room
        return size
    if form == "PNG" and room >= 12:
        return 8 if place == 0 else 12 + int.from_bytes(data[place : place + 4], "big")
    if form == "WebP" and room >= 8:
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        return 12 if place == 0 else 8 + size + size % 2
    if form in ("AVIF", "HEIC", "JP2") and room >= 8:
        inside = data[place + 4 : place + 8] in (b"iprp", b"ipco", b"jp2h")
        return 12 if data[place + 4 : place + 8] == b"meta" else 8 if inside else _big(data, place) or room
    return 256


def _big(data: bytes | bytearray, place: int) -> int:
    return int.from_bytes(data[place : place + 4], "big")


def places(data: bytes | bytearray, form: str) -> list[tuple[int, str]]:
    """List the numbers in a file's headers: where each stands and how `struct` would call it."""
    found: list[tuple[int, str]] = []
    for match in re.finditer(rb"II[\x2a\x2b]\x00|MM\x00[\x2a\x2b]", bytes(data)):  # TIFF itself, EXIF anywhere
        found += _directory(data, match.start())
    for start, end in pieces(data, form):
        if form == "JPEG":
            found += [(at, ">B") for at in range(start, min(end, start + 24))] + [(start + 5, ">H"), (start + 7, ">H")]
        elif form == "PNG":
            found.append((start, ">I"))
            if data[start + 4 : start + 8] in (b"IHDR", b"acTL", b"fcTL", b"pHYs"):
                found += [(at, ">I") for at in (start + 8, start + 12)] + [(at, ">B") for at in range(start + 16, end)]
        elif form == "WebP":
            found += [(start + 4, "<I"), (start + 12, "<H"), (start + 14, "<H"), (start + 16, "<H")]
            found += [(at, "<B") for at in range(start + 8, min(end, start + 20))]
        elif form in ("AVIF", "HEIC", "JP2"):
            found += [(at, ">I") for at in range(start, min(end, start + 64), 4)]
            found += [(at, ">B") for at in range(start, min(end, start + 64))]
    if form == "JP2":  # the codestream's own header
        start = bytes(data).find(b"\xff\x4f\xff\x51")
        found += [(at, kind) for at in range(start + 4, start + 70) for kind in (">B", ">I") if start >= 0]
    if form == "BMP":
        found += [(at, kind) for at in range(0, 70, 2) for kind in ("<H", "<I")]
    return [(at, kind) for at, kind in found if 0 <= at <= len(data) - struct.calcsize(kind)]


def _directory(data: bytes | bytearray, base: int) -> Iterator[tuple[int, str]]:
    order = _ORDERS[bytes(data[base : base + 2])]
    big = 43 in data[base + 2 : base + 4]
    place, seen = base + (8 if big else 4), 0
    yield place, order + ("Q" if big else "I")
    while seen < 4 and place + 8 <= len(data):
        at = base + struct.unpack_from(order + ("Q" if big else "I"), data, place)[0]
        if at == base or at + 8 > len(data):
            return
        count = min(64, struct.unpack_from(order + ("Q" if big else "H"), data, at)[0])
        yield at, f"{order}H"
        at += 8 if big else 2
        step = 20 if big else 12
        for entry in range(at, at + step * count, step):
            yield from ((entry, f"{order}H"), (entry + 2, f"{order}H"), (entry + 4, order + ("Q" if big else "I")))
            yield entry + step - (8 if big else 4), order + ("Q" if big else "I")
            yield entry + step - (8 if big else 4), f"{order}H"
        place, seen = at + step * count, seen + 1


# -- what may happen to it ---------------------------------------------------------------------------------------------


def _bits(data: bytearray, dice: random.Random, form: str, kin: tuple[bytes, ...]) -> tuple[bytes, str]:
    spots = [dice.randrange(len(data)) for _ in range(dice.choice((1, 2, 8, 64)))]
    for spot in spots:
        data[spot] ^= 1 << dice.randrange(8)
    return data, f"{len(spots)} bits flipped, first at {spots[0]}"


def _run(data: bytearray, dice: random.Random, form: str, kin: tuple[bytes, ...]) -> tuple[bytes, str]:
    start, size = dice.randrange(len(data)), dice.choice((1, 4, 16, 200, 1000))
    filling = dice.choice((bytes(size), b"\xff" * size, dice.randbytes(size)))
    end = start + (0 if dice.random() < 0.2 else size)
    return data[:start] + filling + data[end:], f"{size} bytes put at {start}"


def _cut(data: bytearray, dice: random.Random, form: str, kin: tuple[bytes, ...]) -> tuple[bytes, str]:
    end = dice.randrange(len(data))
    return data[:end], f"cut off at {end}"


def _gap(data: bytearray, dice: random.Random, form: str, kin: tuple[bytes, ...]) -> tuple[bytes, str]:
    start, size = dice.randrange(len(data)), dice.choice((1, 2, 10, 300))
    return data[:start] + data[start + size :], f"{size} bytes left out at {start}"


def _shuffle(data: bytearray, dice: random.Random, form: str, kin: tuple[bytes, ...]) -> tuple[bytes, str]:
    spans = pieces(data, form)
    parts = [bytes(data[start:end]) for start, end in spans]
    one, other = dice.randrange(len(parts)), dice.randrange(len(parts))
    what = dice.choice(("swapped", "doubled", "dropped", "taken"))
    if what == "swapped":
        parts[one], parts[other] = parts[other], parts[one]
    elif what == "doubled":
        parts.insert(other, parts[one] * dice.choice((1, 1, 50)))
    elif what == "dropped":
        del parts[one]
    else:
        stranger = dice.choice(kin)
        start, end = dice.choice(pieces(stranger, form))
        parts[one:one] = [stranger[start:end]]
    return b"".join(parts), f"pieces {one} and {other} {what}"


def _number(data: bytearray, dice: random.Random, form: str, kin: tuple[bytes, ...]) -> tuple[bytes, str]:
    if form == "PNM":
        return _word(data, dice)
    spots = places(data, form)
    if not spots:
        return data, "nothing"
    at, kind = dice.choice(spots)
    room = 1 << 8 * struct.calcsize(kind)
    (old,) = struct.unpack_from(kind, data, at)
    near = (old + 1, old - 1, old * 2, old * 256, dice.randrange(room))
    new = dice.choice((*near, *_TELLING)) % room
    struct.pack_into(kind, data, at, new)
    return data, f"number at {at} ({kind}) from {old} to {new}"


def _word(data: bytearray, dice: random.Random) -> tuple[bytes, str]:
    words = re.split(rb"(\s)", bytes(data[:40]))
    at = dice.randrange(len(words))
    words[at] = dice.choice(_WORDS)
    return b"".join(words) + bytes(data[40:]), f"word {at} to {words[at]!r}"


def _splice(data: bytearray, dice: random.Random, form: str, kin: tuple[bytes, ...]) -> tuple[bytes, str]:
    other = dice.choice(kin if dice.random() < 0.8 else seeds(dice.choice(FORMATS)))
    here, there = dice.randrange(len(data)), dice.randrange(len(other))
    return data[:here] + other[there:], f"spliced at {here} with another's {there}"


_CHANGES = (_bits, _bits, _run, _cut, _gap, _shuffle, _shuffle, _number, _number, _number, _splice)


def _mend_checksums(data: bytearray) -> None:
    for start, end in pieces(data, "PNG")[1:]:
        if end - start >= 12:
            struct.pack_into(">I", data, end - 4, zlib.crc32(data[start + 4 : end - 4]))
