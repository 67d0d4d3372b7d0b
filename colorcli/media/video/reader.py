"""Frames out of a film, in order of presentation; what is damaged is passed over and told."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
from av import VideoFrame

from colorcli.errors import MediaError
from colorcli.media._messages import printable
from colorcli.media.video.film import Film, describe
from colorcli.media.video.layouts import layout
from colorcli.media.video.opening import encrypted, find_pictures, open_film
from colorcli.media.video.picture import Picture, Point


class Reader:
    """Reads a film's frames.

    Args:
        source: file, or a stream that is read once.
        form: as `open_film` takes it.
        deinterlace: make whole pictures of fields (FFmpeg's bwdif), where frames are marked as interlaced.

    Attributes:
        film: what is known about it.
        damaged: packets and frames that could not be decoded so far.
        mended: time stamps that were missing or out of order so far.
        resized: frames of another size than the first, which were scaled, so far.
        broken: what ended the reading before the file's end, or None.

    Raises:
        MediaError: it cannot be opened, has no pictures, or none that can be decoded.
    """

    def __init__(self, source: Path | BinaryIO, *, form: str | None = None, deinterlace: bool = False) -> None:
        self._source, self._form, self._deinterlace = source, form, deinterlace
        self._name = printable(source) if isinstance(source, Path) else "standard input"
        self.damaged = self.mended = self.resized = 0
        self.broken: str | None = None
        self._container = open_film(source, form=form)
        try:
            self._stream = find_pictures(self._container, self._name)
            self._decoded = self._decode()
            first = next(self._decoded, None)
            if first is None:
                raise MediaError(f"no picture in it can be decoded: {self._name}", hint=self._why())
            self.film: Film = describe(self._container, self._stream, first, self._name)
        except BaseException:
            self._container.close()
            raise
        self._first: VideoFrame | None = first
        self._filter: av.filter.Graph | None = None

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def pictures(self, at: Point | None = None, *, run_up: int = 0, start: float = 0.0) -> Iterator[Picture]:
        """Yield frames from a point or a time on.

        Args:
            at: the first frame wanted; None is the first at ``start``.
            run_up: so many frames before it are yielded too, as far as there are any.
            start: seconds from the film's beginning.

        Raises:
            MediaError: the point is not in the film: it has been changed.
        """
        if at is None and start <= 0:
            yield from self._numbered(self._whole(), 0)
            return
        if at is None:
            yield from self._from_time(start)
            return
        for pictures in (self._from_near(at, run_up), self._numbered(self._restarted(), 0)):
            before: deque[Picture] = deque(maxlen=max(run_up, 1))
            for picture in pictures:
                if picture.pts == at.pts and picture.point.crc == at.crc:
                    missing = picture.number - at.number  # frames are counted from where the file was entered
                    enough = len(before) >= min(run_up, at.number)
                    if not enough:
                        break
                    for one in [*before][-run_up:] if run_up else []:
                        yield _shifted(one, missing)
                    yield _shifted(picture, missing)
                    for one in pictures:
                        yield _shifted(one, missing)
                    return
                if picture.pts > at.pts:
                    break
                before.append(picture)
        raise MediaError(f"{self._name} has changed since the work on it began", hint="--force begins anew")

    def part(self, at: Point | None, run_up: int, start: float, end: float | None) -> Iterator[Picture]:
        """Do :meth:`pictures`, up to ``end``, seconds from the film's beginning; None is the film's end."""
        last = None if end is None else (self.film.start + end) / self.film.time_base
        for picture in self.pictures(at, run_up=run_up, start=start):
            if last is not None and picture.pts >= last:
                return
            yield picture

    def wrong(self) -> tuple[str, ...]:
        """Say what was wrong with the frames read so far."""
        found = []
        if self.damaged:
            found.append(f"{self.damaged} damaged packets or frames were passed over or mended by the decoder")
        if self.mended:
            found.append(f"{self.mended} time stamps were missing or out of order, and were given anew")
        if self.resized:
            found.append(f"{self.resized} frames of another size were scaled to that of the first")
        if self.broken:
            found.append(f"the file breaks off: {self.broken}")
        return tuple(found)

    # -- decoding ---------------------------------------------------------------------------------------------------

    def _decode(self) -> Iterator[VideoFrame]:
        """Yield what decodes; count what does not."""
        try:
            for packet in self._container.demux(self._stream):
                if packet.size and packet.has_sidedata("encryption_info"):
                    raise encrypted(self._name)
                try:
                    for frame in packet.decode():
                        self.damaged += frame.is_corrupt
                        yield frame
                except av.error.EOFError:
                    continue
                except (av.error.FFmpegError, ValueError):
                    self.damaged += 1
        except (av.error.FFmpegError, OSError) as error:
            self.broken = str(error)
            yield from self._rest()

    def _rest(self) -> Iterator[VideoFrame]:
        """Yield what the decoder still holds after the file broke off."""
        try:
            yield from self._stream.codec_context.decode(None)
        except av.error.FFmpegError:
            return

    def _why(self) -> str:
        if self.damaged or self.broken:
            return "it is damaged, encrypted or cut off; see whether a player shows it"
        return "the file has a stream of pictures with nothing in it"

    def _whole(self) -> Iterator[VideoFrame]:
        if self._first is None:
            yield from self._restarted()
            return
        first, self._first = self._first, None
        yield first
        yield from self._decoded

    def _restarted(self) -> Iterator[VideoFrame]:
        """Begin again at the film's beginning."""
        if not isinstance(self._source, Path):
            raise MediaError("standard input can be read only once")
        self._container.close()
        self.damaged = self.mended = self.resized = 0
        self.broken, self._first, self._filter = None, None, None
        self._container = open_film(self._source, form=self._form)
        self._stream = find_pictures(self._container, self._name)
        yield from self._decode()

    def _from_near(self, at: Point, run_up: int) -> Iterator[Picture]:
        """Enter the film a little before a point, if it can be done; numbers then count from there."""
        margin = run_up / self.film.rate + 1
        target = at.pts - round(margin / self.film.time_base)
        try:
            self._container.seek(max(target, self._stream.start_time or 0), stream=self._stream)
        except av.error.FFmpegError:
            return
        self._first = None
        yield from self._numbered(self._decode(), 0)

    def _from_time(self, start: float) -> Iterator[Picture]:
        """Yield from a time on. Where the film can be entered there, the first frame's number is told by its time."""
        film = self.film
        first = round((film.start + start) / film.time_base)
        entered = False
        if isinstance(self._source, Path):
            with contextlib.suppress(av.error.FFmpegError):
                self._container.seek(first, stream=self._stream)
                entered = True
        self._first = None if entered else self._first
        number = 0
        for picture in self._numbered(self._decode() if entered else self._whole(), 0):
            if picture.pts < first:
                continue
            if entered and not number:
                seconds = picture.pts * film.time_base - Fraction(film.start).limit_denominator(10**6)
                number = picture.number - max(round(seconds * film.rate), 0)
            yield _shifted(picture, number)

    # -- frames as they are wanted ----------------------------------------------------------------------------------

    def _numbered(self, frames: Iterator[VideoFrame], number: int) -> Iterator[Picture]:
        last: int | None = None
        step = max(1, round(1 / self.film.rate / self.film.time_base))
        for frame in self._filtered(frames):
            pts = frame.pts
            if pts is None or (last is not None and pts <= last):
                self.mended += 1
                pts = last + step if last is not None else 0
            yield Picture(number, pts, int(frame.duration or 0), self._shaped(frame))
            last, number = pts, number + 1

    def _filtered(self, frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
        if not self._deinterlace:
            yield from frames
            return
        graph: av.filter.Graph | None = None
        for frame in frames:
            graph = graph or self._graph(frame)
            graph.vpush(frame)
            yield from self._pulled(graph)
        if graph is not None:
            graph.vpush(None)
            yield from self._pulled(graph)

    def _graph(self, frame: VideoFrame) -> av.filter.Graph:
        graph = av.filter.Graph()
        source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=self.film.time_base
        )
        bwdif = graph.add("bwdif", mode="send_frame", deint="interlaced")
        graph.link_nodes(source, bwdif, graph.add("buffersink")).configure()
        return graph

    def _pulled(self, graph: av.filter.Graph) -> Iterator[VideoFrame]:
        while True:
            try:
                frame = graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            if frame.pts is not None and frame.time_base:  # the filter counts in half units
                frame.pts = round(frame.pts * Fraction(frame.time_base) / self.film.time_base)
                frame.time_base = self.film.time_base
            yield frame

    def _shaped(self, frame: VideoFrame) -> VideoFrame:
        """Bring a frame to whole planes and to the film's size."""
        form, film = layout(frame.format.name), self.film
        same = frame.width == film.width and frame.height == film.height
        self.resized += not same
        if same and form.name in (form.planar, _OLD.get(form.planar)):
            return frame
        if form.kind == "rgb":
            return frame.reformat(
                film.width, film.height, film.layout.planar, dst_colorspace="ITU709", dst_color_range="JPEG"
            )
        return frame.reformat(film.width, film.height, film.layout.planar)


#: Formats whose range is part of their name -> the same planes without it.
_OLD = {
    "yuv420p": "yuvj420p",
    "yuv422p": "yuvj422p",
    "yuv444p": "yuvj444p",
    "yuv440p": "yuvj440p",
    "yuv411p": "yuvj411p",
}


def _shifted(picture: Picture, by: int) -> Picture:
    return picture if not by else Picture(picture.number - by, picture.pts, picture.duration, picture.frame)
