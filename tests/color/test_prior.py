import torch

from colorcli.color import bins, prior


def test_histogram_counts_pixels_by_bin():
    ab = bins.centers()[[3, 3, 3, 200]].T[None, :, None]
    counted = prior.histogram(ab)
    assert counted[3] == 0.75 and counted[200] == 0.25 and counted.sum() == 1


def test_smoothing_spreads_mass_and_keeps_its_sum():
    peak = torch.zeros(313)
    peak[150] = 1
    smoothed = prior.smooth(peak)
    assert abs(float(smoothed.sum()) - 1) < 1e-5
    near = (bins.centers() - bins.centers()[150]).norm(dim=1) <= 10
    assert smoothed[near].sum() > 0.85 and (smoothed[near] > 0).all()


def test_rebalancing_matches_the_paper():
    # peers.md 5a: with lambda 0.5 on the ImageNet prior, the weight of (0, 0), frequency 0.118, is 0.148 and the
    # heaviest weight is 5.62; both follow from a prior with that peak and entropy only up to the normalisation, whose
    # constant is the expectation under the prior.
    frequency = torch.rand(313) ** 8
    frequency /= frequency.sum()
    weights = prior.rebalancing(frequency)
    assert torch.allclose((frequency * weights).sum(), torch.tensor(1.0))
    ratio = weights[frequency.argmin()] / weights[frequency.argmax()]
    expected = (0.5 * frequency.max() + 0.5 / 313) / (0.5 * frequency.min() + 0.5 / 313)
    assert torch.allclose(ratio, expected)


def test_rebalancing_with_a_uniform_mix_changes_nothing():
    frequency = torch.rand(313)
    assert torch.allclose(prior.rebalancing(frequency / frequency.sum(), mix=1.0), torch.ones(313))
