"""Films that are damaged, empty, odd or no films at all, and what is to become of each."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import films
import numpy as np

Make = Callable[[Path], Path]


@dataclass(frozen=True)
class Case:
    """A film, and what is to become of it.

    Attributes:
        make: writes it into a folder.
        code: the exit status.
        says: parts of the sentences on stderr.
        frames: how many the output has; None if there is to be none.
        least: at least so many, where a decoder's mood decides.
    """

    make: Make
    code: int = 0
    says: tuple[str, ...] = ()
    frames: int | None = None
    least: int | None = None


def _written(name: str, data: bytes) -> Make:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(data)
        return path

    return make


def _film(name: str, **how: Any) -> Make:
    return lambda folder: films.make(folder / name, **how)


def _cut_off(name: str, share: float, **how: Any) -> Make:
    def make(folder: Path) -> Path:
        path = films.make(folder / name, **how)
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
        return path

    return make


def _overwritten(name: str, first: float, last: float, **how: Any) -> Make:
    """With noise from one share of the file to another."""

    def make(folder: Path) -> Path:
        path = films.make(folder / name, **how)
        data = bytearray(path.read_bytes())
        span = slice(int(len(data) * first), int(len(data) * last))
        data[span] = np.random.default_rng(0).bytes(span.stop - span.start)
        path.write_bytes(data)
        return path

    return make


def _patched(name: str, old: bytes, new: bytes, **how: Any) -> Make:
    def make(folder: Path) -> Path:
        path = films.make(folder / name, **how)
        data = path.read_bytes()
        assert data.count(old) >= 1
        path.write_bytes(data.replace(old, new))
        return path

    return make


def _joined(name: str, *parts: dict[str, Any]) -> Make:
    """Transport streams, one after the other."""

    def make(folder: Path) -> Path:
        data = b"".join(films.make(folder / f"part{i}.ts", **part).read_bytes() for i, part in enumerate(parts))
        for i in range(len(parts)):
            (folder / f"part{i}.ts").unlink()
        path = folder / name
        path.write_bytes(data)
        return path

    return make


def _raw_packets(name: str, pts: list[int]) -> Make:
    """Packets whose time stamps are written as they are, out of order too."""

    def make(folder: Path) -> Path:
        source = films.make(folder / "raw.mkv", frames=len(pts), codec="mjpeg", pix_fmt="yuvj420p")
        path = folder / name
        with av.open(str(source)) as given, av.open(str(path), "w") as out:
            stream = out.add_stream_from_template(given.streams.video[0], opaque=True)
            for number, packet in enumerate(p for p in given.demux(video=0) if p.size):
                packet.stream = stream
                packet.pts, packet.dts = pts[number], number
                packet.time_base = Fraction(1, 1000)
                out.mux(packet)
        source.unlink()
        return path

    return make


def _sound_only(folder: Path) -> Path:
    source = films.make(folder / "both.mkv", audio="flac")
    path = folder / "sound.mkv"
    with av.open(str(source)) as given, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(given.streams.audio[0], opaque=True)
        for packet in given.demux(audio=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    source.unlink()
    return path


def _no_frames(folder: Path) -> Path:
    path = folder / "none.mkv"
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("ffv1", rate=25)
        stream.width, stream.height = 64, 48
        out.start_encoding()
    return path


def _two_pictures(folder: Path) -> Path:
    path = folder / "two.mkv"
    with av.open(str(path), "w") as out:
        streams: list[Any] = [out.add_stream("ffv1", rate=25) for _ in range(2)]
        for stream, (width, height) in zip(streams, ((64, 48), (32, 32)), strict=True):
            stream.width, stream.height = width, height
        for number in range(4):
            for stream in streams:
                frame = films.frame_of(films.moving(number, stream.width, stream.height), "yuv420p")
                frame.pts, frame.time_base = number, Fraction(1, 25)
                out.mux(stream.encode(frame))
        for stream in streams:
            out.mux(stream.encode(None))
    return path


def _pipe(folder: Path) -> Path:
    path = folder / "pipe.mp4"
    os.mkfifo(path)
    return path


def _jpeg(folder: Path) -> Path:
    path = folder / "picture.mp4"
    path.write_bytes(cv2.imencode(".jpg", films.moving(0, 64, 48))[1].tobytes())
    return path


_TIMES = ("time stamps were missing",)
_LETTER = b"Dear Sir, the reel is in the post.\n" * 50
_NOISE = np.random.default_rng(3).bytes(5000)
BAD: dict[str, Case] = {
    "missing": Case(lambda folder: folder / "missing.mp4", 5, ("no such file",)),
    "a folder": Case(lambda folder: folder, 5, ("no numbered pictures in it",)),
    "a pipe": Case(_pipe, 5, ("not a regular file",)),
    "empty": Case(_written("empty.mp4", b""), 5, ("the file is empty",)),
    "text": Case(_written("text.mp4", _LETTER), 5, ("not a video that can be read",)),
    "noise": Case(_written("noise.mkv", _NOISE), 5, ("not a video that can be read",)),
    "index cut off": Case(_cut_off("cut.mp4", 0.6, frames=30), 5, ("not a video that can be read", "index")),
    "cut off": Case(_cut_off("cut.mkv", 0.5, frames=40, codec="ffv1"), 0, ("ends early",), least=15),
    "cut off in the header": Case(_cut_off("cut.mkv", 0.01, frames=40, codec="ffv1"), 5, ("not a video",)),
    "transport stream cut off": Case(_cut_off("cut.ts", 0.5, frames=40), 0, (), least=10),
    "damaged in the middle": Case(
        _overwritten("bad.mkv", 0.4, 0.5, frames=40, codec="ffv1"), 0, ("damaged",), least=25
    ),
    "damaged packets": Case(
        _overwritten("bad.mp4", 0.3, 0.5, frames=60, options={"g": "5"}), 0, ("damaged",), least=20
    ),
    "garbage at the end": Case(
        lambda folder: _append(films.make(folder / "more.mkv", codec="ffv1"), _NOISE), 0, (), frames=12
    ),
    "sound only": Case(_sound_only, 5, ("no film in", "only audio (flac)")),
    "no frames": Case(_no_frames, 5, ("there is no picture in it",)),
    "one frame": Case(_film("one.mp4", frames=1), 0, (), frames=1),
    "odd sides": Case(_film("odd.mkv", size=(63, 49), frames=3, codec="ffv1"), 0, ("4:4:4",), frames=3),
    "tiny": Case(_film("tiny.mkv", size=(2, 2), frames=3, codec="ffv1"), 0, (), frames=3),
    "narrow": Case(_film("narrow.mkv", size=(4, 400), frames=3, codec="ffv1"), 0, (), frames=3),
    "size changes": Case(
        _joined("change.ts", {"frames": 8, "size": (64, 48)}, {"frames": 8, "size": (96, 80)}), 0,
        ("of another size were scaled",), least=12,
    ),
    "no times": Case(_film("raw.h264", container="h264"), 0, _TIMES, frames=12),
    "times out of order": Case(_raw_packets("back.mkv", [0, 40, 80, 40, 160, 200]), 0, _TIMES, frames=6),
    "times twice": Case(_raw_packets("twice.mkv", [0, 40, 40, 40, 160, 200]), 0, _TIMES, frames=6),
    "times below zero": Case(_film("below.mp4", pts=[*range(-3, 13)], frames=16), 0, (), frames=13),
    "unknown codec": Case(
        _patched("strange.mkv", b"V_FFV1", b"V_XYZ1", codec="ffv1"), 5, ("no decoder",)
    ),
    "encrypted": Case(_patched("drm.mp4", b"avc1", b"encv"), 5, ("encrypted (DRM)",)),
    "a picture": Case(_jpeg, 0, (), frames=1),
    "two streams of pictures": Case(_two_pictures, 0, (), frames=4),
}  # fmt: skip


def _append(path: Path, data: bytes) -> Path:
    with path.open("ab") as file:
        file.write(data)
    return path
