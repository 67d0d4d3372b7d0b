from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from colorcli.engine.clip.frames import Colors, Frame
from colorcli.engine.clip.segments import RUN_UP, Cut, Steadying, segmented
from colorcli.engine.geometry import Geometry
from colorcli.engine.prepared import Prepared

#: Frames at which shots begin.
SHOTS = (0, 20, 23, 60)
LOOK_AHEAD = 7


def frames(first: int, last: int) -> Iterator[Frame]:
    geometry = Geometry((8, 8), (8, 8), (8, 8))
    for number in range(first, last):
        L = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(number)) * 100
        yield Frame(number, number / 25, Prepared(L, geometry, 8))


def averaging() -> Steadying:
    """A steadying that looks ahead, and whose colours depend on all frames of a shot so far."""

    def colors(given: Iterator[Frame]) -> Iterator[Colors]:
        waiting: list[Frame] = []
        mean, shot, begun = torch.zeros(()), -1, False

        def out(frame: Frame) -> Colors:
            nonlocal mean, shot, begun
            if frame.number in SHOTS or not begun:
                mean, shot, begun = torch.zeros(()), shot + 1, True
            mean = mean * 0.5 + frame.prepared.L.mean()
            return Colors(frame.number, mean.expand(2, 2, 2), shot, False)

        for frame in given:
            waiting.append(frame)
            if len(waiting) > LOOK_AHEAD:
                yield out(waiting.pop(0))
        for frame in waiting:
            yield out(frame)

    return colors


def run(first: int, shot: int, run_up: int, **how: int) -> tuple[dict[int, Colors], list[Cut]]:
    found, cuts = {}, []
    for step in segmented(frames(first, 100), lambda: averaging(), shot=shot, run_up=run_up, **how):
        if isinstance(step, Cut):
            cuts.append(step)
        else:
            assert step[0].number == step[1].number
            found[step[1].number] = step[1]
    return found, cuts


def test_cuts_fall_on_shots_or_on_the_longest_segment() -> None:
    found, cuts = run(0, 0, 0, shortest=10, longest=30)
    assert sorted(found) == list(range(100))
    # 23 comes too soon after 20; from 20 the longest ends at 50, from 60 at 90.
    assert [cut.number for cut in cuts] == [20, 50, 60, 90]
    assert [cut.run_up for cut in cuts] == [0, min(RUN_UP, 30), 0, min(RUN_UP, 30)]
    starts = [number for number in range(100) if number == 0 or found[number].shot != found[number - 1].shot]
    assert starts == [*SHOTS]
    assert [found[number].shot for number in SHOTS] == [0, 1, 2, 3]


@pytest.mark.parametrize("place", range(4))
def test_a_run_that_begins_at_a_cut_gives_the_same(place: int) -> None:
    whole, cuts = run(0, 0, 0, shortest=10, longest=30)
    cut = cuts[place]
    before = whole[cut.number - 1].shot
    again, later = run(cut.number - cut.run_up, before + (cut.run_up == 0), cut.run_up, shortest=10, longest=30)
    assert sorted(again) == list(range(cut.number, 100))
    assert later == cuts[place + 1 :]
    for number, colors in again.items():
        assert colors.shot == whole[number].shot
        assert torch.equal(colors.ab, whole[number].ab)


def test_colours_for_another_frame_are_a_bug() -> None:
    def wrong(given: Iterator[Frame]) -> Iterator[Colors]:
        for frame in given:
            yield Colors(frame.number + 1, torch.zeros(2, 2, 2), 0, False)

    with pytest.raises(ValueError, match="colours of frame 1"):
        list(segmented(frames(0, 5), lambda: wrong))
