"""Colours that hold still: frames in, colours out, one for one, in order, with a bounded look ahead.

    >>> steady = Steady(colorizer, SteadyOptions())      # doctest: +SKIP
    >>> for colors in steady.colors(frames): ...      # doctest: +SKIP

Nothing is carried from shot to shot, so a film can be taken up at the beginning of any shot with the same result. See
`colorcli.engine.clip.shots` for where shots begin and `colorcli.engine.clip.blend` for how colours are averaged.
"""

from __future__ import annotations

import bisect
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from colorcli.color.lab import lab_to_rgb
from colorcli.engine import triage
from colorcli.engine.clip import shotlist, shots
from colorcli.engine.clip.anchors import Anchors, spread
from colorcli.engine.clip.blend import Cell, Past, blend
from colorcli.engine.clip.frames import Colors, Frame
from colorcli.engine.clip.options import SteadyOptions
from colorcli.engine.clip.shotlist import Shot
from colorcli.engine.clip.shots import Step
from colorcli.engine.colorizer import Colorizer
from colorcli.media.photo import Photo
from colorcli.motion.flow import resize

__all__ = ["Steady"]

#: Frames of a shot that are judged for being in colour already.
_JUDGED = 3
#: Frames the network sees at once. On a CPU more save nothing.
_BATCH_CPU, _BATCH = 1, 16


class Steady:
    """A colorizer for films.

    Args:
        colorizer: for the frames.
        options: how colours are held still.
        anchors: what key frames say, if there are any; ``options.keyframes`` is not looked at here.

    Attributes:
        shots: those that have begun so far, with their palettes.
        look_ahead: frames that are taken before the first is given back, at most.

    Raises:
        MediaError: the list of shots cannot be read.
        UsageError: it is not one.
    """

    def __init__(
        self, colorizer: Colorizer, options: SteadyOptions | None = None, anchors: Anchors | None = None
    ) -> None:
        self.options = options or SteadyOptions()
        self._colorizer, self._anchors = colorizer, anchors
        self._given = shotlist.read(self.options.shots) if self.options.shots else None
        self._batch = _BATCH_CPU if colorizer.device.type == "cpu" else _BATCH
        ahead = self.options.look_ahead if self.options.stabilize > 0 else 0
        self._ahead = ahead if self.options.every == 1 else max(ahead, self.options.every)
        self.look_ahead = self._ahead + self._batch + shots.REACH
        self.shots: list[Shot] = []

    def colors(self, frames: Iterable[Frame], *, shot: int = 0) -> Iterator[Colors]:
        """Yield the colours of each frame, in order.

        Args:
            frames: in order of presentation, from the beginning of a shot.
            shot: number of that shot.

        Raises:
            DeviceError: the network's output is not finite.
            MediaError: a shot's palette cannot be read.
            UsageError: it has no colour, or the network no use for it.
        """
        running: _Running | None = None
        for step in self.cutter().steps(frames):
            if step.first:
                if running is not None:
                    yield from running.end()
                running = self._begin(step, shot + step.shot)
            if running is not None:  # always: the first step begins a shot
                yield from running.add(step)
        if running is not None:
            yield from running.end()

    def cutter(self) -> shots.Cutter:
        """Return what divides frames into shots."""
        starts = None if self._given is None else [one.start for one in self._given]
        return shots.Cutter(self.options.cut, starts, stride=self._colorizer.info.stride)

    def _begin(self, step: Step, number: int) -> _Running:
        palette = None
        if self._given is not None:
            place = bisect.bisect_right([one.start for one in self._given], step.frame.number)
            palette = self._given[max(place - 1, 0)].palette
        self.shots.append(Shot(step.frame.number, step.frame.time, palette))
        colorizer = self._colorizer if palette is None else self._colorizer.with_palette(palette)
        return _Running(colorizer, self.options, self._anchors, number, self._ahead, self._batch)


@dataclass
class _Slot:
    """A frame that waits for those after it.

    Attributes:
        step: the frame and its place.
        wanted: the network is to look at it.
        cell: its part in the average.
    """

    step: Step
    wanted: bool
    cell: Cell


