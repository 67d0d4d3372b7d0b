"""Metrics of clips: what each owes its callers, and cases worked out by hand."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import torch

from colorcli.metrics._batch import Batch
from colorcli.registry import METRICS

NAMES = [name for name in METRICS.names() if METRICS.load(name).METRIC.needs == "video"]
every = pytest.mark.parametrize("name", NAMES)


def clip(frames=11, height=36, width=44, seed=0, strength=1.0):
    """A textured scene that drifts to the right, in colours that waver; ``(T, 3, H, W)``."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 9, 24, generator=generator)
    scene = torch.nn.functional.interpolate(coarse, (height, width + frames), mode="bicubic").clamp(0, 1)[0]
    moved = torch.stack([scene[:, :, t : t + width] for t in range(frames)])
    gray = moved.mean(1, keepdim=True)
    wavering = strength * (1 + 0.4 * torch.randn(frames, 1, 1, 1, generator=generator)) * (moved - gray)
    return (gray + wavering).clamp(0, 1)


def measured(name, *clips, chunk=None):
    metric = METRICS.load(name).METRIC()
    for frames in clips:
        metric.begin()
        for part in frames.split(chunk or len(frames)):
            metric.update(Batch.of(part))
    return metric


def score(name, *clips):
    return measured(name, *clips).compute()


def test_there_are_some():
    assert {"cdc", "flicker", "warping-error"} <= set(NAMES)


@every
def test_facts(name):
    metric = METRICS.load(name).METRIC
    assert metric.name == name and metric.source and metric.__doc__
    assert metric.higher_is_better is False and metric.group == "video" and metric.range[0] == 0
    assert "gray" in metric.__doc__.lower() or "Gray" in (METRICS.load(name).__doc__ or "")


@every
@pytest.mark.parametrize("chunk", [1, 2, 3, 16])
def test_chunks_give_what_the_whole_gives(name, chunk):
    assert measured(name, clip(), chunk=chunk).compute() == pytest.approx(score(name, clip()), rel=1e-6)


@every
def test_clips_count_alike_and_carry_nothing_over(name):
    first, second = clip(), clip(7, seed=1, strength=0.5)
    both = measured(name, first, second, chunk=4)
    alone = [score(name, one) for one in (first, second)]
    assert alone[0] != pytest.approx(alone[1], rel=0.01)
    assert both.compute() == pytest.approx(sum(alone) / 2)
    assert both.compute() == both.compute()  # to look does not end a clip
    assert both.statistics(Batch.of(first)).tolist() == [[pytest.approx(alone[0]), 1.0]]


@every
def test_parts_merge_even_through_a_pickle(name):
    clips = [clip(seed=seed) for seed in range(3)]
    whole = measured(name, *clips)
    part, other = measured(name, clips[0]), pickle.loads(pickle.dumps(measured(name, *clips[1:])))
    part.begin()
    before = other.compute()
    part.merge(other)
    part.merge(METRICS.load(name).METRIC())
    assert part.compute() == pytest.approx(whole.compute())
    assert other.compute() == before
    assert part.pictures == 3


@every
def test_memory_does_not_grow(name):
    metric = measured(name, clip(12), chunk=4)
    size = len(pickle.dumps(metric))
    for part in clip(40, seed=2).split(4):
        metric.update(Batch.of(part))
    assert len(pickle.dumps(metric)) <= size + 100


@every
def test_gray_scores_better_and_wavering_worse(name):
    steady = clip(1).expand(8, -1, -1, -1)
    gray = clip().mean(1, keepdim=True).expand(-1, 3, -1, -1)
    assert score(name, steady) == pytest.approx(0, abs=1e-4)
    assert score(name, gray) < score(name, clip())
    assert 0 < score(name, clip()) <= METRICS.load(name).METRIC.range[1]


@every
def test_too_short_clips_are_left_out(name):
    assert math.isnan(score(name, clip(1)))
    assert score(name, clip(), clip(1)) == score(name, clip())


