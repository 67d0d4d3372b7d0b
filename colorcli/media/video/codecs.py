"""The codecs a film can be written in. Imports nothing heavy: a command line checks names and numbers with it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from colorcli.errors import MediaError, UsageError


@dataclass(frozen=True)
class Codec:
    """A codec as ``--codec`` names it.

    Attributes:
        name: as on the command line.
        encoders: libraries that write it, the one preferred first, as FFmpeg names them.
        crf: constant rate factor by default; None where the codec has none.
        crf_top: the highest it takes.
        presets: how fast it can be asked to work, fastest first; empty where there is no choice.
        preset: the default.
        subsampling: chroma's, unless asked for otherwise: ``"420"``, ``"422"``, or None for the source's own.
        options: what the encoder is told besides.
        tag: what MP4 and MOV are to call it, where players are particular.
    """

    name: str
    encoders: tuple[str, ...]
    crf: int | None = None
    crf_top: int = 0
    presets: tuple[str, ...] = ()
    preset: str | None = None
    subsampling: str | None = "420"
    options: dict[str, str] = field(default_factory=dict)
    tag: str | None = None


_X26 = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo")
_NUMBERS = tuple(str(number) for number in range(13, -1, -1))
_PRORES = ("proxy", "lt", "standard", "hq", "4444", "4444xq")

CODECS = {
    codec.name: codec
    for codec in (
        Codec("h264", ("libx264",), 18, 51, _X26, "medium"),
        Codec("hevc", ("libx265",), 20, 51, _X26, "medium", options={"x265-params": "log-level=error"}, tag="hvc1"),
        Codec("av1", ("libsvtav1", "libaom-av1"), 24, 63, _NUMBERS, "8"),
        Codec("vp9", ("libvpx-vp9",), 24, 63, tuple(_NUMBERS[-9:]), "4", options={"b": "0", "row-mt": "1"}),
        Codec("prores", ("prores_ks", "prores"), presets=_PRORES, preset="hq", subsampling="422"),
        Codec("ffv1", ("ffv1",), subsampling=None, options={"level": "3", "slicecrc": "1", "g": "1"}),
    )
}
DEFAULT = "h264"
#: Suffix -> the container's name for FFmpeg, of those that are written.
CONTAINERS = {
    ".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".avi": "avi", ".ts": "mpegts",
    ".mts": "mpegts", ".m2ts": "mpegts", ".mpg": "mpeg", ".mpeg": "mpeg", ".flv": "flv", ".mxf": "mxf", ".nut": "nut",
    ".ogv": "ogg", ".3gp": "3gp",
}  # fmt: skip
#: Suffixes of films that a folder is searched for.
FILM_SUFFIXES = frozenset(
    (*CONTAINERS, ".wmv", ".asf", ".vob", ".dv", ".rm", ".rmvb", ".m2v", ".y4m", ".mjpeg", ".mjpg")
)
#: What goes into a container that does not take the default.
_IN = {"webm": "vp9"}


def container_of(suffix: str) -> str:
    """Return the name of the container that a suffix stands for.

    Raises:
        MediaError: it stands for none that can be written.
    """
    found = CONTAINERS.get(suffix.lower())
    if found is None:
        known = ", ".join(CONTAINERS)
        raise MediaError(f"no video container has the suffix {suffix!r}", hint=f"known: {known}")
    return found


def output_suffix(suffix: str) -> str:
    """Return the suffix for the output of a film of that suffix: its own where it can be written."""
    return suffix if suffix.lower() in CONTAINERS else ".mkv"


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How a film is to be encoded. None takes the codec's own value.

    Attributes:
        codec: of :data:`CODECS`; None goes by the container.
        crf: constant rate factor: lower is better and larger.
        preset: of the codec's; of ProRes its profile.
        pix_fmt: name of a pixel format, as FFmpeg says it; None goes by the source and the codec.

    Raises:
        UsageError: an unknown codec or preset, or a number it does not take.
    """

    codec: str | None = None
    crf: int | None = None
    preset: str | None = None
    pix_fmt: str | None = None

    def __post_init__(self) -> None:
        if self.codec is None:
            return
        if self.codec not in CODECS:
            raise UsageError(f"unknown codec {self.codec!r}", hint=f"known: {', '.join(CODECS)}")
        chosen = CODECS[self.codec]
        if self.crf is not None and chosen.crf is None:
            raise UsageError(f"{self.codec} has no constant rate factor", hint="leave out --crf")
        if self.crf is not None and not 0 <= self.crf <= chosen.crf_top:
            raise UsageError(f"crf {self.crf} is out of range for {self.codec}", hint=f"give 0 to {chosen.crf_top}")
        if self.preset is not None and self.preset not in chosen.presets:
            known = ", ".join(chosen.presets) or "none; leave out --preset"
            raise UsageError(f"{self.codec} has no preset {self.preset!r}", hint=f"known: {known}")

    def within(self, container: str) -> Encoding:
        """Return the same with a codec that the container takes by default, where none is asked for."""
        return replace(self, codec=_IN.get(container, DEFAULT)) if self.codec is None else self

    @property
    def chosen(self) -> Codec:
        """The codec."""
        return CODECS[self.codec or DEFAULT]

    @property
    def options(self) -> dict[str, str]:
        """What the encoder is told."""
        chosen = self.chosen
        found = dict(chosen.options)
        crf, preset = self.crf if self.crf is not None else chosen.crf, self.preset or chosen.preset
        if crf is not None:
            found["crf"] = str(crf)
        if preset is not None:
            name = {"prores": "profile", "vp9": "cpu-used"}.get(chosen.name, "preset")
            found[name] = preset
        return found
