"""A clip on the bench: frame by frame, result beside truth, to the rows that a picture gives."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from colorcli.color import lab, ycbcr
from colorcli.engine import _shrink
from colorcli.engine.clip.sight import coding_of
from colorcli.errors import MediaError
from colorcli.evaluation.pairing import Member
from colorcli.evaluation.protocol import Pixels, Protocol, tensor
from colorcli.media.video.reader import Reader
from colorcli.metrics._batch import Batch, Pictures
from colorcli.metrics._metric import Metric
from colorcli.metrics._video import VideoMetric

#: Names of metrics by system; those of a system that is missing are all.
Names = Mapping[str, Sequence[str]]


def frames(path: Path, *, start: float = 0.0) -> Generator[npt.NDArray[np.uint16], None, None]:
    """Yield a film's frames, upright, RGB uint16 ``(H, W, 3)``: its own matrix and primaries brought to sRGB.

    Args:
        path: of the film.
        start: seconds from its beginning.

    Raises:
        MediaError: it cannot be read, or broke off.
    """
    with Reader(path) as reader:
        film, coding = reader.film, coding_of(reader.film)
        for picture in reader.pictures(start=start):
            luma = torch.from_numpy(np.ascontiguousarray(picture.luma).astype(np.float32))
            planes = [luma, *(_grown(plane, luma.shape) for plane in picture.chroma or ())]
            colors = torch.stack(planes) if len(planes) == 3 else torch.stack([luma, *[_no_chroma(luma, coding)] * 2])
            rgb = lab.lab_to_rgb(ycbcr.to_lab(colors, coding)).clamp(0, 1)
            upright = torch.rot90(rgb, film.turns, (-2, -1))
            yield (upright.movedim(0, -1) * 65535).round().numpy().astype(np.uint16)
        if reader.broken is not None:
            raise MediaError(f"{path}: the film breaks off ({reader.broken})", hint="measure a whole copy")


def _grown(plane: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], size: Sequence[int]) -> Tensor:
    """Bring a plane of chroma to the size of luma."""
    scale = np.float32(np.iinfo(plane.dtype).max)
    return torch.from_numpy(_shrink.resize(np.ascontiguousarray(plane), (size[0], size[1])) * scale)


def _no_chroma(luma: Tensor, coding: ycbcr.Coding) -> Tensor:
    return torch.full_like(luma, float(coding.middle))


def truths(member: Member, protocol: Protocol) -> Iterator[Pixels]:
    """Yield the frames of a true clip at the size of comparison."""
    with closing(frames(_path(member))) as film:
        for frame in film:
            yield protocol.fit(frame)


def together(
    protocol: Protocol, truth: Member | None, results: Sequence[tuple[str, Member]], *, start: float = 0.0
) -> Iterator[tuple[Pixels | None, dict[str, Pixels]]]:
    """Yield (truth, results by system) for each frame, at the size of comparison.

    Raises:
        MediaError: one cannot be read, shows another part of the scene, or has other frames than the truth.
    """
    with ExitStack() as stack:
        streams = {
            member.name if system is None else system: stack.enter_context(closing(frames(_path(member), start=start)))
            for system, member in (*([(None, truth)] if truth else []), *results)
        }
        names = {system: str(member.where) for system, member in results}
        for number in itertools.count():
            found = [next(stream, None) for stream in streams.values()]
            if all(frame is None for frame in found):
                return
            if any(frame is None for frame in found):
                short = list(streams)[next(i for i, frame in enumerate(found) if frame is None)]
                raise MediaError(
                    f"{names.get(short, short)}: ends after {number} frames, and its partner goes on",
                    hint="compare films with the same frames",
                )
            whole = [frame for frame in found if frame is not None]
            true = whole.pop(0) if truth is not None else None
            fitted = None if true is None else protocol.fit(true)
            shown: dict[str, Pixels] = {}
            for (system, member), frame in zip(results, whole, strict=True):
                if true is not None and truth is not None and number == 0:
                    protocol.check(frame.shape[:2], true.shape[:2], (str(member.where), truth.name))
                shown[system] = protocol.fit(frame, None if fitted is None else fitted.shape[:2])
            yield fitted, shown


def still(
    protocol: Protocol, truth: Member | None, results: Sequence[tuple[str, Member]]
) -> tuple[Pixels | None, dict[str, Pixels]]:
    """Return (truth, results by system) for one frame in the middle, to be looked at.

    Raises:
        MediaError: there is none, or as for :func:`together`.
    """
    first = truth or results[0][1]
    with Reader(_path(first)) as reader:
        start = (reader.film.duration or 0) / 2
    for found in together(protocol, truth, results, start=start):
        return found
    raise MediaError(f"{first.where}: no frame in the middle of it")


class ClipRows:
    """The rows of one clip and one system: video metrics see its frames in order, of others the rows are added."""

    def __init__(self, metrics: Mapping[str, Metric], names: Sequence[str]) -> None:
        self._metrics = {name: metric.fresh() for name, metric in metrics.items() if name in names}
        for metric in self._metrics.values():
            if isinstance(metric, VideoMetric):
                metric.begin()

    def add(self, result: Pictures, truth: Pictures | None, name: str) -> None:
        """Take the next frame."""
        batch = Batch(result=result, reference=truth, names=(name,))
        for metric in self._metrics.values():
            metric.update(batch)

    def rows(self) -> dict[str, npt.NDArray[np.float64]]:
        """Return the row of each metric."""
        return {name: metric.sum().numpy() for name, metric in self._metrics.items()}


def pictures_of(pixels: Pixels) -> Pictures:
    """Return one frame as metrics take it."""
    return Pictures(rgb=tensor(pixels))


def _path(member: Member) -> Path:
    assert isinstance(member.where, Path)
    return member.where
