"""Segments and all that is not pictures, put together into the film that goes out."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from colorcli.errors import MediaError
from colorcli.media._messages import from_os_error
from colorcli.media.video import spool
from colorcli.media.video.encoder import Target
from colorcli.media.video.film import codec_of, is_cover, main_stream
from colorcli.media.video.opening import open_film

#: Metadata that FFmpeg makes up from the container, or that the muxer writes anew.
_NOT_METADATA = frozenset(("major_brand", "minor_version", "compatible_brands", "encoder"))
#: What Matroska's writers say about the packets of a stream; not true any more of the pictures.
_STATISTICS = ("BPS", "DURATION", "NUMBER_OF_FRAMES", "NUMBER_OF_BYTES", "_STATISTICS")
#: What MP4's own form of metadata has a place for; all else needs another form, which fewer programs read.
_ITUNES = frozenset((
    "title", "artist", "author", "album_artist", "composer", "album", "date", "comment", "genre", "copyright",
    "grouping", "lyrics", "description", "synopsis", "show", "episode_id", "network", "keywords", "media_type",
    "creation_time", "track", "disc", "season_number", "episode_sort", "compilation", "gapless_playback", "hd_video",
))  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Only a part of a film is kept: from the first of its pictures on.

    Attributes:
        end: seconds from the film's beginning; None is the film's end.
    """

    end: float | None


def join(
    target: Target,
    spools: Sequence[Path],
    out: BinaryIO,
    container: str,
    *,
    source: Path | None,
    form: str | None = None,
    cut: Cut | None = None,
    comment: str | None = None,
    notes: list[str],
) -> int:
    """Write a film.

    Args:
        target: what its pictures are.
        spools: their segments, in order.
        out: takes it; open for writing, can be sought in.
        container: FFmpeg's name of its format.
        source: gives all other streams, chapters and metadata; None where there is no such file.
        form: the source's format, where it cannot be told from the data.
        cut: the part of the source that the pictures are of, if not all.
        comment: is added to the film's comment.
        notes: takes what could not be kept.

    Returns:
        How many pictures it has.

    Raises:
        MediaError: a segment is damaged, or the film cannot be written.
        OSError: likewise.
    """
    given = open_film(source, form=form) if source is not None else None
    part = _part(target, spools, cut)
    try:
        metadata = _metadata(given, comment)
        options = _options(container, metadata)
        with av.open(out, "w", format=container, container_options=options) as film:
            film.metadata.update(metadata)
            pictures = _add_pictures(film, target, given)
            streams = _add_others(film, given, options, notes) if given is not None else {}
            if given is not None:
                film.set_chapters(_chapters(given, part))
            film.start_encoding()
            _check(pictures, spools)
            count = _mux(film, pictures, target, spools, given, streams, part)
    except av.error.FFmpegError as error:
        if isinstance(error, OSError) and error.errno and error.strerror:
            raise from_os_error(error, getattr(out, "name", "the film"), doing="write") from error
        raise MediaError(
            f"the film cannot be written: {error}", hint="try another suffix: .mkv takes nearly all"
        ) from error
    finally:
        if given is not None:
            given.close()
    return count


class _Part(NamedTuple):
    """What of a film is kept, and by how much all of it is earlier; seconds of the file's own time."""

    start: Fraction
    end: Fraction | None
    shift: Fraction


def _part(target: Target, spools: Sequence[Path], cut: Cut | None) -> _Part | None:
    if cut is None:
        return None
    first = min(packet.pts for path in spools for packet in spool.packets(path, data=False)) * target.time_base
    begins = Fraction(target.film.start).limit_denominator(10**6)
    return _Part(first, None if cut.end is None else begins + Fraction(cut.end), first - begins)


def _add_pictures(film: OutputContainer, target: Target, given: InputContainer | None) -> Stream:
    # The encoder is opened for its parameters only; nothing goes through it.
    stream: Any = film.add_stream(target.encoder, rate=target.film.rate)
    target.configure(stream.codec_context)
    stream.codec_context.thread_count = 1
    stream.time_base = target.time_base
    if target.encoding.chosen.tag and film.format.name in ("mp4", "mov"):
        stream.codec_context.codec_tag = target.encoding.chosen.tag
    if target.film.matrix_of_display is not None:
        stream.set_display_matrix(target.film.matrix_of_display)
    before = main_stream(given) if given is not None else None
    if before is not None:
        stream.disposition = int(before.disposition)
        stream.metadata.update(_of_stream(before, pictures=True))
    return stream  # type: ignore[no-any-return]


def _add_others(
    film: OutputContainer, given: InputContainer, options: Mapping[str, str], notes: list[str]
) -> dict[int, Stream]:
    """Add a stream for each of the source's but the pictures; return them by the source's index."""
    found: dict[int, Stream] = {}
    main = main_stream(given)
    for stream in given.streams:
        if main is not None and stream.index == main.index:
            continue
        kind = "cover" if is_cover(stream) else stream.type
        if not _holds(film.format.name, stream, options):
            language = f", {stream.language}" if stream.language else ""
            notes.append(
                f"stream {stream.index} is lost: {film.format.name} does not hold {kind} ({codec_of(stream)}{language})"
            )
            continue
        found[stream.index] = _copied(film, stream)
    return found


def _copied(film: OutputContainer, stream: Stream) -> Stream:
    copy: Any = film.add_stream_from_template(stream, opaque=True)
    copy.disposition = int(stream.disposition)
    copy.metadata.clear()
    copy.metadata.update(_of_stream(stream))
    return copy  # type: ignore[no-any-return]


