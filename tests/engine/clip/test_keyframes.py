"""Frames coloured by hand: found by their names, carried through their shots and no further."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from moving import STRIDE, Painter, frames, pan
from torch import Tensor

from colorcli.color.lab import lab_to_rgb
from colorcli.engine.clip import keyframes
from colorcli.engine.clip.anchors import Anchors, spread
from colorcli.engine.clip.options import SteadyOptions
from colorcli.engine.clip.shots import Cutter
from colorcli.engine.clip.steady import Steady
from colorcli.errors import MediaError, UsageError

RED, BLUE = (24.0, 15.0), (-2.0, -24.0)


def halves(L: Tensor) -> Tensor:
    """Colours for a frame ``(1, H, W)``: red where it is light, blue where dark, ``(2, H, W)``."""
    light = (torch.nn.functional.avg_pool2d(L[None], 9, 1, 4)[0] > 50).float()
    return torch.stack([light[0] * one + (1 - light[0]) * other for one, other in zip(RED, BLUE, strict=True)])


def write(path: Path, L: Tensor) -> None:
    lab = torch.cat((L.clamp(30, 70), halves(L)))  # colours that fit into sRGB
    rgb = (lab_to_rgb(lab).clamp(0, 1) * 255).round().to(torch.uint8)
    cv2.imwrite(str(path), rgb.permute(1, 2, 0).numpy()[..., ::-1].copy())


def run(L: Tensor, folder: Path, *, strength: float = 1.0) -> tuple[Tensor, Anchors]:
    anchors = Anchors(strength)
    list(anchors.scan(frames(L), keyframes.find(folder), Cutter(0.25, stride=STRIDE), STRIDE))
    gray = torch.zeros(len(L), 2, L.shape[2] // STRIDE, L.shape[3] // STRIDE)
    steady = Steady(Painter(gray), SteadyOptions(), anchors)  # type: ignore[arg-type]
    return torch.stack([one.ab for one in steady.colors(frames(L))]), anchors


def wanted(L: Tensor) -> Tensor:
    return torch.nn.functional.avg_pool2d(torch.stack([halves(one) for one in L]), STRIDE)


@pytest.mark.parametrize("key", [0, 12, 24])
def test_a_key_colours_its_shot_forwards_and_backwards(tmp_path: Path, key: int) -> None:
    L = torch.cat((pan("coins", 10), pan("coffee", 25, speed=0.8), pan("cat", 10)))
    write(tmp_path / f"frame_{10 + key:06}.png", L[10 + key])
    ab, anchors = run(L, tmp_path)
    off = (ab - wanted(L)).norm(dim=1)
    assert off[10 + key].mean() < 4.0
    assert off[10:35].mean() < 9.0  # gray is off by 26
    assert off[10:35].median() < 4.0
    assert ab[:10].abs().max() < 0.01 and ab[35:].abs().max() < 0.01  # nothing over the cuts
    assert anchors.unused == []


def test_between_two_keys_the_nearer_counts_more(tmp_path: Path) -> None:
    L = pan("coffee", 13, speed=0.0)
    write(tmp_path / "0.png", L[0])
    picture = cv2.imread(str(tmp_path / "0.png"))
    cv2.imwrite(str(tmp_path / "12.png"), picture[..., [1, 0, 2]])
    ab, _ = run(L, tmp_path)
    way = [float((ab[t] - ab[0]).norm(dim=0).mean()) for t in range(13)]
    assert way[1] < 0.25 * way[12] and way[11] > 0.75 * way[12]
    assert all(later >= earlier - 0.5 for earlier, later in pairwise(way))


def test_what_was_covered_is_not_the_keys(tmp_path: Path) -> None:
    background, square = pan("coffee", 1)[0, 0], pan("coins", 1)[0, 0, :32, :32]
    L = torch.stack([background[None].clone() for _ in range(20)])
    for t in range(20):
        L[t, 0, 20:52, 4 + 4 * t : 36 + 4 * t] = square
    write(tmp_path / "0.png", L[0])
    _, anchors = run(L, tmp_path)
    found = anchors.at(19)
    assert found is not None
    uncovered = found[1][6:12, 2:7]  # where the square was in the key frame, and is no more
    assert uncovered.mean() < 0.5
    assert found[1][:, 28:].mean() > 0.7


def test_names_say_numbers_or_times(tmp_path: Path) -> None:
    L = pan("coins", 30)
    write(tmp_path / "reel-00-00-00.500.png", L[12])  # frame 12 at 24 frames/s
    ab, _ = run(L, tmp_path)
    assert (ab[12] - wanted(L)[12]).norm(dim=0).mean() < 4.0
    found = keyframes.find(tmp_path)
    assert (found[0].number, found[0].time) == (None, 0.5)
    assert keyframes._key(Path("x/frame_000123.png")).number == 123
    assert keyframes._key(Path("x/01:02:03.png")).time == 3723
    assert keyframes._key(Path(keyframes.name_of(7))).number == 7


def test_keys_beyond_the_film_are_told(tmp_path: Path) -> None:
    L = pan("coins", 5)
    write(tmp_path / "frame_9.png", L[0])
    write(tmp_path / "01-00-00.png", L[0])
    _, anchors = run(L, tmp_path)
    assert sorted(path.name for path in anchors.unused) == ["01-00-00.png", "frame_9.png"]


def test_strength_does_not_change_what_was_painted(tmp_path: Path) -> None:
    L = pan("coins", 3)
    write(tmp_path / "1.png", L[1])
    once, _ = run(L, tmp_path)
    twice, _ = run(L, tmp_path, strength=2.0)
    torch.testing.assert_close(2 * twice[1], once[1], rtol=0, atol=0.1)


def test_mistakes_are_told(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no such"):
        keyframes.find(tmp_path / "none")
    with pytest.raises(UsageError, match="no pictures"):
        keyframes.find(tmp_path)
    L = pan("coins", 3)
    write(tmp_path / "first.png", L[0])
    with pytest.raises(UsageError, match="says no frame"):
        keyframes.find(tmp_path)
    (tmp_path / "first.png").rename(tmp_path / "a1.png")
    write(tmp_path / "b1.png", L[0])
    with pytest.raises(UsageError, match="for the same frame"):
        keyframes.find(tmp_path)
    (tmp_path / "b1.png").unlink()
    cv2.imwrite(str(tmp_path / "a1.png"), np.full((72, 128), 90, np.uint8))
    ab, anchors = run(L, tmp_path)
    assert anchors.gray == [tmp_path / "a1.png"] and ab.abs().max() == 0
    cv2.imwrite(str(tmp_path / "a1.png"), np.tile(np.uint8([10, 90, 200]), (72, 72, 1)))
    with pytest.raises(UsageError, match="not the film's shape"):
        run(L, tmp_path)


def test_colours_spread_to_what_is_like_and_no_further() -> None:
    L = torch.full((1, 20, 32), 30.0)
    L[:, :, 16:] = 70.0
    ab, known, weight = torch.zeros(2, 20, 32), torch.zeros(2, 20, 32), torch.zeros(20, 32)
    known[0, :, :8], weight[:, :8] = 40.0, 1.0  # half of the dark side is known to be red
    found = spread(ab, known, weight, L)
    torch.testing.assert_close(found[:, :, :8], known[:, :, :8])
    assert found[0, :, 8:12].mean() > 30
    assert found[:, :, 17:].abs().max() < 1
