from __future__ import annotations

import pytest

from colorcli.errors import MediaError
from colorcli.media.formats import FORMATS, RAW_SUFFIXES, READ_SUFFIXES, SUFFIXES, output_format, output_suffix


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_suffix_names_a_format(suffix) -> None:
    assert output_format(f"a/b{suffix.upper()}") in FORMATS
    assert suffix in READ_SUFFIXES


def test_raw_can_be_read_and_not_written() -> None:
    assert RAW_SUFFIXES <= READ_SUFFIXES
    assert not RAW_SUFFIXES & set(SUFFIXES)
    with pytest.raises(MediaError, match=r"cannot write \.dng") as caught:
        output_format("a.dng")
    assert "did you mean" not in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("name", "says", "hint"),
    [
        ("a.jpgg", "cannot write .jpgg files: a.jpgg", "did you mean .jpg?"),
        ("a.gif", "cannot write .gif files", "use one of .jpg, .png"),
        ("a", "no suffix", "use one of"),
        ("a.pgm", "cannot hold colour", ".ppm"),
        ("a.\udce9", "cannot write", "use one of"),
    ],
)
def test_other_suffixes(name, says, hint) -> None:
    with pytest.raises(MediaError) as caught:
        output_format(name)
    assert says in caught.value.message
    assert hint in (caught.value.hint or "")
    caught.value.message.encode()


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("a.JPG", ".JPG"),
        ("a.pgm", ".ppm"),
        ("a.heic", ".heic"),
        ("a.CR2", ".tif"),
        ("a.dng", ".tif"),
        ("a", ".png"),
        ("a.tiff", ".tiff"),
    ],
)
def test_suffix_of_a_colour_version(name, suffix) -> None:
    assert output_suffix(name) == suffix
    output_format(f"x{output_suffix(name)}")
