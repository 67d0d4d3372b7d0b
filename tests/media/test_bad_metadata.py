"""Broken metadata never cost the picture: it is read, the loss is told, and it can be written again."""

from __future__ import annotations

import io

import numpy as np
import pytest
from bad_metadata import CASES, pixels_of

from colorcli.media.photo import read, write

_FORMS = {b"\xff\xd8": "JPEG", b"\x89P": "PNG", b"RI": "WEBP", b"II": "TIFF"}


@pytest.mark.parametrize("case", CASES)
def test_the_picture_is_read(case, capfd) -> None:
    make, told = CASES[case]
    content = make()
    photo = read(io.BytesIO(content))
    np.testing.assert_array_equal(photo.pixels, pixels_of(case, content))
    assert bool(photo.warnings) == told, photo.warnings
    assert not [note for note in photo.warnings if "\n" in note or note.endswith(".")]
    again = io.BytesIO()
    write(photo, again, format=_FORMS[content[:2]])
    assert read(again).pixels.shape == photo.pixels.shape
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("case", ["XMP, entity of a file", "XMP, a billion laughs"])
def test_no_entity_is_followed(case) -> None:
    photo = read(io.BytesIO(CASES[case][0]()))
    assert b"root:" not in (photo.metadata.xmp or b"")
    assert len(photo.metadata.xmp or b"") < 10_000


def test_what_is_sound_beside_the_damaged_is_kept() -> None:
    from bad_files import chunk, sound

    content = sound("PNG")
    title = chunk(b"tEXt", b"Title\0a title")
    damaged = bytearray(chunk(b"tEXt", b"Author\0nobody"))
    damaged[-1] ^= 1
    photo = read(io.BytesIO(content[:33] + title + bytes(damaged) + content[33:]))
    assert photo.metadata.text == {"Title": "a title"}
    assert photo.warnings == ["a tEXt chunk of the PNG is left out: its checksum is wrong"]


def test_sound_segments_of_a_jpeg_are_kept_beside_damaged_ones() -> None:
    from bad_files import jpeg_with

    content = jpeg_with(CASES["JFIF of no length"][0](), 0xFE, b"a comment")
    photo = read(io.BytesIO(content))
    assert photo.metadata.comment == b"a comment"
    assert photo.warnings == ["damaged segments of the JPEG are left out"]
