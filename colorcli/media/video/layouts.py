"""Pixel formats: which planes a frame has, and in which of them a film is best written."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import av

from colorcli.errors import UsageError
from colorcli.media.video.codecs import Encoding

#: Chroma subsampling -> (log2 across, log2 down).
_SHIFTS = {"420": (1, 1), "422": (1, 0), "444": (0, 0), "440": (0, 1), "411": (2, 0), "410": (2, 2)}
_NAMES = {shifts: name for name, shifts in _SHIFTS.items()}
_DEPTHS = (8, 9, 10, 12, 14, 16)


@dataclass(frozen=True)
class Layout:
    """What a pixel format holds.

    Attributes:
        name: as FFmpeg says it.
        kind: ``"yuv"``, ``"gray"``, or ``"rgb"`` for all that has no plane of luma.
        bits: of a sample.
        subsampling: of chroma, ``"420"`` and so on; ``"444"`` for RGB and gray.
        alpha: it has transparency.
        full: luma takes all codes by the format's nature, whatever the stream says (``yuvj420p``).
    """

    name: str
    kind: Literal["yuv", "gray", "rgb"]
    bits: int
    subsampling: str
    alpha: bool
    full: bool

    @property
    def planar(self) -> str:
        """The format of whole planes, little-endian, that holds the same samples; of RGB, as Y'CbCr 4:4:4."""
        if self.kind == "gray":
            return _gray(self.bits)
        return _planar(self.subsampling, self.bits, alpha=self.alpha)

    def chroma_size(self, width: int, height: int) -> tuple[int, int]:
        """Return (height, width) of the chroma planes."""
        across, down = _SHIFTS[self.subsampling]
        return -(-height >> down), -(-width >> across)


@lru_cache(maxsize=256)
def layout(name: str) -> Layout:
    """Look at a pixel format.

    Raises:
        ValueError: there is none of that name.
    """
    form = av.VideoFormat(name, 64, 64)
    parts = form.components
    alpha = any(part.is_alpha for part in parts)
    colours = [part for part in parts if not part.is_alpha]
    bits = max([part.bits for part in colours], default=8)
    if form.is_rgb or form.has_palette or form.is_bayer or name.startswith("xyz") or bits > 16:
        return Layout(name, "rgb", _deeper(min(bits, 16)), "444", alpha, True)
    if len(colours) < 3:
        return Layout(name, "gray", _deeper(bits), "444", alpha, False)
    across, down = 64 // colours[1].width, 64 // colours[1].height
    subsampling = _NAMES[across.bit_length() - 1, down.bit_length() - 1]
    return Layout(name, "yuv", _deeper(bits), subsampling, alpha, name.startswith("yuvj"))


def choose(source: Layout, encoding: Encoding, encoder: str, *, odd: bool = False) -> Layout:
    """Choose the pixel format to write a film in.

    Without other wishes: the codec's usual subsampling of chroma, and ten bits where the source has more than eight
    (as many as the source has, where the codec takes them: FFV1).

    Args:
        source: of the film's frames.
        encoding: what is asked for.
        encoder: name of the encoder.
        odd: a side of the frame is odd; encoders of H.264 and HEVC then take 4:4:4 only.

    Raises:
        UsageError: the encoder does not take the format asked for.
    """
    formats = av.Codec(encoder, "w").video_formats or []
    known = [form.name for form in formats]
    if encoding.pix_fmt is not None:
        if encoding.pix_fmt not in known:
            takes = ", ".join(name for name in known if layout(name).kind == "yuv" and not name.startswith("yuvj"))
            raise UsageError(f"{encoding.codec} cannot be written in {encoding.pix_fmt!r}", hint=f"it takes {takes}")
        return layout(encoding.pix_fmt)
    lossless = encoding.codec == "ffv1"
    subsampling = encoding.chosen.subsampling or source.subsampling
    if odd and encoding.codec in ("h264", "hevc"):
        subsampling = "444"
    if encoding.codec == "prores" and encoding.preset in ("4444", "4444xq"):
        subsampling = "444"
    bits = source.bits if lossless or source.bits <= 8 else 10
    found = [one for one in map(layout, known) if one.kind == "yuv" and one.name == one.planar]
    if not found:  # an encoder that does not say
        return layout(_planar(subsampling, bits, alpha=False))
    alpha = source.alpha and (lossless or (encoding.codec == "prores" and subsampling == "444"))

    def distance(one: Layout) -> tuple[bool, bool, int, int]:
        missing = max(bits - one.bits, 0)
        return one.alpha and not alpha, one.subsampling != subsampling, missing * 100 + one.bits, alpha - one.alpha

    return min(found, key=distance)


def _deeper(bits: int) -> int:
    """Return the depth of a plane that holds samples of so many bits."""
    return next(depth for depth in _DEPTHS if depth >= bits)


def _gray(bits: int) -> str:
    return "gray" if bits == 8 else f"gray{bits}le"


def _planar(subsampling: str, bits: int, *, alpha: bool) -> str:
    for name in (f"yuv{'a' if alpha else ''}{subsampling}p", f"yuv{subsampling}p"):
        deep = name if bits == 8 else f"{name}{bits}le"
        try:
            av.VideoFormat(deep, 16, 16)
        except ValueError:
            continue
        return deep
    # Not every combination has a name: the next one that loses nothing.
    return _planar("444", 16 if bits > 8 else 8, alpha=alpha)
