"""The decoders that look at one pixel at a time: mean, annealed, median, mode, sample."""

import pytest
import torch

from colorcli.color import bins
from colorcli.decoders import annealed, mean, median, mode, sample
from colorcli.decoders._options import DecodeOptions

L = torch.full((1, 1, 1, 1), 50.0)


def index(a, b):
    return int(bins.nearest(torch.tensor([float(a), float(b)]).view(1, 2, 1, 1)))


def pixel(probabilities):
    """Logits (1, 313, 1, 1) of a distribution given as {(a, b): p}; the rest is impossible."""
    logits = torch.full((1, bins.Q, 1, 1), -torch.inf)
    for (a, b), p in probabilities.items():
        logits[0, index(a, b)] = torch.tensor(p).log()
    return logits


def decode(decoder, probabilities, **options):
    return decoder.decode(pixel(probabilities), L, DecodeOptions(**options)).flatten().tolist()


TWO = {(60, 0): 0.7, (-60, 0): 0.3}


def test_mean_is_the_expectation():
    assert decode(mean, TWO) == pytest.approx([24.0, 0.0], abs=1e-4)


def test_mean_at_a_temperature_is_the_annealed_mean():
    assert decode(mean, TWO, temperature=0.38) == pytest.approx(decode(annealed, TWO))


def test_annealed_mean_raises_the_distribution_to_a_power():
    odds = (0.7 / 0.3) ** (1 / 0.38)
    assert decode(annealed, TWO) == pytest.approx([60 * (odds - 1) / (odds + 1), 0.0], abs=1e-3)


def test_annealed_lies_between_mean_and_mode():
    assert decode(mean, TWO)[0] < decode(annealed, TWO)[0] < decode(mode, TWO)[0] == 60.0


def test_mode_takes_the_most_probable_bin():
    assert decode(mode, {(0, 0): 0.2, (20, 30): 0.41, (-40, 10): 0.39}) == [20.0, 30.0]


def test_median_of_a_majority_is_near_it():
    # With more than half of the mass at one point that point is the geometric median; softening leaves it nearly so.
    a, b = decode(median, TWO)
    assert 50 < a <= 60
    assert b == pytest.approx(0, abs=1e-3)


def test_median_minimises_the_expected_distance():
    logits = torch.randn(1, bins.Q, 1, 1, generator=torch.Generator().manual_seed(3)) * 2
    p = torch.softmax(logits, 1).flatten()

    def cost(ab):
        squared = (bins.centers() - ab).square().sum(1) + median.SOFTENING**2
        return (p * squared.sqrt()).sum()

    found = median.geometric_median(torch.softmax(logits, 1).flatten(2), iterations=200).flatten()
    for step in torch.tensor([[2.0, 0], [-2, 0], [0, 2], [0, -2]]):
        assert cost(found) < cost(found + step)


def test_median_ignores_how_far_away_the_unlikely_colours_lie():
    near = {(30, 30): 0.6, (10, 0): 0.4}
    far = {(30, 30): 0.6, (-60, 60): 0.4}
    moved = torch.tensor(decode(median, near)) - torch.tensor(decode(median, far))
    shifted = torch.tensor(decode(mean, near)) - torch.tensor(decode(mean, far))
    assert moved.norm() < 0.5 * shifted.norm()


def test_median_iterations_suffice_for_smooth_distributions():
    # Distributions as a network gives them: a few broad hills.
    generator = torch.Generator().manual_seed(0)
    hills = torch.rand(1, 4, 2, 40, generator=generator) * 100 - 40
    distance = (bins.centers()[None, None, :, :, None] - hills[:, :, None]).square().sum(3)  # (1, 4, 313, 40)
    heights = torch.rand(1, 4, 1, 40, generator=generator) + 0.1
    p = (heights * torch.exp(-distance / 800)).sum(1)
    p = p / p.sum(1, keepdim=True)
    change = median.geometric_median(p) - median.geometric_median(p, iterations=300)
    assert change.abs().max() < 2.0


def test_same_seed_same_picture_other_seed_other_picture():
    logits = torch.randn(1, bins.Q, 4, 4, generator=torch.Generator().manual_seed(0))
    L_small = torch.full((1, 1, 4, 4), 50.0)
    pictures = [sample.decode(logits, L_small, DecodeOptions(seed=seed)) for seed in (1, 1, 2)]
    assert torch.equal(pictures[0], pictures[1])
    assert (pictures[0] - pictures[2]).abs().max() > 5


def test_a_draw_is_coherent_where_the_evidence_is():
    logits = torch.randn(1, bins.Q, 1, 1, generator=torch.Generator().manual_seed(0)).expand(1, bins.Q, 8, 8)
    ab = sample.decode(logits, torch.full((1, 1, 8, 8), 50.0), DecodeOptions(seed=5))
    assert torch.equal(ab, ab[..., :1, :1].expand_as(ab))


def test_draws_follow_the_distribution():
    draws = [decode(sample, TWO, temperature=1.0, seed=seed)[0] > 0 for seed in range(400)]
    assert sum(draws) / len(draws) == pytest.approx(0.7, abs=0.06)


def test_a_sharper_temperature_draws_the_likely_more_often():
    draws = [decode(sample, TWO, temperature=0.3, seed=seed)[0] > 0 for seed in range(200)]
    assert sum(draws) / len(draws) > 0.88
