"""Colours that hold still: less flicker, no less chroma, nothing over a cut, and the same from any shot's start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from moving import STRIDE, Painter, colors_of, flickering, frames, pan
from torch import Tensor

from colorcli.engine.clip.frames import Colors, Frame
from colorcli.engine.clip.options import SteadyOptions
from colorcli.engine.clip.steady import Steady
from colorcli.engine.colorizer import ColorizeOptions, Colorizer
from colorcli.errors import UsageError
from colorcli.motion.flow import flow, scale, visible, warp


def run(L: Tensor, predictions: Tensor, *, start: int = 0, ab: Tensor | None = None, **how: object) -> list[Colors]:
    steady = Steady(Painter(predictions), SteadyOptions(**how))  # type: ignore[arg-type]
    return list(steady.colors(frames(L, start=start, ab=ab)))


def stack(found: list[Colors]) -> Tensor:
    return torch.stack([one.ab for one in found])


def warping_error(ab: Tensor, L: Tensor) -> float:
    errors = []
    for t in range(len(L) - 1):
        there, back = flow(L[t], L[t + 1]), flow(L[t + 1], L[t])
        seen = visible(scale(there, ab.shape[2:]), scale(back, ab.shape[2:]))
        errors.append((ab[t] - warp(ab[t + 1], scale(there, ab.shape[2:]))).norm(dim=0)[seen].mean())
    return float(torch.stack(errors).mean())


@pytest.mark.parametrize("speed", [0.0, 1.5])
def test_flicker_goes_and_chroma_stays(speed: float) -> None:
    L = pan("astronaut", 30, speed=speed)
    before, truth = flickering(L), colors_of(L)
    after = stack(run(L, before))
    assert warping_error(after, L) < 0.4 * warping_error(before, L)
    assert after.norm(dim=1).mean() > 0.95 * truth.norm(dim=1).mean()
    assert (after - truth).norm(dim=1).mean() < 0.6 * (before - truth).norm(dim=1).mean()


def test_hues_that_disagree_do_not_turn_gray() -> None:
    L = pan("camera", 24, speed=0.0)
    predictions = torch.zeros(24, 2, L.shape[2] // STRIDE, L.shape[3] // STRIDE)
    predictions[::2, 0], predictions[1::2, 1] = 30.0, 30.0  # red, yellow, red: the mean has 21
    assert stack(run(L, predictions)).norm(dim=1).mean() > 0.9 * 30


def test_first_and_last_frame_are_no_worse_than_stills() -> None:
    L = pan("coffee", 24)
    before, truth = flickering(L), colors_of(L)
    after = stack(run(L, before))
    for place in (0, -1):
        assert (after[place] - truth[place]).norm(dim=0).mean() < (before[place] - truth[place]).norm(dim=0).mean()


def test_nothing_is_carried_over_a_cut() -> None:
    L = torch.cat((pan("astronaut", 15), pan("coins", 15), pan("cat", 15)))
    ab = torch.zeros(45, 2, L.shape[2] // STRIDE, L.shape[3] // STRIDE)
    ab[:15, 0], ab[15:30, 0], ab[30:, 1] = 40.0, -40.0, 40.0
    found = run(L, ab)
    assert [one.shot for one in found] == [0] * 15 + [1] * 15 + [2] * 15
    torch.testing.assert_close(stack(found), ab)


def test_a_flash_neither_takes_nor_gives_colour() -> None:
    L = pan("astronaut", 20)
    L[10] = 98.0
    ab = torch.full((20, 2, L.shape[2] // STRIDE, L.shape[3] // STRIDE), 20.0)
    ab[10] = -60.0
    torch.testing.assert_close(stack(run(L, ab)), ab)


def test_uncovered_places_take_their_own_colour() -> None:
    # A square goes to the right over a background of another colour.
    background, square = pan("coffee", 1)[0, 0], pan("coins", 1)[0, 0, :32, :32]
    pictures, predictions = [], []
    for t in range(16):
        L, ab = background.clone(), torch.zeros(2, *background.shape)
        ab[1] = 40.0
        L[20:52, 10 + 4 * t : 42 + 4 * t] = square
        ab[:, 20:52, 10 + 4 * t : 42 + 4 * t] = torch.tensor([50.0, -20.0])[:, None, None]
        pictures.append(L[None])
        predictions.append(torch.nn.functional.avg_pool2d(ab, STRIDE))
    L, ab = torch.stack(pictures), torch.stack(predictions)
    wrong = (stack(run(L, ab)) - ab).norm(dim=1)
    assert wrong.mean() < 2.0
    assert (wrong[8:] > 30).float().mean() < 0.01


def test_stabilize_0_is_frame_by_frame() -> None:
    L = pan("cat", 8)
    before = flickering(L)
    torch.testing.assert_close(stack(run(L, before, stabilize=0.0)), before)


def test_more_is_steadier() -> None:
    L = pan("cat", 16)
    before = flickering(L)
    errors = [warping_error(stack(run(L, before, stabilize=amount)), L) for amount in (0.0, 0.5, 1.0)]
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("every", [3, 8])
def test_every_asks_the_network_for_key_frames_only(every: int) -> None:
    L = torch.cat((pan("astronaut", 20), pan("coins", 13)))
    painter = Painter(colors_of(L))
    found = list(Steady(painter, SteadyOptions(every=every)).colors(frames(L)))  # type: ignore[arg-type]
    keys = [*range(0, 20, every), 19, *range(20, 33, every), 32]
    assert painter.seen == sorted(set(keys))
    assert (stack(found) - colors_of(L)).norm(dim=1).mean() < 2.5


def test_every_without_stabilizing_keeps_the_key_frames() -> None:
    L = pan("astronaut", 13)
    before = flickering(L)
    after = stack(run(L, before, every=4, stabilize=0.0))
    torch.testing.assert_close(after[::4], before[::4])


@pytest.mark.parametrize("how", [{}, {"every": 5}, {"look_ahead": 0}, {"look_ahead": 3, "stabilize": 0.6}])
def test_from_a_shots_start_it_is_the_same(how: dict[str, object]) -> None:
    L = torch.cat((pan("astronaut", 21), pan("coins", 17), pan("cat", 9)))
    predictions = flickering(L)
    whole = run(L, predictions, **how)
    again = run(L, predictions, **how)
    later = run(L, predictions, start=21, **how)
    assert torch.equal(stack(whole), stack(again))
    assert torch.equal(stack(whole)[21:], stack(later))


def test_memory_is_bounded_and_nothing_waits_longer_than_said() -> None:
    L = pan("camera", 60, speed=0.2)
    taken = 0

    def counted() -> Iterator[Frame]:
        nonlocal taken
        for frame in frames(L):
            taken += 1
            yield frame

    steady = Steady(Painter(colors_of(L)), SteadyOptions(look_ahead=5))  # type: ignore[arg-type]
    for one in steady.colors(counted()):
        assert taken - one.number <= steady.look_ahead + 1


def test_shots_in_colour_pass_through() -> None:
    L = torch.cat((pan("astronaut", 12), pan("coins", 12)))
    own = torch.zeros(24, 2, *L.shape[2:])
    own[:12, 0, :, :64], own[:12, 1, :, 64:] = 50.0, -50.0
    painter = Painter(colors_of(L))
    found = list(Steady(painter, SteadyOptions()).colors(frames(L, ab=own)))  # type: ignore[arg-type]
    assert [one.keep for one in found] == [True] * 12 + [False] * 12
    assert painter.seen == list(range(12, 24))
    assert not any(one.keep for one in run(L, colors_of(L), ab=own, on_color="recolor"))


def test_shots_have_palettes_of_their_own(tmp_path: Path, tiny_model: Path) -> None:
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[..., 0] = 200  # BGR: blue
    cv2.imwrite(str(tmp_path / "blue.png"), picture)
    (tmp_path / "shots.json").write_text('{"shots": [{"start": 0}, {"start": 3, "palette": "blue.png"}]}')
    L = torch.nn.functional.interpolate(pan("coffee", 6, speed=0.0), (64, 64))
    colorizer = Colorizer(ColorizeOptions(model=str(tiny_model), device="cpu"))
    steady = Steady(colorizer, SteadyOptions(shots=tmp_path / "shots.json"))
    ab = stack(list(steady.colors(frames(L))))
    assert ab[3:, 1].mean() < ab[:3, 1].mean() - 5
    assert [shot.start for shot in steady.shots] == [0, 3]
    assert steady.shots[1].palette == tmp_path / "blue.png"


@pytest.mark.parametrize(
    "wrong", [{"stabilize": 1.5}, {"cut": -0.1}, {"every": 0}, {"look_ahead": -1}, {"look_ahead": 1000}]
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="out of range"):
        SteadyOptions(**wrong)  # type: ignore[arg-type]