@every
def test_mistakes(name):
    metric = METRICS.load(name).METRIC()
    with pytest.raises(ValueError, match="at least one"):
        metric.compute()
    metric.update(Batch.of(clip()))
    with pytest.raises(ValueError, match="one size"):
        metric.update(Batch.of(clip(width=50)))
    metric.reset()
    with pytest.raises(ValueError, match="at least one"):
        metric.compute()


def flat(*colors):
    """A clip of frames of one colour each, 4 x 4, RGB 0..255."""
    return torch.tensor(colors, dtype=torch.uint8)[:, :, None, None].expand(-1, 3, 4, 4)


def test_cdc_worked_out_by_hand():
    # Red alternates between 0 and 255: histograms without a common value, ln 2 apart, at gap 1; alike at 2 and 4.
    # The other channels stand still: (ln 2 + 0 + 0) / 3 over the gaps, a third of that over the channels.
    assert score("cdc", flat(*[(255 * (t % 2), 9, 9) for t in range(6)])) == pytest.approx(math.log(2) / 9)
    # One change of all channels, after three of five frames. Gap 1: one of four pairs; gap 2: two of three; gap 4: one.
    once = flat(*[(0, 0, 0)] * 3, *[(9, 99, 199)] * 2)
    assert score("cdc", once) == pytest.approx(math.log(2) * (1 / 4 + 2 / 3 + 1) / 3)
    # Half of the pixels change: p = (1, 0), q = (1/2, 1/2), m = (3/4, 1/4).
    half = flat(*[(0, 0, 0)] * 5).clone()
    half[1::2, :, :, :2] = 200
    js = (math.log(4 / 3) + math.log(2 / 3) / 2 + math.log(2) / 2) / 2
    assert score("cdc", half) == pytest.approx(js / 3)


def test_cdc_is_the_published_code():
    """The steps of TCVC's script, with scipy's entropy as it has them."""
    stats = pytest.importorskip("scipy.stats")
    frames = (clip(9) * 255).round().byte()
    histograms = [
        [np.bincount(channel, minlength=256) / channel.size for channel in frame.numpy().reshape(3, -1)]
        for frame in frames
    ]
    means = []
    for gap in (1, 2, 4):
        per_channel = []
        for channel in range(3):
            found = []
            for t in range(len(frames) - gap):
                p, q = histograms[t][channel], histograms[t + gap][channel]
                middle = (p + q) / 2
                found.append(0.5 * stats.entropy(p, middle) + 0.5 * stats.entropy(q, middle))
            per_channel.append(np.mean(found))
        means.append(np.mean(per_channel))
    assert score("cdc", frames) == pytest.approx(np.mean(means), rel=1e-6)


def test_cdc_needs_five_frames():
    assert math.isnan(score("cdc", clip(4)))
    assert score("cdc", clip(5)) > 0


def flat_ab(*ab):
    from colorcli.color import lab

    values = torch.tensor([[60.0, a, b] for a, b in ab])[:, :, None, None].expand(-1, 3, 4, 4)
    return lab.lab_to_rgb(values)


def test_flicker_worked_out_by_hand():
    assert score("flicker", flat_ab(*[(10 if t % 2 else 4, 0) for t in range(7)])) == pytest.approx(6, abs=0.01)
    assert score("flicker", flat_ab(*[(3, 12 if t % 2 else 4) for t in range(7)])) == pytest.approx(8, abs=0.01)
    assert score("flicker", flat_ab(*[(2 * t, 10 - t) for t in range(9)])) == pytest.approx(0, abs=0.01)  # a fade
    # One frame of five is 12 redder: the filter gives -6, 12, -6 around it.
    blink = score("flicker", flat_ab(*[(12 if t == 2 else 0, 5) for t in range(5)]))
    assert blink == pytest.approx(math.sqrt((36 + 144 + 36) / 3), abs=0.01)
    # The hue flickers and the chroma does not.
    assert score("flicker", flat_ab(*[(20, 0) if t % 2 else (0, 20) for t in range(6)])) > 20


def test_flicker_needs_three_frames():
    assert math.isnan(score("flicker", clip(2)))
    assert score("flicker", clip(3)) > 0


