"""Films as numbered pictures and as raw streams."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import films
import numpy as np
import pytest

if TYPE_CHECKING:
    from conftest import Invoke, Run

pytestmark = pytest.mark.usefixtures("tiny_by_default")


def sequence(folder: Path, count: int = 6, *, top: int = 65535) -> Path:
    folder.mkdir()
    for number in range(count):
        cv2.imwrite(str(folder / f"frame_{number + 98}.png"), films.moving(number, 64, 48, top=top))
    return folder


def raw(data: bytes) -> list[films.Codes]:
    """The frames of a raw film: luma, Cb and Cr."""
    with av.open(io.BytesIO(data), format="yuv4mpegpipe") as film:
        return [np.stack([films.plane(f, i).astype(int).mean() for i in range(3)]) for f in film.decode(video=0)]


def test_a_sequence_of_sixteen_bits(invoke: Invoke, tmp_path: Path) -> None:
    source, out = sequence(tmp_path / "frames"), tmp_path / "out"
    result = invoke("video", source, "-o", out, "--json")
    assert result.exit_code == 0, result.stderr
    record = json.loads(result.stdout)
    assert (record["frames"], record["shots"], record["warnings"]) == (6, [0], [])
    # In the order of their numbers, 98 to 103, not of their names.
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in source.iterdir())
    for path in out.iterdir():
        picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert picture.dtype == np.uint16 and picture.shape == (48, 64, 3)
        assert np.ptp(picture.astype(int), axis=2).mean() > 500
    again = invoke("video", source, "-o", out)
    assert again.exit_code == 5 and "exists already" in again.stderr


def test_a_sequence_frame_by_frame_is_its_photos(invoke: Invoke, tmp_path: Path) -> None:
    source = sequence(tmp_path / "frames", 3, top=255)
    assert invoke("video", source, "-o", tmp_path / "film", "--stabilize", "0").exit_code == 0
    assert invoke("folder", source, "-o", tmp_path / "photos").exit_code == 0
    for path in (tmp_path / "film").iterdir():
        assert path.read_bytes() == (tmp_path / "photos" / path.name).read_bytes()


def test_what_is_wrong_with_a_sequence(invoke: Invoke, tmp_path: Path) -> None:
    source = sequence(tmp_path / "frames")
    (source / "frame_100.png").write_bytes(b"no picture")
    cv2.imwrite(str(source / "frame_102.png"), films.moving(0, 32, 32))
    (source / "frame_99.png").unlink()
    (source / "notes.txt").write_text("by hand")
    result = invoke("video", source, "-o", tmp_path / "out", "--json")
    assert result.exit_code == 3
    assert "numbers are missing in the sequence: 99" in result.stderr and "2 of 5 pictures" in result.stderr
    assert json.loads(result.stdout)["frames"] == 3
    assert len(list((tmp_path / "out").iterdir())) == 3
    cv2.imwrite(str(source / "other_98.png"), films.moving(0, 64, 48))
    result = invoke("video", source, "-o", tmp_path / "out2")
    assert result.exit_code == 2 and "have one number" in result.stderr
    (tmp_path / "empty").mkdir()
    result = invoke("video", tmp_path / "empty")
    assert result.exit_code == 5 and "no numbered pictures" in result.stderr
    result = invoke("video", source, "--codec", "h264")
    assert result.exit_code == 2 and "--codec is for films" in result.stderr


def test_raw_in_and_out(process: Run, tmp_path: Path, tiny_model: Path) -> None:
    data = films.y4m(5)
    done = process("video", "-", "-o", "-", "-q", stdin=data, COLORCLI_MODEL=str(tiny_model))
    assert done.returncode == 0, done.stderr
    before, after = raw(data), raw(done.stdout)
    assert len(after) == 5
    assert [planes[0] for planes in after] == [planes[0] for planes in before]  # mean luma, of equal frames equal
    assert all(np.abs(planes[1:] - 128).max() > 1 for planes in after)
    # The same into a file, and from it into a pipe.
    out = tmp_path / "out.mkv"
    done = process("video", "-", "-o", out, "--codec", "ffv1", stdin=data, COLORCLI_MODEL=str(tiny_model))
    assert done.returncode == 0, done.stderr
    assert len(films.decoded(out)) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["out.mkv"]


def test_raw_mistakes(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("video", "-", stdin=b"no film")
    assert result.exit_code == 5 and "not a video that can be read" in result.stderr
    result = invoke("video", "-", "--json", stdin=films.y4m())
    assert result.exit_code == 2 and "cannot share standard output" in result.stderr
    cut = films.y4m(5)[:-1000]
    out = tmp_path / "out.mkv"
    result = invoke("video", "-", "-o", out, stdin=cut)
    assert result.exit_code == 0 and len(films.decoded(out)) >= 4
