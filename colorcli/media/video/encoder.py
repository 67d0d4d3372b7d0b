"""Frames into a codec: luma as it came, chroma as computed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import av
import numpy as np
import numpy.typing as npt
from av import VideoFrame
from av.video.codeccontext import VideoCodecContext

from colorcli.errors import MediaError, UsageError
from colorcli.media.video.codecs import Encoding
from colorcli.media.video.film import FULL, LIMITED, Film
from colorcli.media.video.layouts import Layout, choose, layout
from colorcli.media.video.picture import Picture, plane
from colorcli.media.video.spool import Coded

Compare = Literal["side", "split"]
Codes = npt.NDArray[Any]
_GLOBAL_HEADER, _INTERLACED = 1 << 22, 1 << 18
_NO_TYPE = 0


@dataclass(frozen=True, kw_only=True)
class Target:
    """How a film's pictures go out.

    Attributes:
        film: what comes in.
        encoding: what is asked for, the codec chosen.
        encoder: its library, as FFmpeg names it.
        layout: the pixel format that is encoded.
        planes: the format of whole planes in which frames are handed to it; mostly the same.
        full: luma takes all codes.
        time_base: of the time stamps.
        interlaced: encode fields.
        global_header: the container wants the codec's parameters apart from the pictures.
        timed: the container keeps time stamps. AVI does not: pictures are evenly spaced, and in the order in which they
            are shown.
        compare: show before and after in one picture.
    """

    film: Film
    encoding: Encoding
    encoder: str
    layout: Layout
    planes: Layout
    full: bool
    time_base: Fraction
    interlaced: bool
    global_header: bool
    timed: bool = True
    compare: Compare | None = None

    @property
    def width(self) -> int:
        """Of the pictures that go out."""
        return self.film.width * (2 if self.compare == "side" else 1)

    @property
    def height(self) -> int:
        """Likewise."""
        return self.film.height

    @property
    def notes(self) -> list[str]:
        """What of the source the format cannot keep, and what else one should know of it."""
        film, found = self.film, []
        if self.planes.bits < film.layout.bits:
            found.append(f"{film.layout.bits} bits a sample become {self.planes.bits}: {self.encoder} takes no more")
        if film.layout.alpha and not self.planes.alpha:
            found.append(f"transparency is lost: {self.encoding.codec} in {self.layout.name} has none")
        if self.full != film.full:
            found.append(f"luma is brought to the limited range: {self.encoding.codec} has no full range")
        if (film.width | film.height) % 2 and self.layout.subsampling == "444" and film.layout.subsampling != "444":
            found.append("a side is odd, so it is written in 4:4:4, which some players do not show")
        if not self.timed:
            found.append("AVI keeps no time stamps: pictures are evenly spaced, whatever they were in the film")
        if film.hdr:
            found.append(f"the film is in high dynamic range ({film.hdr}); its colours are made as if it were not")
        return found

    def configure(self, context: Any) -> None:
        """Set an encoder up."""
        context.width, context.height, context.pix_fmt = self.width, self.height, self.layout.name
        context.time_base, context.framerate = self.time_base, self.film.rate
        context.sample_aspect_ratio = self.film.aspect or Fraction(1)
        context.colorspace, context.color_primaries, context.color_trc = self.film.signalled
        context.color_range = FULL if self.full else LIMITED
        context.thread_type = "AUTO"  # left alone, PyAV makes x264 cut each picture into slices, which costs bits
        if not self.timed:
            context.max_b_frames = 0  # they go out after pictures that are shown later
        if self.global_header:
            context.flags |= _GLOBAL_HEADER
        if self.interlaced:
            context.flags |= _INTERLACED
            context.field_order = 3 if self.film.interlaced == "bottom field first" else 2
        context.options = {**context.options, **self.encoding.options}


def find_encoder(encoding: Encoding) -> str:
    """Return the library that writes a codec.

    Raises:
        MediaError: this build of FFmpeg has none.
    """
    for name in encoding.chosen.encoders:
        try:
            av.Codec(name, "w")
        except (ValueError, av.error.FFmpegError):
            continue
        return name
    raise MediaError(
        f"this build of FFmpeg has no encoder for {encoding.codec} ({', '.join(encoding.chosen.encoders)})",
        hint="choose another --codec; `colorcli doctor` lists what is here",
    )


def plan(
    film: Film, encoding: Encoding, container: str, *, compare: Compare | None = None, progressive: bool = False
) -> Target:
    """Decide how a film is to be written, and try whether the encoder takes it.

    Args:
        film: what comes in.
        encoding: what is asked for.
        container: name of the output's container.
        compare: show before and after in one picture.
        progressive: its fields are made whole on the way.

    Raises:
        UsageError: a pixel format the encoder does not take; a codec that does not go into the container.
        MediaError: there is no such encoder; it does not take pictures of this size.
    """
    encoding = encoding.within(container)
    encoder, timed = find_encoder(encoding), container != "avi"
    form = choose(film.layout, encoding, encoder, odd=bool((film.width | film.height) % 2))
    found = Target(
        film=film,
        encoding=encoding,
        encoder=encoder,
        layout=form,
        planes=form if form.name == form.planar else layout(form.planar),
        full=film.full and encoding.codec != "prores",
        time_base=film.time_base if timed else 1 / film.rate,
        interlaced=film.interlaced is not None and not progressive and encoding.codec in ("h264", "prores"),
        global_header="global_header" in str(av.ContainerFormat(container, "w").flags)
        or bool(av.ContainerFormat(container, "w").flags & 0x0040),
        timed=timed,
        compare=compare,
    )
    try:
        open_context(found)
    except (av.error.FFmpegError, ValueError) as error:
        raise MediaError(
            f"{encoder} does not take pictures of {found.width} x {found.height} in {form.name}: {film.name}",
            hint="choose another --codec or --pix-fmt; ffv1 takes all sizes",
        ) from error
    return found


def open_context(target: Target) -> VideoCodecContext:
    """Open an encoder.

    Raises:
        av.error.FFmpegError: it does not take what it is given.
    """
    os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 talks to stderr by itself
    context = av.CodecContext.create(target.encoder, "w")
    assert isinstance(context, VideoCodecContext)
    target.configure(context)
    context.open()
    return context


class Encoder:
    """Encodes one segment of a film; a segment can be decoded without those before it."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._context = open_context(target)
        self._composer = Composer(target)
        self.extradata: bytes = self._context.extradata or b""

    def add(self, picture: Picture, chroma: Codes | None) -> list[Coded]:
        """Encode a frame.

        Args:
            picture: as it was read.
            chroma: ``(2, h, w)`` codes of Cb and Cr in the target's depth and range, at the size of its chroma planes
                of one frame; None leaves the frame's own colours.

        Returns:
            What the encoder gives, of this frame or of others before it.
        """
        frame = self._composer(picture, chroma)
        frame.pts = picture.pts if self._target.timed else picture.number
        frame.time_base = self._target.time_base
        frame.pict_type = _NO_TYPE  # the source's choice of key frames is not ours
        return self._coded(frame)

    def finish(self) -> list[Coded]:
        """Return what the encoder still holds."""
        return self._coded(None)

    def _coded(self, frame: VideoFrame | None) -> list[Coded]:
        return [
            Coded(packet.pts or 0, packet.dts if packet.dts is not None else 0, 0, packet.is_keyframe, bytes(packet))
            for packet in self._context.encode(frame)
            if packet.size
        ]


