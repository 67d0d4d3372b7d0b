"""Multi-page TIFFs, written page by page and read by tifffile, Pillow and ourselves."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from colorcli.errors import MediaError
from colorcli.media import pages
from colorcli.media.pages import Pages
from colorcli.media.photo import Metadata, Photo, read, write

_XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="box 12"/>'
    b"</rdf:RDF></x:xmpmeta>"
)


def _exif(text: str) -> bytes:
    block = Image.Exif()
    block[270] = text
    block.get_ifd(0x8769)[0x9003] = "1931:05:12 10:00:00"
    block.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0)})
    return block.tobytes().removeprefix(b"Exif\0\0")


@pytest.fixture
def photos(rgb, gray, deepen, srgb_profile) -> list[Photo]:
    return [
        Photo(rgb, metadata=Metadata(exif=_exif("the first page"), icc=srgb_profile, dpi=(600, 600))),
        Photo(deepen(gray)),
        Photo(deepen(rgb)[:33, :21], deepen(gray)[:33, :21], metadata=Metadata(exif=_exif("3"), xmp=_XMP)),
        Photo(np.tile(rgb, (9, 9, 1)), metadata=Metadata(exif=_exif("the last page, of many strips"))),
    ]


def test_pages_come_back(photos, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with Pages(path) as out:
        for number, photo in enumerate(photos):
            assert out.add(photo) == [], number
            assert not path.exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.tif"]
    with tifffile.TiffFile(path) as file:
        assert len(file.pages) == 4
    for number, photo in enumerate(photos):
        found = read(path, page=number)
        assert (found.page, found.pages) == (number, 4)
        assert found.warnings == []
        np.testing.assert_array_equal(found.pixels, photo.pixels)
        np.testing.assert_array_equal(
            found.pixels, tifffile.imread(path, key=number)[..., : 3 if photo.pixels.ndim == 3 else None]
        )
        assert (found.alpha is None) == (photo.alpha is None)
        if photo.alpha is not None:
            np.testing.assert_array_equal(found.alpha, photo.alpha)
        single = io.BytesIO()
        write(photo, single, format="TIFF")
        assert found.metadata == read(single).metadata  # all of it, as in a file of its own


def test_other_programs_see_the_metadata(photos, tmp_path: Path) -> None:
    with Pages(tmp_path / "a.tif") as out:
        for photo in photos:
            out.add(photo)
    with Image.open(tmp_path / "a.tif") as image:
        assert image.n_frames == 4
        for number, text in ((0, "the first page"), (2, "3"), (3, "the last page, of many strips")):
            image.seek(number)
            exif = image.getexif()
            assert exif[270] == text
            assert exif.get_ifd(0x8769)[0x9003] == "1931:05:12 10:00:00"
            assert exif.get_ifd(0x8825)[2] == (52.0, 31.0, 12.0)
        image.seek(3)
        np.testing.assert_array_equal(np.asarray(image), photos[3].pixels)


def test_a_pipe_gets_the_same_bytes(photos, tmp_path: Path) -> None:
    with Pages(tmp_path / "a.tif") as out:
        for photo in photos:
            out.add(photo)
    there, here = os.pipe()
    found = list[bytes]()

    def drain() -> None:
        with os.fdopen(there, "rb") as end:
            found.append(end.read())

    thread = threading.Thread(target=drain)
    thread.start()
    with os.fdopen(here, "wb") as end, Pages(end) as out:
        for photo in photos:
            out.add(photo)
    thread.join()
    assert found[0] == (tmp_path / "a.tif").read_bytes()


def test_one_page_is_the_file_that_write_makes(photos) -> None:
    for photo in photos:
        one, other = io.BytesIO(), io.BytesIO()
        with Pages(one) as out:
            out.add(photo)
        write(photo, other, format="TIFF")
        assert one.getvalue().rstrip(b"\0") == other.getvalue().rstrip(b"\0")


def test_nothing_is_left_when_a_page_fails(photos, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(b"precious")
    with pytest.raises(RuntimeError, match="in the middle"), Pages(path, overwrite=True) as out:
        out.add(photos[0])
        raise RuntimeError("in the middle")
    assert path.read_bytes() == b"precious"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.tif"]


def test_without_a_block(photos, tmp_path: Path) -> None:
    first, second = Pages(tmp_path / "a.tif"), Pages(tmp_path / "b.tif")
    first.add(photos[0])
    second.add(photos[1])
    first.commit()
    second.abort()
    second.abort()  # once more does no harm
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.tif"]


def test_no_pages(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no pages"):
        Pages(tmp_path / "a.tif").commit()
    assert list(tmp_path.iterdir()) == []


def test_only_tiff_holds_pages(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="only TIFF holds several pages") as caught:
        Pages(tmp_path / "a.jpg")
    assert ".tif" in (caught.value.hint or "")
    (tmp_path / "a.tif").touch()
    with pytest.raises(MediaError, match="exists already"):
        Pages(tmp_path / "a.tif")


def test_more_than_four_gigabytes_are_refused(photos, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(pages, "_MOST", 60_000)
    with pytest.raises(MediaError, match="4 GB") as caught, Pages(tmp_path / "a.tif") as out:
        for _ in range(10):
            out.add(photos[0])
    assert out.count >= 1
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told(photos, tmp_path: Path) -> None:
    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(MediaError, match="no space left"), Pages(Full()) as out:
        for photo in photos:
            out.add(photo)


def test_times_and_a_last_look(photos, tmp_path: Path) -> None:
    seen = list[bytes]()
    before = (1_000_000_000_000_000_000, 900_000_000_000_000_000)
    path = tmp_path / "a.tif"
    with Pages(path, times=before, before_rename=lambda part: seen.append(part.read_bytes())) as out:
        out.add(photos[0])
        out.add(photos[1])
    assert path.stat().st_mtime_ns == before[1]
    assert seen == [path.read_bytes()]


def test_profile_of_each_page(rgb, wide_profile, tmp_path: Path) -> None:
    source = io.BytesIO()
    tifffile.imwrite(source, rgb, photometric="rgb", iccprofile=wide_profile)
    with Pages(tmp_path / "a.tif", profile="keep") as out:
        out.add(read(source))
        out.add(Photo(rgb))
    assert read(tmp_path / "a.tif").source_icc == wide_profile
    assert read(tmp_path / "a.tif", page=1).source_icc is None