def _holds(container: str, stream: Stream, options: Mapping[str, str]) -> bool:
    """Try whether a container takes a stream."""
    try:
        with av.open(io.BytesIO(), "w", format=container, container_options=dict(options)) as trial:
            _copied(trial, stream)
            trial.start_encoding()
    except (ValueError, TypeError, av.error.FFmpegError):
        return False
    return True


def _metadata(given: InputContainer | None, comment: str | None) -> dict[str, str]:
    found = {key: text for key, text in (given.metadata if given else {}).items() if key.lower() not in _NOT_METADATA}
    if comment is not None:
        key = next((key for key in found if key.lower() == "comment"), "comment")
        found[key] = f"{found[key]}\n{comment}" if found.get(key) else comment
    return found


def _options(container: str, metadata: Mapping[str, str]) -> dict[str, str]:
    if container in ("mp4", "mov") and not _ITUNES.issuperset(key.lower() for key in metadata):
        return {"movflags": "+use_metadata_tags"}
    return {}


def _of_stream(stream: Stream, *, pictures: bool = False) -> dict[str, str]:
    found = {key: text for key, text in stream.metadata.items() if key not in ("encoder", "vendor_id")}
    if pictures:
        found = {key: text for key, text in found.items() if not key.upper().startswith(_STATISTICS)}
    return found


def _chapters(given: InputContainer, part: _Part | None) -> list[Any]:
    chapters: list[Any] = given.chapters()
    if part is None:
        return chapters
    kept = []
    for chapter in chapters:
        base = Fraction(chapter["time_base"])
        first, last = max(chapter["start"] * base, part.start), chapter["end"] * base
        last = last if part.end is None else min(last, part.end)
        if last > first:
            ends = {"start": round((first - part.shift) / base), "end": round((last - part.shift) / base)}
            kept.append({**chapter, **ends})
    return kept


def _check(stream: Stream, spools: Sequence[Path]) -> None:
    """See that all segments come from an encoder that was set up like this one."""
    extradata = getattr(stream.codec_context, "extradata", None) or b""
    for path in spools:
        if spool.about(path).get("extradata") != extradata.hex():
            raise MediaError("the encoder has changed since the work on the film began", hint="--force begins anew")


def _mux(
    film: OutputContainer,
    pictures: Stream,
    target: Target,
    spools: Sequence[Path],
    given: InputContainer | None,
    streams: Mapping[int, Stream],
    part: _Part | None,
) -> int:
    """Write packets of all streams in the order of their decoding times."""
    others = _others(given, streams, part) if given is not None and streams else iter(())
    waiting = next(others, None)
    count = 0
    for packet, time in _pictures(target, spools, part.shift if part is not None else Fraction(0)):
        while waiting is not None and waiting[1] <= time:
            film.mux(waiting[0])
            waiting = next(others, None)
        packet.stream = pictures
        film.mux(packet)
        count += 1
    while waiting is not None:
        film.mux(waiting[0])
        waiting = next(others, None)
    return count


def _pictures(target: Target, spools: Sequence[Path], shift: Fraction) -> Iterator[tuple[Packet[Any], Fraction]]:
    """Yield the pictures' packets and their decoding times in seconds.

    Each segment's encoder began anew, so its decoding times overlap with those before it. They are given anew for the
    whole: in the order of decoding each picture is decoded when the one that is so many places before it in the order
    of presentation is shown, as many as the reordering needs.
    """
    order = [packet.pts for path in spools for packet in spool.packets(path, data=False)]
    times = sorted(order)
    rank = {pts: place for place, pts in enumerate(times)}
    if len(rank) != len(order):
        raise MediaError("two pictures of the film have one time stamp", hint="--force begins anew")
    delay = max((place - rank[pts] for place, pts in enumerate(order)), default=0)
    step = max(1, round(1 / target.film.rate / target.time_base))
    offset = round(shift / target.time_base)
    place = 0
    for path in spools:
        for coded in spool.packets(path):
            packet: Packet[Any] = Packet(coded.data)
            after = rank[coded.pts] + 1
            packet.pts = coded.pts - offset
            packet.dts = (times[place - delay] if place >= delay else times[0] - (delay - place) * step) - offset
            packet.duration = times[after] - coded.pts if after < len(times) else coded.duration or step
            packet.time_base = target.time_base
            packet.is_keyframe = coded.key
            yield packet, packet.dts * target.time_base
            place += 1


def _others(
    given: InputContainer, streams: Mapping[int, Stream], part: _Part | None
) -> Iterator[tuple[Packet[Any], Fraction]]:
    """Yield the other streams' packets and their times in seconds; what is broken at the end is left out."""
    last = Fraction(0)
    try:
        for packet in given.demux([given.streams[index] for index in streams]):
            if packet.size == 0:
                continue
            base = Fraction(packet.time_base)
            stamp = packet.dts if packet.dts is not None else packet.pts
            if stamp is not None:
                last = stamp * base
            if part is not None and not is_cover(packet.stream):
                begins = (packet.pts if packet.pts is not None else stamp or 0) * base
                if begins < part.start or (part.end is not None and begins >= part.end):
                    continue
                offset = round(part.shift / base)
                packet.pts = packet.pts - offset if packet.pts is not None else None
                packet.dts = packet.dts - offset if packet.dts is not None else None
            index = packet.stream.index
            packet.stream = streams[index]
            yield packet, last - (part.shift if part is not None else 0)
    except (av.error.FFmpegError, OSError):
        return  # the reader of the pictures has told of it
