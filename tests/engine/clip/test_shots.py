"""Where shots begin: cuts, fades, flashes, dissolves, and motion that is none of them."""

from __future__ import annotations

import pytest
import torch
from moving import HEIGHT, STRIDE, WIDTH, dissolve, frames, pan
from torch import Tensor

from colorcli.engine.clip.shots import REACH, Cutter, Step

SCENES = ("astronaut", "coffee", "camera", "cat", "rocket", "coins")


def steps(L: Tensor, *, threshold: float = 0.25, starts: list[int] | None = None, start: int = 0) -> list[Step]:
    return list(Cutter(threshold, starts, stride=STRIDE).steps(frames(L, start=start)))


def borders(L: Tensor, **how: object) -> list[int]:
    return [step.frame.number for step in steps(L, **how) if step.first]  # type: ignore[arg-type]


@pytest.mark.parametrize("speed", [0.0, 1.0, 3.0])
def test_cuts_are_found_and_nothing_else(speed: float) -> None:
    shots = [pan(name, 10 + 2 * i, speed=speed, seed=i) for i, name in enumerate(SCENES)]
    wanted = [sum(len(shot) for shot in shots[:i]) for i in range(len(shots))]
    assert borders(torch.cat(shots)) == wanted


def test_steps_tell_every_frame_in_order() -> None:
    found = steps(torch.cat((pan("astronaut", 12), pan("coins", 9))))
    assert [step.frame.number for step in found] == list(range(21))
    assert [step.shot for step in found] == [0] * 12 + [1] * 9
    assert all((step.link is None) == step.first for step in found)


def test_noise_and_flicker_are_no_cuts() -> None:
    L = pan("camera", 24, speed=0.5, noise=5.0)
    L = (L * (1 + 0.25 * torch.sin(torch.arange(24) * 2.1))[:, None, None, None]).clamp(0, 100)
    assert borders(L) == [0]


def test_flash_and_damage_stand_alone() -> None:
    L = pan("astronaut", 40)
    L[12:14] = 97 + torch.rand(2, 1, HEIGHT, WIDTH)
    L[20] = pan("coins", 1)[0]
    L[30] = 0.0
    found = steps(L)
    assert [step.frame.number for step in found if step.first] == [0]
    assert [step.frame.number for step in found if step.alone] == [12, 13, 20, 30]
    assert all(step.link is None for step in found if step.alone)
    assert found[14].link is not None  # from frame 11


def test_what_lasts_longer_than_a_flash_is_a_shot() -> None:
    L = pan("astronaut", 40)
    L[12:20] = pan("coins", 8)
    assert borders(L) == [0, 12, 20]


def test_fade_to_black_and_back_is_a_border() -> None:
    first, second = pan("astronaut", 30), pan("coffee", 30)
    level = (1 - torch.arange(1, 13) / 12)[:, None, None, None]
    first[-12:] *= level
    second[:12] *= level.flip(0)
    [zero, border] = borders(torch.cat((first, second)))
    assert zero == 0
    assert 30 <= border <= 33  # where something can be seen again


@pytest.mark.parametrize("speed", [0.0, 0.5])
@pytest.mark.parametrize("length", [12, 16])
def test_dissolve_has_its_border_inside(speed: float, length: int) -> None:
    L = dissolve(pan("astronaut", 40, speed=speed), pan("coffee", 40, speed=speed, seed=1), length)
    found = borders(L)
    assert len(found) == 2
    assert 40 - length <= found[1] <= 40


def test_threshold_0_never_cuts() -> None:
    assert borders(torch.cat((pan("astronaut", 8), pan("coins", 8))), threshold=0.0) == [0]


def test_given_starts_are_taken_and_no_others() -> None:
    L = torch.cat((pan("astronaut", 12), pan("coins", 12)))
    assert borders(L, starts=[0, 7]) == [0, 7]


def test_decisions_in_a_shot_depend_on_nothing_before_it() -> None:
    L = torch.cat((pan("astronaut", 20), pan("coins", 20), pan("cat", 20)))
    L[28] = 98.0
    whole, later = steps(L), steps(L, start=20)
    for one, other in zip(whole[20:], later, strict=True):
        assert (one.first, one.alone, one.shot) == (other.first, other.alone, other.shot + 1)
        if one.link is not None:
            assert other.link is not None
            assert torch.equal(one.link.forward, other.link.forward)


def test_few_frames_are_taken_ahead() -> None:
    taken = 0

    def counted() -> object:
        nonlocal taken
        for frame in frames(pan("camera", 40)):
            taken += 1
            yield frame

    for step in Cutter(0.25, stride=STRIDE).steps(counted()):  # type: ignore[arg-type]
        assert taken <= step.frame.number + 1 + REACH


def test_a_change_of_size_is_a_border() -> None:
    both = [*frames(pan("camera", 5)), *frames(pan("camera", 10)[:, :, :48, :64], start=5)]
    found = list(Cutter(0.25, stride=STRIDE).steps(both))
    assert [step.frame.number for step in found if step.first] == [0, 5]
