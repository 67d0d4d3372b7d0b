"""What a film's file says about itself, and what its first frame shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from av import VideoFrame
from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from colorcli.media.video.layouts import Layout, layout

#: H.273 code points -> names as colorcli.color.ycbcr knows them. Constant luminance (10) is not the same as 9, but
#: hardly ever met; it is treated alike.
_MATRICES = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
_PRIMARIES = {1: "bt709", 4: "smpte170m", 5: "bt470bg", 6: "smpte170m", 7: "smpte170m", 9: "bt2020", 11: "p3", 12: "p3"}
_CODES = {"bt709": 1, "fcc": 4, "bt601": 6, "smpte240m": 7, "bt2020": 9}
UNSPECIFIED, _RGB = 2, 0
LIMITED, FULL = 1, 2
_TRANSFERS = {16: "PQ", 18: "HLG"}
#: Kinds of streams that are not pictures of the film: FFmpeg's dispositions.
_COVER = 1 << 10


@dataclass(frozen=True, kw_only=True)
class Film:
    """A film as it is stored.

    Attributes:
        name: of its file, for messages.
        container: its format, as FFmpeg names it.
        codec: of the pictures.
        width: pixels, as stored.
        height: likewise.
        layout: the pixel format.
        matrix: of Y'CbCr, a name of `colorcli.color.ycbcr.MATRICES`; guessed from the size where the file is silent.
        primaries: likewise.
        full: luma takes all codes.
        signalled: code points of H.273 for (matrix, primaries, transfer) that go into the output.
        hdr: ``"PQ"`` or ``"HLG"`` for films of high dynamic range.
        rate: frames a second, about.
        time_base: seconds of a unit of time stamps.
        frames: how many there are, as far as the file says; else None.
        duration: seconds, likewise.
        start: seconds at which it begins.
        aspect: of a pixel, width by height; None where not said.
        interlaced: ``"top field first"``, ``"bottom field first"`` or None.
        matrix_of_display: 9 integers that turn or mirror the picture, or None.
        turns: quarter turns to the left with which the picture stands upright.
        streams: all streams of the file, for people: kind, codec, language.
    """

    name: str
    container: str
    codec: str
    width: int
    height: int
    layout: Layout
    matrix: str
    primaries: str
    full: bool
    signalled: tuple[int, int, int]
    hdr: str | None = None
    rate: Fraction
    time_base: Fraction
    frames: int | None = None
    duration: float | None = None
    start: float = 0.0
    aspect: Fraction | None = None
    interlaced: str | None = None
    matrix_of_display: tuple[int, ...] | None = None
    turns: int = 0
    streams: tuple[dict[str, Any], ...] = field(default=())

    @property
    def rotation(self) -> int:
        """Degrees, counterclockwise."""
        return self.turns * 90

    def to_json(self) -> dict[str, Any]:
        """Return what a dry run tells, as JSON-able values."""
        return {
            "container": self.container,
            "codec": self.codec,
            "width": self.width,
            "height": self.height,
            "pix_fmt": self.layout.name,
            "bits": self.layout.bits,
            "matrix": self.matrix,
            "range": "full" if self.full else "limited",
            "hdr": self.hdr,
            "rate": round(float(self.rate), 4),
            "frames": self.frames,
            "duration": self.duration,
            "aspect": str(self.aspect) if self.aspect else None,
            "interlaced": self.interlaced,
            "rotation": self.rotation,
            "streams": [*self.streams],
        }


def describe(container: InputContainer, stream: VideoStream, frame: VideoFrame, name: str) -> Film:
    """Describe a film from its headers and its first frame."""
    form = layout(frame.format.name)
    context = stream.codec_context
    duration = _duration(container, stream)
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate or Fraction(25)
    matrix_code, primaries_code = int(frame.colorspace), int(frame.color_primaries)
    transfer = int(frame.color_trc)
    range_code = int(frame.color_range) or int(context.color_range)
    if form.kind == "rgb":  # becomes Y'CbCr of full range here, which leaves grays as they are
        matrix, full = "bt709", True
    else:
        guess = "bt709" if max(frame.width / 1280, frame.height / 720) >= 1 else "bt601"
        matrix = _MATRICES.get(matrix_code, guess)
        full = form.full or range_code == FULL or (form.kind == "gray" and range_code != LIMITED)
    signalled = matrix_code if matrix_code in _MATRICES else _CODES[matrix]
    frames = stream.frames or (round(duration * rate) if duration else None)
    matrix_of_display, turns = _display(frame)
    aspect = stream.sample_aspect_ratio
    return Film(
        name=name,
        container=container.format.name,
        codec=context.name,
        width=frame.width,
        height=frame.height,
        layout=form,
        matrix=matrix,
        primaries=_PRIMARIES.get(primaries_code, "bt709"),
        full=full,
        signalled=(signalled, primaries_code or UNSPECIFIED, transfer or UNSPECIFIED),
        hdr=_TRANSFERS.get(transfer),
        rate=Fraction(rate),
        time_base=Fraction(stream.time_base or Fraction(1, 90000)),
        frames=frames or None,
        duration=duration,
        start=float((stream.start_time or 0) * (stream.time_base or 0)),
        aspect=aspect if aspect and aspect != 1 else None,
        interlaced=_interlaced(frame, context.field_order),
        matrix_of_display=matrix_of_display,
        turns=turns,
        streams=tuple(_told(one) for one in container.streams),
    )


def main_stream(container: InputContainer) -> VideoStream | None:
    """Return the stream of pictures to colour: FFmpeg's choice, but no cover picture."""
    films = [one for one in container.streams.video if not is_cover(one)]
    best = container.streams.best("video")
    return best if best in films else (films[0] if films else None)


def is_cover(stream: Stream) -> bool:
    """Say whether a stream is a single picture that goes with the film."""
    return bool(int(stream.disposition) & _COVER)


def codec_of(stream: Stream) -> str:
    """Return the name of a stream's codec, or what can be said instead."""
    context = getattr(stream, "codec_context", None)
    if context is not None:
        return str(context.name)
    return str(getattr(stream, "name", None) or "unknown")


def _told(stream: Stream) -> dict[str, Any]:
    return {
        "index": stream.index,
        "type": "cover" if is_cover(stream) else stream.type,
        "codec": codec_of(stream),
        "language": stream.language,
    }


def _duration(container: InputContainer, stream: VideoStream) -> float | None:
    if stream.duration is not None and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration is not None else None


def _interlaced(frame: VideoFrame, order: int) -> str | None:
    if not frame.interlaced_frame and order < 2:
        return None
    return "bottom field first" if order in (3, 5) else "top field first"


def _display(frame: VideoFrame) -> tuple[tuple[int, ...] | None, int]:
    """Return a frame's display matrix and the quarter turns to the left that it stands for."""
    data: Any
    for data in frame.side_data:
        if data.type.name == "DISPLAYMATRIX":
            matrix = tuple(int(value) for value in np.frombuffer(data, np.int32)[:9])
            return matrix, round(frame.rotation / 90) % 4
    return None, 0
