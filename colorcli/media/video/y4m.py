"""Raw films for pipes, as mjpegtools and FFmpeg write and read them: YUV4MPEG2."""

from __future__ import annotations

from fractions import Fraction
from typing import BinaryIO

from colorcli.media.video.codecs import Encoding
from colorcli.media.video.encoder import Codes, Compare, Composer, Target
from colorcli.media.video.film import Film
from colorcli.media.video.layouts import layout
from colorcli.media.video.picture import Picture, plane

#: Pixel formats that y4m has a name for.
_NAMES = {
    "yuv420p": "420jpeg", "yuv422p": "422", "yuv444p": "444", "yuv411p": "411", "yuv420p9le": "420p9",
    "yuv422p9le": "422p9", "yuv444p9le": "444p9", "yuv420p10le": "420p10", "yuv422p10le": "422p10",
    "yuv444p10le": "444p10", "yuv420p12le": "420p12", "yuv422p12le": "422p12", "yuv444p12le": "444p12",
    "yuv420p14le": "420p14", "yuv422p14le": "422p14", "yuv444p14le": "444p14", "yuv420p16le": "420p16",
    "yuv422p16le": "422p16", "yuv444p16le": "444p16",
}  # fmt: skip


def plan(film: Film, *, compare: Compare | None = None) -> Target:
    """Decide in what form a film goes out raw: its own, or 4:4:4 of its depth."""
    name = film.layout.planar
    if name not in _NAMES:
        name = "yuv444p" if film.layout.bits == 8 else f"yuv444p{film.layout.bits}le"
    form = layout(name)
    return Target(
        film=film,
        encoding=Encoding(pix_fmt=name),
        encoder="rawvideo",
        layout=form,
        planes=form,
        full=film.full,
        time_base=film.time_base,
        interlaced=False,
        global_header=False,
        compare=compare,
    )


class Writer:
    """Writes frames.

    Args:
        sink: takes them.
        target: of `plan`.

    Raises:
        OSError: it cannot be written to.
    """

    def __init__(self, sink: BinaryIO, target: Target) -> None:
        self._sink, self._target, self._composer = sink, target, Composer(target)
        rate, aspect = target.film.rate, target.film.aspect or Fraction(1)
        # Frames are whole pictures here, whatever they were.
        head = f"YUV4MPEG2 W{target.width} H{target.height} F{rate.numerator}:{rate.denominator} Ip"
        head += f" A{aspect.numerator}:{aspect.denominator} C{_NAMES[target.layout.name]}"
        sink.write(f"{head} XCOLORRANGE={'FULL' if target.full else 'LIMITED'}\n".encode("ascii"))

    def add(self, picture: Picture, chroma: Codes | None) -> None:
        """Write a frame; ``chroma`` as for `colorcli.media.video.encoder.Encoder.add`.

        Raises:
            OSError: it cannot be written.
        """
        frame = self._composer(picture, chroma)
        self._sink.write(b"FRAME\n")
        for index in range(3):
            self._sink.write(plane(frame, index).tobytes())

    def flush(self) -> None:
        """Let all of it go.

        Raises:
            OSError: it cannot be written.
        """
        self._sink.flush()
