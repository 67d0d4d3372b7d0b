"""Flow on pictures whose motion is known: shifted, zoomed, with a square that covers and uncovers."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from colorcli.motion import flow as motion
from colorcli.motion.flow import PRESETS, boundary, confidence, flow, scale, visible, warp


def texture(height: int, width: int, *, seed: int = 0) -> Tensor:
    """Lightness ``(height, width)``, 0..100, of blobs a few pixels wide."""
    noise = np.random.default_rng(seed).standard_normal((height, width)).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), 2)
    return torch.from_numpy(cv2.normalize(blurred, None, 5, 95, cv2.NORM_MINMAX))


def square_over(background: Tensor, left: int) -> Tensor:
    """The background with another texture's square of 40 pixels at rows 30..70, columns from ``left``."""
    out = background.clone()
    out[30:70, left : left + 40] = texture(40, 40, seed=1)
    return out


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("size", [(120, 213), (60, 60), (20, 160)])
def test_shift_is_found(preset: motion.Preset, size: tuple[int, int]) -> None:
    whole = texture(size[0] + 10, size[1] + 10)
    first, second = whole[5:-5, 5:-5], whole[3:-7, 2:-8]  # everything goes 3 to the right, 2 down
    found = flow(first, second, preset=preset)
    assert found.shape == (2, *size)
    assert found.dtype == torch.float32
    inside = found[:, 5:-5, 5:-5]
    assert inside[0].median() == pytest.approx(3, abs=0.2)
    assert inside[1].median() == pytest.approx(2, abs=0.2)


def test_warp_brings_the_second_picture_to_the_first() -> None:
    whole = texture(110, 130)
    first, second = whole[5:-5, 5:-5][None], whole[3:-7, 2:-8][None]
    carried = warp(second, flow(first, second))
    off = (carried - first).abs()[:, 8:-8, 8:-8].mean()
    assert off < 0.1 * (second - first).abs()[:, 8:-8, 8:-8].mean()


def test_warp_is_exact_for_whole_pixels_and_holds_the_edge() -> None:
    picture = torch.rand(3, 6, 7)
    there = torch.zeros(2, 6, 7)
    there[0] = 2
    carried = warp(picture, there)
    torch.testing.assert_close(carried[:, :, :5], picture[:, :, 2:])
    torch.testing.assert_close(carried[:, :, 5:], picture[:, :, -1:].expand(3, 6, 2))
    torch.testing.assert_close(warp(picture, torch.zeros(2, 6, 7)), picture)


def test_brightness_does_not_count() -> None:
    whole = texture(90, 130) * 0.7
    first, second = whole[5:-5, 5:-5], whole[5:-5, 2:-8] + 15
    assert flow(first, second)[0, 5:-5, 5:-5].median() == pytest.approx(3, abs=0.3)


def test_covered_and_uncovered_are_not_visible() -> None:
    background = texture(100, 140)
    first, second = square_over(background, 40), square_over(background, 46)
    seen = visible(flow(first, second), flow(second, first))
    covered = torch.zeros(100, 140, dtype=torch.bool)
    covered[32:68, 81:85] = True  # background in the first picture, under the square in the second
    square = torch.zeros_like(covered)
    square[36:64, 46:74] = True
    far = torch.zeros_like(covered)
    far[:, 100:] = True
    assert seen[covered].float().mean() < 0.35
    assert seen[square].float().mean() > 0.95
    assert seen[far].float().mean() > 0.95


def test_confidence_is_visible_without_its_edge() -> None:
    background = texture(100, 140)
    first, second = square_over(background, 40), square_over(background, 46)
    there, back = flow(first, second), flow(second, first)
    trust = confidence(there, back)
    assert trust.min() >= 0 and trust.max() <= 1
    assert torch.equal(trust > np.exp(-1), visible(there, back))


def test_what_leaves_the_picture_is_not_visible() -> None:
    there = torch.zeros(2, 20, 30)
    there[0] = 4
    seen = visible(there, -there)
    assert seen[:, :26].all()
    assert not seen[:, 26:].any()
    assert (confidence(there, -there)[:, 26:] == 0).all()


def test_boundary_is_where_the_flow_jumps() -> None:
    there = torch.zeros(2, 20, 30)
    there[0, :, 15:] = 3
    edge = boundary(there)
    assert edge[:, 14:16].all()
    assert not edge[:, :14].any()
    assert not edge[:, 16:].any()


def test_scale_keeps_the_motion() -> None:
    there = torch.zeros(2, 40, 60)
    there[0], there[1] = 6, -4
    small = scale(there, (10, 20))
    assert small.shape == (2, 10, 20)
    torch.testing.assert_close(small[0], torch.full((10, 20), 2.0))
    torch.testing.assert_close(small[1], torch.full((10, 20), -1.0))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("size", [(1, 1), (3, 50), (15, 16), (20, 320), (320, 20), (17, 2000)])
def test_small_and_narrow_pictures(size: tuple[int, int], preset: motion.Preset) -> None:
    L = torch.rand(1, *size) * 100  # OpenCV crashes on some of these when it is left to itself
    found = flow(L, L, preset=preset)
    assert found.shape == (2, *size)
    assert found.abs().max() < 0.5


def test_threads_change_nothing() -> None:
    first, second = texture(120, 160), texture(120, 160).roll((2, 3), (0, 1))
    before, found = cv2.getNumThreads(), []
    try:
        for threads in (1, 2, 4):
            cv2.setNumThreads(threads)
            found.append(flow(first, second))
    finally:
        cv2.setNumThreads(before)
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(ValueError, match=r"one size, got \(8, 8\) and \(8, 9\)"):
        flow(torch.zeros(8, 8), torch.zeros(8, 9))
    with pytest.raises(ValueError, match=r"lightness must be .* got \(3, 8, 8\)"):
        flow(torch.zeros(3, 8, 8), torch.zeros(3, 8, 8))
    with pytest.raises(ValueError, match="preset"):
        flow(torch.zeros(8, 8), torch.zeros(8, 8), preset="slow")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"a flow must be \(2, h, w\), got \(8, 8\)"):
        warp(torch.zeros(1, 8, 8), torch.zeros(8, 8))
    with pytest.raises(ValueError, match="picture must be"):
        warp(torch.zeros(1, 8, 9), torch.zeros(2, 8, 8))
    with pytest.raises(ValueError, match="at least 1 x 1"):
        scale(torch.zeros(2, 8, 8), (0, 4))