def moving(strength=20.0, step=2, frames=5, tint=lambda t, ab: ab):
    """RGB of a textured scene that moves ``step`` pixels a frame, each place with an ab of its own; and its L, ab."""
    from colorcli.color import lab

    generator = torch.Generator().manual_seed(3)
    wide = torch.rand(1, 3, 24, 60, generator=generator)
    scene = torch.nn.functional.interpolate(wide, (96, 240), mode="bicubic", align_corners=False)[0]
    L, ab = 35 + 30 * scene[:1].clamp(0, 1), strength * (scene[1:].clamp(0, 1) - 0.5)
    frame = [torch.cat((L, tint(t, ab)))[:, :, 40 + step * t : 168 + step * t] for t in range(frames)]
    return lab.lab_to_rgb(torch.stack(frame))


def test_colours_that_move_along_do_not_count():
    assert score("warping-error", moving()) < 0.25
    still = score("warping-error", moving(step=0))
    assert still == pytest.approx(0, abs=1e-3)


def test_colours_that_change_on_what_moved_count_with_their_distance():
    jumping = moving(tint=lambda t, ab: ab + (6 if t % 2 else 0))
    assert score("warping-error", jumping) == pytest.approx(6 * math.sqrt(2), rel=0.05)
    # Colours that stay where they are while the scene moves on are wrong, too.
    stuck = moving(tint=lambda t, ab: ab.roll(2 * t, 2))
    assert score("warping-error", stuck) > 5 * score("warping-error", moving())


def texture(side, generator):
    coarse = torch.rand(1, 1, side // 4, side // 4, generator=generator)
    fine = torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic", align_corners=False)
    return 40 + 30 * fine[0].clamp(0, 1)


def test_what_is_uncovered_does_not_count():
    """A square that slides over a plain: what it uncovers was seen in no frame before, and has no colour to keep."""
    from colorcli.color import lab

    generator = torch.Generator().manual_seed(4)
    plain, square = texture(128, generator), texture(48, generator)
    frames = []
    for t in range(4):
        L, ab = plain.clone(), torch.zeros(2, 128, 128)
        here = slice(10 + 8 * t, 58 + 8 * t)
        L[:, 40:88, here] = square
        ab[0, 40:88, here] = 40
        frames.append(torch.cat((L, ab)))
    rgb = lab.lab_to_rgb(torch.stack(frames))
    metric = METRICS.load("warping-error")
    with_mask = score("warping-error", rgb)
    seen = Batch.of(rgb).result
    there = metric.flow(seen.L[1], seen.L[0])
    without = (seen.ab[1] - metric.warp(seen.ab[0], there)).norm(dim=0).mean()
    assert with_mask < 0.1 * float(without)


def test_the_true_clip_gives_the_flow():
    """A result whose lightness was spoiled is measured along the motion of the truth."""
    truth = moving()
    spoiled = moving(tint=lambda t, ab: ab + (6 if t % 2 else 0)).flip(0)
    metric = METRICS.load("warping-error").METRIC()
    metric.update(Batch.of(spoiled, truth))
    assert metric.compute() > 6  # flows of the wrong direction
    metric.reset()
    metric.update(Batch.of(truth, truth))
    assert metric.compute() == score("warping-error", truth)


def test_pairs_that_show_nothing_twice_are_left_out(monkeypatch):
    metric = METRICS.load("warping-error")
    real, calls = metric.steady, []

    def hidden(before, L):
        there, counts = real(before, L)
        calls.append(1)
        return there, counts & (len(calls) != 2)

    jumping = moving(tint=lambda t, ab: ab + (6 if t == 2 else 0))  # the pairs 1-2 and 2-3 of 0..4
    whole = score("warping-error", jumping)
    monkeypatch.setattr(metric, "steady", hidden)
    assert score("warping-error", jumping) == pytest.approx(whole * 4 / 2 / 3, rel=0.05)
    monkeypatch.setattr(metric, "steady", lambda before, L: (real(before, L)[0], torch.zeros(L.shape[1:]).bool()))
    assert math.isnan(score("warping-error", jumping))
