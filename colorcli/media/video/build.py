"""What the FFmpeg that came with PyAV can do."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import av

from colorcli.errors import MediaError
from colorcli.media.video.codecs import CODECS, Encoding
from colorcli.media.video.encoder import Encoder, find_encoder
from colorcli.media.video.encoder import plan as plan_target
from colorcli.media.video.film import Film
from colorcli.media.video.layouts import layout
from colorcli.media.video.picture import Picture

_SIZE = 64


def version() -> str:
    """Return FFmpeg's version."""
    return str(av.ffmpeg_version_info)


def encoders() -> dict[str, str | None]:
    """Try each codec of ``--codec`` on a few frames and read them back.

    Returns:
        For each the library that wrote it; None where there is none, or it did not give back as many frames.
    """
    found: dict[str, str | None] = {}
    for codec in CODECS:
        try:
            found[codec] = find_encoder(Encoding(codec=codec)) if _works(codec) else None
        except (MediaError, av.error.FFmpegError, ValueError):
            found[codec] = None
    return found


def _works(codec: str) -> bool:
    film = Film(
        name="test", container="matroska", codec="rawvideo", width=_SIZE, height=_SIZE, layout=layout("yuv420p"),
        matrix="bt709", primaries="bt709", full=False, signalled=(1, 1, 1), rate=Fraction(25),
        time_base=Fraction(1, 25),
    )  # fmt: skip
    target = plan_target(film, Encoding(codec=codec), "matroska")
    encoder, coded = Encoder(target), []
    for number in range(3):
        frame = av.VideoFrame(_SIZE, _SIZE, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes([80 + 20 * number]) * plane.buffer_size)
        coded += encoder.add(Picture(number, number, 1, frame), None)
    coded += encoder.finish()
    with io.BytesIO() as file:
        with av.open(file, "w", format="matroska") as out:
            stream: Any = out.add_stream(target.encoder, rate=25)
            target.configure(stream.codec_context)
            for one in coded:
                packet: Any = av.Packet(one.data)
                packet.pts, packet.dts, packet.time_base, packet.stream = one.pts, one.dts, Fraction(1, 25), stream
                packet.is_keyframe = one.key
                out.mux(packet)
        file.seek(0)
        with av.open(file, "r") as given:
            return len(list(given.decode(video=0))) == 3
