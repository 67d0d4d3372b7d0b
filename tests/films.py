"""Small films for tests, made with PyAV: any pixel format, time stamps, sound, subtitles, chapters, attachments."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[Any]
#: Display matrix of a quarter turn, as telephones write it.
TURNED = (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)


def moving(number: int, width: int, height: int, *, top: int = 255) -> Codes:
    """A gray picture that moves: ``(height, width)``, some way off black and white."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    waves = np.sin((x + 2 * number) / 9) + np.cos((y - number) / 7) + ((x // 16 + y // 16) % 2) * 0.7
    gray = (waves + 2) / 4.7 * 0.8 + 0.1
    return (gray.clip(0, 1) * top).round().astype(np.uint16 if top > 255 else np.uint8)


def frame_of(gray: Codes, pix_fmt: str, **marks: int) -> av.VideoFrame:
    """A frame whose luma holds the given codes as they are, with no chroma; for gray and Y'CbCr of whole planes."""
    height, width = gray.shape
    frame = av.VideoFrame(width, height, pix_fmt)
    bits = frame.format.components[0].bits
    for index, data in enumerate(frame.planes):
        kind = np.uint8 if bits == 8 else np.uint16
        rows = np.frombuffer(data, kind).reshape(-1, data.line_size // kind().itemsize)  # type: ignore[call-overload]
        rows[...] = 1 << bits - 1
        if index == 0:
            rows[:height, :width] = gray
    for name, value in marks.items():
        setattr(frame, name, value)
    return frame


def make(
    path: Path,
    *,
    frames: int = 12,
    size: tuple[int, int] = (64, 48),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    rate: int = 25,
    pts: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    options: dict[str, str] | None = None,
    picture: Callable[[int, int, int], Codes] | None = None,
    audio: str | None = None,
    subtitles: str | None = None,
    metadata: dict[str, str] | None = None,
    chapters: bool = False,
    attachment: bytes | None = None,
    container: str | None = None,
    context: dict[str, Any] | None = None,
    matrix: Sequence[int] | None = None,
    color: Callable[[av.VideoFrame], None] | None = None,
) -> Path:
    """Write a film.

    Args:
        path: its suffix says the container.
        pts: of the frames in ``time_base``; by default one after the other.
        picture: makes gray pictures of (number, width, height).
        context: attributes of the encoder's context.
        matrix: the display matrix.
        color: changes a frame, to put colour into it.
    """
    width, height = size
    with av.open(str(path), "w", format=container) as out:
        stream: Any = out.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.codec_context.time_base = time_base or Fraction(1, rate)
        stream.time_base = time_base or Fraction(1, rate)
        for name, value in (context or {}).items():
            setattr(stream.codec_context, name, value)
        if matrix is not None:
            stream.set_display_matrix(matrix)
        sound: Any = out.add_stream(audio, rate=48000) if audio else None
        if sound is not None:
            sound.metadata["language"] = "deu"
        text: Any = out.add_mux_stream(subtitles) if subtitles else None
        if text is not None:
            text.time_base = Fraction(1, 1000)
            text.metadata["language"] = "fra"
        if attachment is not None:
            out.add_attachment("font.ttf", "application/x-truetype-font", attachment)
        out.metadata.update(metadata or {})
        if chapters:
            base = Fraction(1, 1000)
            out.set_chapters([
                {"id": 1, "start": 0, "end": 200, "time_base": base, "metadata": {"title": "One"}},
                {"id": 2, "start": 200, "end": 480, "time_base": base, "metadata": {"title": "Two"}},
            ])  # fmt: skip
        top = (1 << max(part.bits for part in av.VideoFormat(pix_fmt, 16, 16).components)) - 1
        for number in range(frames):
            gray = picture(number, width, height) if picture else moving(number, width, height, top=top)
            frame = frame_of(gray, pix_fmt)
            if color is not None:
                color(frame)
            frame.pts = pts[number] if pts is not None else number
            frame.time_base = time_base or Fraction(1, rate)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if sound is not None:
            for packet in _sound(sound, frames / rate):
                out.mux(packet)
        if text is not None:
            for number in range(2):
                packet: Any = av.Packet(f"line {number}".encode())
                packet.pts = packet.dts = 100 + 200 * number
                packet.duration, packet.time_base, packet.stream = 150, Fraction(1, 1000), text
                out.mux(packet)
    return path


def _sound(stream: Any, seconds: float) -> Iterator[Any]:
    generator = np.random.default_rng(0)
    for number in range(int(seconds * 48000 / 1024) + 1):
        samples = generator.uniform(-0.1, 0.1, (2, 1024)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = 48000, number * 1024
        yield from stream.encode(frame)
    yield from stream.encode(None)


def y4m(frames: int = 5, size: tuple[int, int] = (64, 48)) -> bytes:
    """A raw film as ``mjpegtools`` and FFmpeg write it, in 4:2:0."""
    width, height = size
    out = io.BytesIO(f"YUV4MPEG2 W{width} H{height} F25:1 Ip A1:1 C420jpeg\n".encode())
    out.seek(0, io.SEEK_END)
    for number in range(frames):
        out.write(b"FRAME\n" + moving(number, width, height).tobytes() + b"\x80" * (width * height // 2))
    return out.getvalue()


def decoded(path: Path) -> list[tuple[Fraction, Codes]]:
    """All frames of a film: their times and their luma."""
    with av.open(str(path)) as film:
        return [(frame.pts * frame.time_base, plane(frame, 0).copy()) for frame in film.decode(video=0)]


def plane(frame: av.VideoFrame, index: int) -> Codes:
    """A plane of a frame of whole planes."""
    part: Any = frame.planes[index]
    kind = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
    rows = np.frombuffer(part, kind).reshape(-1, part.line_size // kind().itemsize)
    return rows[: part.height, : part.width]


def packets(path: Path, kind: str) -> list[tuple[Fraction, bytes]]:
    """All packets of a film's streams of one kind: their times and bytes."""
    with av.open(str(path)) as film:
        streams = [stream for stream in film.streams if stream.type == kind]
        if not streams:
            return []
        return [(packet.pts * packet.time_base, bytes(packet)) for packet in film.demux(streams) if packet.size]
