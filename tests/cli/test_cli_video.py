from __future__ import annotations

import errno
import json
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import films
import numpy as np
import pytest
from skimage import data

from colorcli.engine.clip import segments
from colorcli.media.video import spool

if TYPE_CHECKING:
    from conftest import Invoke
    from typer.testing import Result

pytestmark = pytest.mark.usefixtures("tiny_by_default")

VFR = [0, 40, 80, 153, 193, 300, 340, 341, 380, 500, 540, 580]


def chroma(path: Path) -> float:
    """Mean distance of a film's chroma from gray, in codes of 8 bits."""
    with av.open(str(path)) as film:
        found = []
        for frame in film.decode(video=0):
            bits = frame.format.components[0].bits
            parts = [films.plane(frame, index).astype(np.float64) for index in (1, 2)]
            found.append(np.mean([np.abs(part / (1 << bits - 8) - 128).mean() for part in parts]))
    return float(np.mean(found))


def ran(result: Result) -> Result:
    assert result.exit_code == 0, result.stderr
    return result


def test_all_but_the_colours_stays(invoke: Invoke, tmp_path: Path) -> None:
    source = films.make(
        tmp_path / "reel.mkv", pts=VFR, time_base=Fraction(1, 1000), codec="ffv1", audio="flac", subtitles="subrip",
        chapters=True, attachment=b"font" * 50, metadata={"title": "Reel", "COMMENT": "From the attic"},
    )  # fmt: skip
    out = tmp_path / "out.mkv"
    result = ran(invoke("video", source, "-o", out, "--codec", "ffv1", "--json"))

    before, after = films.decoded(source), films.decoded(out)
    assert [time for time, _ in after] == [time for time, _ in before]
    assert all(np.array_equal(old, new) for (_, old), (_, new) in zip(before, after, strict=True))
    assert chroma(out) > 2
    for kind in ("audio", "subtitle"):
        assert films.packets(out, kind) == films.packets(source, kind) != []
    with av.open(str(source)) as old, av.open(str(out)) as new:
        assert [c["metadata"] | {"at": c["start"] * c["time_base"]} for c in new.chapters()] == [
            c["metadata"] | {"at": c["start"] * c["time_base"]} for c in old.chapters()
        ]
        assert [s.type for s in new.streams] == [s.type for s in old.streams]
        assert [s.language for s in new.streams] == [s.language for s in old.streams]
        assert new.streams.attachments[0].data == old.streams.attachments[0].data
        assert new.metadata["title"] == "Reel"
        assert new.metadata["COMMENT"].startswith("From the attic\nColours by colorcli")
    record = json.loads(result.stdout)
    assert record["status"] == "done" and record["frames"] == 12 and record["warnings"] == []
    assert record["film"]["streams"][1] == {"index": 1, "type": "audio", "codec": "flac", "language": "deu"}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_where_there_are_no_time_stamps_the_order_stays(invoke: Invoke, tmp_path: Path) -> None:
    source = films.make(tmp_path / "reel.mkv", pts=VFR, time_base=Fraction(1, 1000), codec="ffv1")
    result = ran(invoke("video", source, "-o", tmp_path / "out.avi", "--crf", "4"))
    assert "AVI keeps no time stamps" in result.stderr
    before = [luma.astype(float) for _, luma in films.decoded(source)]
    after = [luma.astype(float) for _, luma in films.decoded(tmp_path / "out.avi")]
    nearest = [int(np.argmin([np.abs(old - new).mean() for old in before])) for new in after]
    assert nearest == list(range(len(VFR)))


