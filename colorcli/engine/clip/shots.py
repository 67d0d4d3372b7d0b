"""Where shots begin, found while the frames go by.

A frame begins a shot if little of the frame before it can be found in it: neither do its details lie where motion
would have carried them, nor do they come back to where they were when they are followed there and back
(:mod:`colorcli.engine.clip.links`). Fast motion, flicker and changes of light pass this test, as they move or dim what
is there. Three things need more than two frames:

* A flash, or a damaged frame: the frame before it is found again a few frames later. The frames in between stand
  alone, and the shot goes on over them.
* A fade: the picture goes blank, and a shot begins where it comes back.
* A dissolve of up to about a second: a frame is the sum of one before and one after; or it has less detail than both,
  as one of two pictures over each other, and what was before is gone: every frame was found in the next one, but
  following things leads nowhere. The shot begins in the middle. Slower ones are not seen, nor need they be, as colours
  are carried over a few frames only.

What is decided inside a shot depends on nothing before it, so a film can be taken up at the beginning of any shot.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import torch
from torch import Tensor

from colorcli.engine.clip.frames import Frame
from colorcli.engine.clip.links import Link, View, followed, link, view

__all__ = ["Cutter", "Step"]

#: Frames that a flash or a damage may last.
FLASH = 4
#: How much of the frame before a flash must be found after it: there are several chances to find something.
_AGAIN = 0.5
#: Frames to either side of a dissolve's middle.
REACH = 8
#: Frames of a shot before its end is looked for in a dissolve: a slow one would be found twice.
_SETTLED = 24
#: Standard deviation of L below which a frame is blank, and below which one may be fading into that.
_BLANK, _FADING = 2.0, 9.0
#: A dissolve's middle is explained by the frames before and after together; what each alone leaves unexplained is at
#: least this many times as much, and at least this share of all.
_BETTER, _LEAST = 5.0, 0.05
#: Each has at least this weight in the sum.
_SHARE = 0.3
#: Correlation of thumbnails above which nothing has dissolved.
_ALIKE = 0.95
#: Detail of a dissolve's middle against the mean of its ends, at most; two unrelated pictures half and half have 0.5.
_DIP = 0.75
#: Correlation of details that were followed, below which they are gone.
_GONE = 0.15


@dataclass(frozen=True)
class Step:
    """A frame with its place among the others.

    Attributes:
        frame: the frame.
        shot: number of its shot, from 0.
        first: it begins the shot.
        link: from the last frame of the shot that does not stand alone; None for the first, and for one that does.
        alone: a flash or a damage: nothing is carried to it or from it.
    """

    frame: Frame
    shot: int
    first: bool
    link: Link | None = None
    alone: bool = False


@dataclass
class _Seen:
    frame: Frame
    view: View
    links: dict[int, Link] = field(default_factory=dict)  # by the number of the earlier frame


class Cutter:
    """Divides frames into shots.

    Args:
        threshold: share of a frame that must be found in the next one, 0..1; 0 never cuts.
        starts: numbers of the frames that begin shots, instead of looking for them.
        stride: of the network: its output has one pixel for so many of its input, in each direction.
    """

    def __init__(self, threshold: float, starts: Sequence[int] | None = None, *, stride: int = 4) -> None:
        self._threshold = threshold
        self._starts = None if starts is None else frozenset(starts)
        self._stride = stride

    def steps(self, frames: Iterable[Frame]) -> Iterator[Step]:
        """Yield a step for each frame, in order, at most :data:`REACH` frames after it came."""
        ahead: deque[_Seen] = deque()
        self._begin()
        self._shot = -1
        for frame in frames:
            ahead.append(self._see(frame))
            if len(ahead) > REACH:
                yield self._next(ahead)
        while ahead:
            yield self._next(ahead)

    def _begin(self) -> None:
        """Forget the shot before."""
        self._last: _Seen | None = None  # frame of the shot that does not stand alone
        self._past: deque[_Seen] = deque(maxlen=REACH)
        self._count = 0
        self._alone_until = -1

    def _see(self, frame: Frame) -> _Seen:
        return _Seen(frame, view(frame.prepared.L_small, self._colors(frame)))

    def _colors(self, frame: Frame) -> tuple[int, int]:
        height, width = frame.prepared.geometry.inner
        return height // self._stride, width // self._stride

    def _next(self, ahead: deque[_Seen]) -> Step:
        seen = ahead.popleft()
        step = self._step(seen, ahead)
        if step.first:
            self._begin()
            self._shot += 1
        self._past.append(seen)
        self._count += 1
        if not step.alone:
            self._last = seen
        return replace(step, shot=self._shot)

    def _step(self, seen: _Seen, ahead: Sequence[_Seen]) -> Step:
        frame, last = seen.frame, self._last
        if last is None or last.view.L.shape != seen.view.L.shape:
            return Step(frame, 0, first=True)
        if self._starts is not None and frame.number in self._starts:
            return Step(frame, 0, first=True)
        if frame.number < self._alone_until:
            return Step(frame, 0, first=False, alone=True)
        fading = self._fading(last, seen)
        found = self._link(last, seen)
        if not fading and found.found < self._threshold:
            again = self._again(last, ahead)
            if again is not None:
                self._alone_until = again
                return Step(frame, 0, first=False, alone=True)
            if self._starts is None:
                return Step(frame, 0, first=True)
        if self._starts is None and self._threshold > 0 and self._gradual(last, seen, ahead):
            return Step(frame, 0, first=True)
        return Step(frame, 0, first=False, link=found)

    def _link(self, first: _Seen, second: _Seen) -> Link:
        """Return the link between two frames, kept with the later one."""
        number = first.frame.number
        if number not in second.links:
            second.links[number] = link(first.view, second.view, self._colors(second.frame))
        return second.links[number]

    def _again(self, last: _Seen, ahead: Sequence[_Seen]) -> int | None:
        """Return the number of the frame in which ``last`` is found again after a flash, or None."""
        for seen in list(ahead)[:FLASH]:
            if self._starts is not None and seen.frame.number in self._starts:
                return None
            if seen.view.L.shape != last.view.L.shape:
                return None
            if self._link(last, seen).found >= max(self._threshold, _AGAIN):
                return seen.frame.number
        return None

    @staticmethod
    def _fading(last: _Seen, seen: _Seen) -> bool:
        """Say whether the picture is going blank, or has been and stays so, step by step."""
        contrasts = sorted((last.view.contrast, seen.view.contrast))
        return contrasts[0] < _BLANK and contrasts[1] < _FADING

    def _gradual(self, last: _Seen, seen: _Seen, ahead: Sequence[_Seen]) -> bool:
        if _blank(last.view):  # the end of a fade is where something can be seen again
            return not _blank(seen.view)
        if self._count < _SETTLED or len(ahead) < REACH:
            return False
        window = [*self._past, seen, *list(ahead)[:REACH]]
        before, after = window[0], window[-1]
        if any(one.view.L.shape != seen.view.L.shape for one in window):
            return False
        if _correlation(before.view.thumb, after.view.thumb) > _ALIKE:
            return False
        if _is_sum(before.view.thumb, seen.view.thumb, after.view.thumb):
            return True
        if seen.view.detail > _DIP * (before.view.detail + after.view.detail) / 2:
            return False
        way = [self._link(first, second) for first, second in pairwise(window)]
        if min(one.found for one in way) < self._threshold:
            return False
        if followed(before.view, after.view, way) > _GONE:
            return False
        earlier, later = way[:REACH], way[REACH:]
        return followed(seen.view, after.view, later) >= followed(before.view, seen.view, earlier)


def _blank(view: View) -> bool:
    return view.contrast < _BLANK


def _is_sum(before: Tensor, middle: Tensor, after: Tensor) -> bool:
    """Say whether a picture is the sum of two others, the later no weaker than the earlier, and not one of them."""
    rows = torch.stack([picture.flatten() - picture.mean() for picture in (before, after, middle)]).double()
    gram = rows @ rows.T
    own = [float(gram[i, i]) for i in range(3)]
    if min(own) < 1e-3:
        return False
    across = float(gram[0, 1])
    spread = own[0] * own[1] - across**2
    if spread <= 1e-6 * own[0] * own[1]:
        return False
    x = (float(gram[0, 2]) * own[1] - float(gram[1, 2]) * across) / spread
    y = (float(gram[1, 2]) * own[0] - float(gram[0, 2]) * across) / spread
    together = 1 - (x * float(gram[0, 2]) + y * float(gram[1, 2])) / own[2]
    alone = 1 - max(float(gram[0, 2]) ** 2 / own[0], float(gram[1, 2]) ** 2 / own[1]) / own[2]
    return y >= x > _SHARE and alone > max(_BETTER * together, _LEAST)


def _correlation(first: Tensor, second: Tensor) -> float:
    a, b = first - first.mean(), second - second.mean()
    return float((a * b).sum() / (a.norm() * b.norm()).clamp_min(1e-6))
