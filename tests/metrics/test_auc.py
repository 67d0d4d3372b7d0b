import pytest
import torch

from colorcli.color import bins
from colorcli.metrics.auc import AuC, rebalanced


def _constant(error):
    truth = torch.zeros(1, 2, 4, 4)
    ab = truth.clone()
    ab[:, 0] = error
    return ab, truth


@pytest.mark.parametrize("error, expected", [(0, 100), (1, 100 * 150 / 151), (0.5, 100 * 150 / 151), (150, 100 / 151)])
def test_hand_computed_scores(error, expected):
    metric = AuC()
    metric.update(*_constant(error))
    assert metric.compute() == pytest.approx(expected)


def test_an_error_beyond_all_thresholds_scores_nothing():
    metric = AuC()
    metric.update(*_constant(151))
    assert metric.compute() == 0


def test_against_the_definition():
    torch.manual_seed(0)
    ab, truth = torch.randn(2, 3, 2, 8, 8) * 30
    metric = AuC()
    metric.update(ab, truth)
    error = (ab - truth).norm(dim=1)
    curve = torch.stack([(error <= t).double().mean() for t in range(151)])
    assert metric.compute() == pytest.approx(float(100 * curve.mean()))


def test_batches_do_not_matter():
    torch.manual_seed(0)
    ab, truth = torch.randn(2, 6, 2, 8, 8) * 30
    together, apart = AuC(), AuC()
    together.update(ab, truth)
    for one, true in zip(ab, truth, strict=True):
        apart.update(one[None], true[None])
    assert together.compute() == pytest.approx(apart.compute())


def test_rebalancing_counts_rare_colours_more():
    frequency = torch.full((313,), 0.1 / 312)
    common, rare = 160, 30
    frequency[common] = 0.9
    truth = bins.centers()[[common, rare]].T[None, :, None]
    right_on_rare = truth.clone()
    right_on_rare[..., 0] += 80
    right_on_common = truth.clone()
    right_on_common[..., 1] += 80
    scores = []
    for ab in (right_on_rare, right_on_common):
        metric = rebalanced(frequency)
        metric.update(ab, truth)
        scores.append(metric.compute())
    assert scores[0] > scores[1] + 30


def test_no_pixels_is_an_error():
    with pytest.raises(ValueError, match="at least one pixel"):
        AuC().compute()


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="differ in shape"):
        AuC().update(torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 5))