@pytest.mark.parametrize(
    ("suffix", "codec", "pix_fmt", "audio"),
    [
        (".mp4", "h264", "yuv420p", "aac"),
        (".mov", "prores", "yuv422p10le", "pcm_s16le"),
        (".webm", "vp9", "yuv420p", "libopus"),
        (".mkv", "hevc", "yuv420p10le", "aac"),
        (".mp4", "av1", "yuv420p10le", "aac"),
    ],
)
def test_codecs(invoke: Invoke, tmp_path: Path, suffix: str, codec: str, pix_fmt: str, audio: str) -> None:
    deep = "10" in pix_fmt
    source = films.make(
        tmp_path / f"in{'.mkv' if suffix == '.webm' else suffix}", codec="libx264", audio=audio, size=(96, 64),
        pix_fmt="yuv420p10le" if deep and codec != "prores" else "yuv420p", options={"crf": "4"},
    )  # fmt: skip
    out = tmp_path / f"out{suffix}"
    arguments = [] if codec in ("h264", "vp9") else ["--codec", codec]
    ran(invoke("video", source, "-o", out, *arguments))
    before, after = films.decoded(source), films.decoded(out)
    assert [time - after[0][0] for time, _ in after] == pytest.approx([time - before[0][0] for time, _ in before])
    with av.open(str(out)) as film:
        assert film.streams.video[0].codec_context.pix_fmt == pix_fmt
    scale = 1 << (2 if codec == "prores" else 0)
    error = np.mean([np.square(new / scale - old).mean() for (_, old), (_, new) in zip(before, after, strict=True)])
    top = 1023 if deep and codec != "prores" else 255
    assert 10 * np.log10(top**2 / error) > 33
    assert chroma(out) > 2
    sound = [data for _, data in films.packets(source, "audio")]
    assert [data for _, data in films.packets(out, "audio")] == sound != []


def test_what_the_stream_says_about_its_samples_goes_out_again(invoke: Invoke, tmp_path: Path) -> None:
    marks = {"colorspace": 1, "color_primaries": 1, "color_trc": 1, "color_range": 2}
    source = films.make(
        tmp_path / "in.mp4", context={**marks, "sample_aspect_ratio": Fraction(16, 11)}, matrix=films.TURNED,
        size=(96, 64), metadata={"title": "T", "com.example.reel": "17"},
    )  # fmt: skip
    out = tmp_path / "out.mp4"
    ran(invoke("video", source, "-o", out, "--no-provenance"))
    with av.open(str(source)) as old, av.open(str(out)) as new:
        frames = next(old.decode(video=0)), next(new.decode(video=0))
        assert frames[1].rotation == frames[0].rotation != 0
        for name, code in marks.items():
            assert getattr(frames[1], name) == code
        assert new.streams.video[0].sample_aspect_ratio == Fraction(16, 11)
        assert "comment" not in new.metadata and new.metadata["title"] == "T"


def test_gray_of_full_range_and_of_sixteen_bits(invoke: Invoke, tmp_path: Path) -> None:
    for pix_fmt, wanted in (("gray", "yuv444p"), ("gray16le", "yuv444p16le")):
        source = films.make(tmp_path / f"{pix_fmt}.mkv", codec="ffv1", pix_fmt=pix_fmt, frames=3)
        out = tmp_path / f"{pix_fmt}-out.mkv"
        ran(invoke("video", source, "-o", out, "--codec", "ffv1"))
        before, after = films.decoded(source), films.decoded(out)
        assert all(np.array_equal(old, new) for (_, old), (_, new) in zip(before, after, strict=True))
        with av.open(str(out)) as film:
            assert film.streams.video[0].codec_context.pix_fmt == wanted
            assert next(film.decode(video=0)).color_range == 2


def test_part(invoke: Invoke, tmp_path: Path) -> None:
    source = films.make(tmp_path / "in.mkv", frames=50, audio="flac", codec="ffv1")
    out = tmp_path / "part.mkv"
    ran(invoke("video", source, "-o", out, "--start", "0.4", "--end", "0:01.2", "--codec", "ffv1"))
    before, after = films.decoded(source)[10:30], films.decoded(out)
    assert len(after) == 20
    assert all(np.array_equal(old, new) for (_, old), (_, new) in zip(before, after, strict=True))
    assert after[0][0] == 0
    sound = [(time - Fraction(2, 5), data) for time, data in films.packets(source, "audio")]
    kept = films.packets(out, "audio")
    assert [data for _, data in kept] == [data for time, data in sound if 0 <= time < Fraction(4, 5)]
    ran(invoke("video", source, "-o", out, "--preview", "200ms", "--overwrite"))
    assert len(films.decoded(out)) == 5


def test_comparisons(invoke: Invoke, tmp_path: Path) -> None:
    source = films.make(tmp_path / "in.mkv", frames=3, codec="ffv1")
    sizes = {}
    for kind in ("side", "split"):
        out = tmp_path / f"{kind}.mkv"
        ran(invoke("video", source, "-o", out, "--compare", kind, "--codec", "ffv1"))
        with av.open(str(out)) as film:
            frame = next(film.decode(video=0))
            sizes[kind] = frame.width
            left, right = np.hsplit(films.plane(frame, 1).astype(int), 2)
        assert np.abs(left - 128).max() == 0 and np.abs(right - 128).mean() > 1
    assert sizes == {"side": 128, "split": 64}