class Composer:
    """Puts frames together: luma as it was read, chroma as it was computed, in the target's form."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._map = _mapping(target)

    def __call__(self, picture: Picture, chroma: Codes | None) -> VideoFrame:
        """Return a frame to be encoded; arguments as for `Encoder.add`."""
        target, source = self._target, picture.frame
        have, want = layout(source.format.name), target.planes
        if have.name == want.name and self._map is None and target.compare is None:
            if chroma is None:
                return source
            source.make_writable()  # keeps what goes with the frame, closed captions above all
            for index in (1, 2):
                plane(source, index)[...] = chroma[index - 1]
            return source
        if chroma is None:
            chroma = self._own(picture)
        before = self._own(picture) if target.compare else chroma
        frame = VideoFrame(target.width, target.height, want.name)
        luma = picture.luma if self._map is None else self._map[picture.luma]
        parts = [luma, chroma[0], chroma[1]]
        if target.compare == "side":
            parts = [np.hstack((luma, luma)), *(np.hstack((old, new)) for old, new in zip(before, chroma, strict=True))]
        elif target.compare == "split":
            middle = chroma.shape[2] // 2
            parts[1:] = [np.hstack((old[:, :middle], new[:, middle:])) for old, new in zip(before, chroma, strict=True)]
        for index, part in enumerate(parts):
            plane(frame, index)[...] = part
        if want.alpha:
            _copy_alpha(source, frame, have, want)
        frame.colorspace, frame.color_primaries, frame.color_trc = target.film.signalled
        frame.color_range = FULL if target.full else LIMITED
        return frame

    def _own(self, picture: Picture) -> Codes:
        """Return a frame's own chroma in the target's form."""
        target, form = self._target, self._target.planes
        size = form.chroma_size(target.film.width, target.film.height)
        if picture.chroma is None:
            return np.full((2, *size), 1 << form.bits - 1, np.uint8 if form.bits == 8 else np.uint16)
        sides = "JPEG" if target.film.full else "MPEG", "JPEG" if target.full else "MPEG"
        frame = picture.frame.reformat(format=form.name, src_color_range=sides[0], dst_color_range=sides[1])
        return np.stack([plane(frame, 1), plane(frame, 2)])


def _copy_alpha(source: VideoFrame, frame: VideoFrame, have: Layout, want: Layout) -> None:
    top = (1 << want.bits) - 1
    if have.alpha and have.kind == "yuv":
        alpha = plane(source, 3).astype(np.uint32) * top // ((1 << have.bits) - 1)
    else:
        alpha = np.full((frame.height, frame.width), top)
    plane(frame, 3)[:, : alpha.shape[1]] = alpha


def _mapping(target: Target) -> Codes | None:
    """Return a table from luma codes of the source to those of the target, None where they are the same."""
    have, want = target.film.layout.bits, target.planes.bits
    if have == want and target.full == target.film.full:
        return None
    codes = np.arange(1 << (8 if have == 8 else 16), dtype=np.float64)
    black, white = _ends(have, full=target.film.full)
    new_black, new_white = _ends(want, full=target.full)
    mapped = (codes - black) / (white - black) * (new_white - new_black) + new_black
    return mapped.round().clip(0, (1 << want) - 1).astype(np.uint8 if want == 8 else np.uint16)


def _ends(bits: int, *, full: bool) -> tuple[int, int]:
    return (0, (1 << bits) - 1) if full else (16 << bits - 8, 235 << bits - 8)


def check_container(target: Target, container: str, suffix: str) -> None:
    """Say whether the codec goes into the container.

    Raises:
        UsageError: it does not.
    """
    if container not in av.formats_available:
        raise MediaError(f"this build of FFmpeg cannot write {suffix}", hint="choose another suffix: .mkv or .mp4")
    import io

    with av.open(io.BytesIO(), "w", format=container) as out:
        try:
            stream = out.add_stream(target.encoder, rate=target.film.rate)
            target.configure(stream.codec_context)
            stream.time_base = target.time_base
            out.start_encoding()
        except (ValueError, av.error.FFmpegError) as error:
            raise UsageError(
                f"{target.encoding.codec} does not go into {suffix}",
                hint="choose another --codec, or another suffix: .mkv takes all of them",
            ) from error