class _Running:
    """A shot that is under way.

    Args:
        colorizer: for its frames.
        options: how colours are held still.
        anchors: what key frames say.
        number: of the shot.
        ahead: frames after a frame that count for it.
        batch: frames the network sees at once.
    """

    def __init__(
        self,
        colorizer: Colorizer,
        options: SteadyOptions,
        anchors: Anchors | None,
        number: int,
        ahead: int,
        batch: int,
    ) -> None:
        self._colorizer, self._options, self._anchors, self._number = colorizer, options, anchors, number
        self._ahead, self._batch = ahead, batch
        self._slots: deque[_Slot] = deque()
        self._past: Past | None = None
        self._count = 0
        self._keep: bool | None = None  # None: not yet known

    def add(self, step: Step) -> Iterator[Colors]:
        """Take a frame; yield those that now have seen enough of what follows them."""
        wanted = step.alone or self._count % self._options.every == 0
        self._slots.append(_Slot(step, wanted, Cell(step.link, None)))
        self._count += 1
        # A batch more than the look ahead, so that the network always sees whole batches.
        if len(self._slots) >= self._ahead + self._batch:
            yield from self._release(self._ahead)

    def end(self) -> Iterator[Colors]:
        """Yield the rest."""
        if self._slots:
            self._slots[-1].wanted = True  # so that between two frames is always between two predictions
        yield from self._release(0)

    def _release(self, rest: int) -> Iterator[Colors]:
        if self._keep is None:
            self._keep = self._options.on_color == "skip" and _in_color([slot.step.frame for slot in self._slots])
        if not self._keep:
            self._predict()
        while len(self._slots) > rest:
            slot = self._slots[0]
            ab = self._nothing(slot) if self._keep else self._anchored(slot)
            self._slots.popleft()
            yield Colors(slot.step.frame.number, ab, self._number, self._keep)

    def _predict(self) -> None:
        """Let the network look at what it has not seen."""
        new = [slot for slot in self._slots if slot.wanted and slot.cell.ab is None]
        for start in range(0, len(new), self._batch):
            part = new[start : start + self._batch]
            found = self._colorizer.predict([slot.step.frame.prepared for slot in part])
            for slot, ab in zip(part, found, strict=True):
                slot.cell.ab = ab

    def _anchored(self, slot: _Slot) -> Tensor:
        """Return the colours of the first slot, those of key frames over the network's."""
        ab = self._colors(slot)
        known = None if self._anchors is None else self._anchors.at(slot.step.frame.number)
        if known is None:
            return ab
        size = (ab.shape[1], ab.shape[2])
        return spread(ab, *known, resize(slot.step.frame.prepared.L_small, size))

    def _colors(self, slot: _Slot) -> Tensor:
        """Return the colours of the first slot."""
        if slot.step.alone and slot.cell.ab is not None:
            return slot.cell.ab
        together = [other.cell for other in self._slots if not other.step.alone]
        ab, self._past = blend(self._past, together[: self._ahead + 1], self._options.stabilize)
        return ab

    def _nothing(self, slot: _Slot) -> Tensor:
        stride = self._colorizer.info.stride
        height, width = slot.step.frame.prepared.geometry.inner
        return torch.zeros(2, height // stride, width // stride)


def _in_color(frames: Sequence[Frame]) -> bool:
    """Say whether most of a few frames, spread over those given, are in colour."""
    places = sorted({round(i * (len(frames) - 1) / (_JUDGED - 1)) for i in range(_JUDGED)})
    colored = [_is_colored(frames[place]) for place in places]
    return 2 * sum(colored) > len(colored)


def _is_colored(frame: Frame) -> bool:
    if frame.ab is None:
        return False
    rgb = lab_to_rgb(torch.cat((frame.prepared.L_small, frame.ab))).clamp(0, 1)
    pixels = (rgb * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    return triage.judge(Photo(pixels)).kind in ("color", "mixed")