def test_dry_run_tells_streams_plan_and_estimate(invoke: Invoke, tmp_path: Path) -> None:
    source = films.make(tmp_path / "in.mp4", audio="aac")
    result = ran(invoke("video", source, "-n", "--json"))
    record = json.loads(result.stdout)
    assert record["status"] == "planned" and record["encoder"] == "libx264" and record["frames"] == 12
    assert record["rate"] > 0 and record["seconds"] > 0
    assert [stream["type"] for stream in record["film"]["streams"]] == ["video", "audio"]
    assert record["output"] == str(tmp_path / "in_color.mp4") and not (tmp_path / "in_color.mp4").exists()
    text = ran(invoke("video", source, "-n")).stdout
    assert "stream 1: audio (aac" in text and "libx264" in text


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--codec", "h264", "-o", "x.webm"], 2, "h264 does not go into .webm"),
        (["--codec", "prores", "--crf", "20"], 2, "prores has no constant rate factor"),
        (["--crf", "60"], 2, "crf 60 is out of range"),
        (["--pix-fmt", "bgr0"], 2, "cannot be written in 'bgr0'"),
        (["--codec", "h265"], 2, "unknown codec 'h265'"),
        (["-o", "x.jpg"], 5, "no video container has the suffix '.jpg'"),
        (["--start", "soon"], 2, "not a time: 'soon'"),
        (["--start", "10", "--end", "5"], 2, "does not come after"),
        (["--preview", "5", "--end", "5"], 2, "exclude each other"),
        (["-o", "nowhere/x.mp4"], 5, "no such folder"),
    ],
)
def test_mistakes(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, sentence: str
) -> None:
    source = films.make(tmp_path / "in.mp4", frames=2)
    monkeypatch.chdir(tmp_path)
    result = invoke("video", source, *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert sentence in result.stderr and "hint:" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4"]


def test_an_output_that_exists_is_kept(invoke: Invoke, tmp_path: Path) -> None:
    source, out = films.make(tmp_path / "in.mp4", frames=2), tmp_path / "out.mp4"
    out.write_bytes(b"mine")
    result = invoke("video", source, "-o", out)
    assert result.exit_code == 5 and "exists already" in result.stderr and out.read_bytes() == b"mine"
    ran(invoke("video", source, "-o", out, "--overwrite"))
    assert len(films.decoded(out)) == 2


def test_what_the_container_cannot_hold_is_told(invoke: Invoke, tmp_path: Path) -> None:
    source = films.make(tmp_path / "in.mkv", frames=3, subtitles="subrip", audio="aac")
    result = ran(invoke("video", source, "-o", tmp_path / "out.mp4"))
    assert "stream 2 is lost: mp4 does not hold subtitle (" in result.stderr
    assert films.packets(tmp_path / "out.mp4", "audio") != []


def test_odd_sizes_keep_them(invoke: Invoke, tmp_path: Path) -> None:
    source = films.make(tmp_path / "in.mkv", frames=3, size=(65, 47), codec="ffv1")
    for codec in ("h264", "vp9", "ffv1"):
        out = tmp_path / f"{codec}.mkv"
        result = ran(invoke("video", source, "-o", out, "--codec", codec))
        assert films.decoded(out)[0][1].shape == (47, 65)
        assert ("4:4:4" in result.stderr) == (codec == "h264")


def test_a_film_on_its_side_is_seen_upright(invoke: Invoke, tmp_path: Path) -> None:
    # The network's answer for a film that is stored on its side is that for the upright film, laid on its side.
    upright = films.make(tmp_path / "up.mkv", frames=2, size=(64, 96), codec="ffv1", pix_fmt="yuv444p")

    def lying(number: int, width: int, height: int) -> films.Codes:
        return np.rot90(films.moving(number, height, width), -1)

    stored = films.make(
        tmp_path / "lying.mov", frames=2, size=(96, 64), codec="libx264", pix_fmt="yuv444p", picture=lying,
        matrix=(0, -65536, 0, 65536, 0, 0, 0, 0, 1 << 30), options={"qp": "0"},
    )  # fmt: skip
    planes = []
    for source in (upright, stored):
        out = tmp_path / f"{source.stem}-out.mkv"
        ran(invoke("video", source, "-o", out, "--codec", "ffv1", "--pix-fmt", "yuv444p"))
        with av.open(str(out)) as film:
            frame = next(film.decode(video=0))
            planes.append(np.stack([films.plane(frame, index) for index in (0, 1, 2)]).astype(int))
    turned = np.rot90(planes[1], 1, (1, 2))
    assert np.array_equal(turned[0], planes[0][0])
    assert np.abs(turned[1:] - planes[0][1:]).mean() < 1 < np.abs(planes[0][1:] - 128).mean()


def test_a_list_of_shots_is_taken_and_what_is_wrong_with_it_is_told(invoke: Invoke, tmp_path: Path) -> None:
    source, shots = films.make(tmp_path / "in.mkv", codec="ffv1"), tmp_path / "shots.json"
    shots.write_text('{"shots": [{"start": 0}, {"start": 5}]}')
    result = ran(invoke("video", source, "-o", tmp_path / "out.mkv", "--shots", shots, "--json"))
    assert json.loads(result.stdout)["shots"] == [0, 5]
    shots.write_text('{"shots": [{"start": 3}]}')
    result = invoke("video", source, "-o", tmp_path / "out2.mkv", "--shots", shots)
    assert result.exit_code == 2
    assert "the first shot must start at frame 0" in result.stderr
    assert not (tmp_path / "out2.mkv").exists()


def test_numbers_of_the_steadying_are_checked(invoke: Invoke, tmp_path: Path) -> None:
    source = films.make(tmp_path / "in.mkv", codec="ffv1", frames=2)
    for arguments in (("--stabilize", "2"), ("--every", "0"), ("--cut", "-1"), ("--look-ahead", "500")):
        result = invoke("video", source, "-o", tmp_path / "out.mkv", *arguments)
        assert result.exit_code == 2, arguments
        assert "out of range" in result.stderr


def two_shots(path: Path) -> Path:
    """A film of 16 frames: a photograph, and from frame 8 on another."""
    pictures = [cv2.resize(data.astronaut(), (160, 96)), cv2.resize(data.coffee(), (160, 96))]
    with av.open(str(path), "w") as film:
        stream = film.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "gray"
        for number in range(16):
            gray = cv2.cvtColor(pictures[number // 8], cv2.COLOR_RGB2GRAY)
            frame = av.VideoFrame.from_ndarray(gray, format="gray")
            frame.pts = number
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    return path


def test_shots_and_stills_go_out_and_come_back(invoke: Invoke, tmp_path: Path) -> None:
    source, shots, stills = two_shots(tmp_path / "in.mkv"), tmp_path / "shots.json", tmp_path / "stills"
    result = ran(invoke("video", source, "--export-shots", shots, "--export-keyframes", stills, "--json"))
    assert [shot["start"] for shot in json.loads(result.stdout)["shots"]] == [0, 8]
    assert [shot["start"] for shot in json.loads(shots.read_text())["shots"]] == [0, 8]
    assert sorted(path.name for path in stills.iterdir()) == ["frame_000007.png", "frame_000015.png"]
    assert not (tmp_path / "in_color.mkv").exists()

    still = cv2.imread(str(stills / "frame_000015.png"))
    assert still.shape == (96, 160, 3)
    assert np.array_equal(still[..., 0], still[..., 2])
    assert np.abs(still[..., 0].astype(int) - films.decoded(source)[15][1].reshape(96, 160)).max() <= 1
    still[..., 0] //= 3  # BGR: yellow
    cv2.imwrite(str(stills / "frame_000015.png"), still)

    out = tmp_path / "out.mkv"
    result = ran(
        invoke(
            "video", source, "-o", out, "--shots", shots, "--keyframes", stills, "--codec", "ffv1", "--strength", "0.5"
        )
    )
    assert "frame_000007.png is gray and says nothing" in result.stderr
    with av.open(str(out)) as film:
        blue = [films.plane(frame, 1).astype(float).mean() for frame in film.decode(video=0)]
    assert max(blue[8:]) < 110  # yellow, forwards and backwards, at full strength


def test_exports_make_no_film(invoke: Invoke, tmp_path: Path) -> None:
    source = two_shots(tmp_path / "in.mkv")
    result = invoke("video", source, "-o", tmp_path / "out.mkv", "--export-shots", tmp_path / "s.json")
    assert result.exit_code == 2 and "make no film" in result.stderr
    for other in (tmp_path, "-"):
        result = invoke("video", other, "--export-shots", tmp_path / "s.json")
        assert result.exit_code == 2 and "films in files" in result.stderr
    (tmp_path / "s.json").write_text("mine")
    result = invoke("video", source, "--export-shots", tmp_path / "s.json")
    assert result.exit_code == 5 and (tmp_path / "s.json").read_text() == "mine"
    result = invoke("video", source, "-o", tmp_path / "out.mkv", "--keyframes", tmp_path / "none")
    assert result.exit_code == 5 and not (tmp_path / "out.mkv").exists()


def test_a_folder_takes_its_films_along(invoke: Invoke, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "reels").mkdir()
    films.make(tmp_path / "reels" / "one.mp4", frames=3, audio="aac")
    (tmp_path / "reels" / "bad.mkv").write_bytes(b"no film")
    out = tmp_path.with_name(f"{tmp_path.name}-out")
    result = invoke("folder", tmp_path, "-o", out, "--json")
    assert result.exit_code == 3 and "1 of 2 films failed" in result.stderr and "bad.mkv" in result.stderr
    told = {Path(r["input"]).name: r["status"] for r in map(json.loads, result.stdout.splitlines())}
    assert told == {photo.name: "done", "one.mp4": "done", "bad.mkv": "failed"}
    assert len(films.decoded(out / "reels" / "one.mp4")) == 3 and (out / photo.name).exists()
    (tmp_path / "reels" / "bad.mkv").unlink()
    again = invoke("folder", tmp_path, "-o", out, "--json")
    assert again.exit_code == 0, again.stderr
    assert {json.loads(line)["status"] for line in again.stdout.splitlines()} == {"skipped"}
    dry = invoke("folder", tmp_path, "-o", out.with_name("other"), "-n")
    assert "one.mp4" in dry.stdout and not out.with_name("other").exists()


def test_deinterlacing_makes_whole_pictures(invoke: Invoke, tmp_path: Path) -> None:
    def combed(number: int, width: int, height: int) -> films.Codes:
        both = films.moving(number, width, height), films.moving(number + 3, width, height)
        rows = np.arange(height)[:, None] % 2
        return np.where(rows, both[1], both[0])

    source = films.make(
        tmp_path / "in.mpg", codec="mpeg2video", picture=combed, frames=8, size=(64, 48),
        context={"flags": 1 << 18 | 1 << 29, "field_order": 2}, options={"b": "4M"},
    )  # fmt: skip
    told = {}
    for option in ([], ["--deinterlace"]):
        out = tmp_path / f"out{len(option)}.mkv"
        result = ran(invoke("video", source, "-o", out, "--codec", "ffv1", *option))
        told[len(option)] = result.stderr
        luma = np.stack([gray for _, gray in films.decoded(out)]).astype(int)
        assert len(luma) == len(films.decoded(source))
        told[f"comb {len(option)}"] = np.abs(luma[:, 1:-1] * 2 - luma[:, :-2] - luma[:, 2:]).mean()
    assert "field first); --deinterlace makes whole pictures" in told[0] and "interlaced" not in told[1]
    assert told["comb 1"] < 0.6 * told["comb 0"]


def test_a_full_disk_stops_the_work_and_the_same_command_goes_on(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = films.make(tmp_path / "in.mkv", codec="ffv1", frames=10), tmp_path / "out.mkv"
    monkeypatch.setattr(segments, "SHORTEST", 4)
    monkeypatch.setattr(segments, "LONGEST", 4)
    put, count = spool.put, 0

    def full(*arguments: object) -> None:
        nonlocal count
        count += 1
        if count > 6:
            raise OSError(errno.ENOSPC, "No space left on device")
        put(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(spool, "put", full)
    result = invoke("video", source, "-o", out)
    assert result.exit_code == 5 and "no space left on the disk" in result.stderr
    assert "goes on from frame 4" in result.stderr and not out.exists()
    monkeypatch.setattr(spool, "put", put)
    ran(invoke("video", source, "-o", out))
    assert len(films.decoded(out)) == 10
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv", "out.mkv"]
