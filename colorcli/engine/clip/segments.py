"""Where a film is cut into segments: at shots, so that what is done in one does not depend on those before it.

A segment is computed from its first frame on by a steadying that knows nothing of earlier ones, whether the run was
interrupted before it or not: so both give the same pixels. At the beginning of a shot nothing is lost by that. A shot
that is very long is cut all the same; then the new steadying first sees some frames before the cut, its run-up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from colorcli.engine.clip.frames import Colors, Frame

#: Frames from which on a segment ends with its shot; and at which it ends in any case.
SHORTEST, LONGEST = 250, 900
#: Frames that are seen before a segment that begins in the middle of a shot.
RUN_UP = 32

#: Makes a fresh steadying: frames in, colours out, one for one, in order.
Steadying = Callable[[Iterator[Frame]], Iterator[Colors]]


@dataclass(frozen=True)
class Cut:
    """The end of a segment; the next one begins with frame ``number``, ``run_up`` frames being seen before it."""

    number: int
    run_up: int


def segmented(
    frames: Iterator[Frame],
    steadying: Callable[[], Steadying],
    *,
    shot: int = 0,
    run_up: int = 0,
    shortest: int | None = None,
    longest: int | None = None,
) -> Iterator[tuple[Frame, Colors] | Cut]:
    """Yield frames with their colours, and cuts between segments.

    Args:
        frames: in order; the first ``run_up`` of them belong to the run-up of the first segment and are not yielded.
        steadying: called for each segment.
        shot: number of the shot that the first frame belongs to.
        run_up: see above; above 0, the first segment begins in the middle of the shot.
        shortest: instead of :data:`SHORTEST`.
        longest: instead of :data:`LONGEST`.
    """
    shortest, longest = shortest or SHORTEST, longest or LONGEST
    history: deque[Frame] = deque(maxlen=RUN_UP)  # of frames yielded
    again: list[Frame] = []  # to be seen once more
    skip, first_shot = run_up, shot
    while True:
        held: deque[Frame] = deque()  # seen by this steadying, not yet given back
        fed = _Feed(again, frames, held)
        colors_of = steadying()(fed)
        cut: Cut | None = None
        local: int | None = None
        count = 0
        for colors in colors_of:
            frame = held.popleft()
            if frame.number != colors.number:
                raise ValueError(f"colours of frame {colors.number} came for frame {frame.number}")
            if skip:
                skip -= 1
                history.append(frame)
                continue
            if local is None:
                local = colors.shot
            number = first_shot + colors.shot - local
            begins = count > 0 and number != shot
            if (begins and count >= shortest) or count >= longest:
                held.appendleft(frame)
                cut = Cut(frame.number, 0 if begins else min(RUN_UP, count))
                break
            shot, count = number, count + 1
            history.append(frame)
            yield frame, Colors(colors.number, colors.ab, number, colors.keep)
        if cut is None:
            return
        _close(colors_of)
        yield cut
        again = [*([*history][-cut.run_up :] if cut.run_up else []), *held, *fed.rest]
        skip = cut.run_up
        first_shot = shot if cut.run_up else shot + 1
        shot = first_shot


class _Feed:
    """Gives frames to a steadying and holds on to them until their colours are there."""

    def __init__(self, again: list[Frame], frames: Iterator[Frame], held: deque[Frame]) -> None:
        self.rest = deque(again)
        self._frames, self._held = frames, held

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> Frame:
        frame = self.rest.popleft() if self.rest else next(self._frames)
        self._held.append(frame)
        return frame


def _close(colors: Iterator[Colors]) -> None:
    close = getattr(colors, "close", None)
    if close is not None:
        close()
