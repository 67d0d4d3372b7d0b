"""A decoded frame, and its planes as arrays."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from av import VideoFrame

from colorcli.media.video.layouts import layout


class Point(NamedTuple):
    """A frame by which a film can be entered again."""

    number: int
    pts: int
    crc: int


@dataclass(frozen=True)
class Picture:
    """A decoded frame.

    Attributes:
        number: in the film, from 0.
        pts: of presentation, in the film's time base; rises from frame to frame.
        duration: in the same unit, 0 if not known.
        frame: of whole planes (`Layout.planar`), of the film's size.
    """

    number: int
    pts: int
    duration: int
    frame: VideoFrame

    @property
    def luma(self) -> npt.NDArray[Any]:
        """``(H, W)`` uint8 or uint16 codes; a view."""
        return plane(self.frame, 0)

    @property
    def chroma(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any]] | None:
        """Cb and Cr as codes, views; None of a gray frame."""
        return (plane(self.frame, 1), plane(self.frame, 2)) if layout(self.frame.format.name).kind == "yuv" else None

    @property
    def point(self) -> Point:
        """How to find it again."""
        return Point(self.number, self.pts, zlib.crc32(np.ascontiguousarray(self.luma).data))


def plane(frame: VideoFrame, index: int) -> npt.NDArray[Any]:
    """Return a plane as an array ``(h, w)`` of uint8 or uint16 that shares its memory."""
    form = layout(frame.format.name)
    height, width = frame.height, frame.width
    if index in (1, 2) and form.kind == "yuv":
        height, width = form.chroma_size(width, height)
    kind = np.uint8 if form.bits == 8 else np.uint16
    data: Any = frame.planes[index]
    rows: npt.NDArray[Any] = np.frombuffer(data, kind, count=data.line_size // kind().itemsize * height)
    return rows.reshape(height, -1)[:, :width]
