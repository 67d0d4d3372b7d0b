import pytest
import torch

from colorcli.color import bins, prior
from colorcli.metrics._batch import Batch
from colorcli.metrics.auc import AuC
from colorcli.metrics.auc_image import AuCImage
from colorcli.metrics.auc_rebalanced import AuCRebalanced


def _constant(error):
    truth = torch.zeros(1, 2, 4, 4)
    ab = truth.clone()
    ab[:, 0] = error
    return ab, truth


@pytest.mark.parametrize("error, expected", [(0, 100), (1, 100 * 150 / 151), (0.5, 100 * 150 / 151), (150, 100 / 151)])
def test_hand_computed_scores(error, expected):
    metric = AuC()
    metric.update_ab(*_constant(error))
    assert metric.compute() == pytest.approx(expected)


def test_an_error_beyond_all_thresholds_scores_nothing():
    metric = AuC()
    metric.update_ab(*_constant(151))
    assert metric.compute() == 0


def test_against_the_definition():
    torch.manual_seed(0)
    ab, truth = torch.randn(2, 3, 2, 8, 8) * 30
    metric = AuC()
    metric.update_ab(ab, truth)
    error = (ab - truth).norm(dim=1)
    curve = torch.stack([(error <= t).double().mean() for t in range(151)])
    assert metric.compute() == pytest.approx(float(100 * curve.mean()))


def test_batches_do_not_matter():
    torch.manual_seed(0)
    ab, truth = torch.randn(2, 6, 2, 8, 8) * 30
    together, apart = AuC(), AuC()
    together.update_ab(ab, truth)
    for one, true in zip(ab, truth, strict=True):
        apart.update_ab(one[None], true[None])
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
        metric = AuCRebalanced(frequency)
        metric.update_ab(ab, truth)
        scores.append(metric.compute())
    assert scores[0] > scores[1] + 30


def test_no_pixels_is_an_error():
    with pytest.raises(ValueError, match="at least one picture"):
        AuC().compute()


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="differ in shape"):
        AuC().update_ab(torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 5))


def test_without_a_prior_the_truths_own_is_taken():
    torch.manual_seed(0)
    truth = torch.randn(3, 2, 16, 16) * 25
    ab = truth + torch.randn(3, 2, 16, 16) * 20
    own = prior.smooth(prior.histogram(truth).double())
    given, found = AuCRebalanced(own), AuCRebalanced()
    for metric in (given, found):
        metric.update_ab(ab, truth)
    assert found.compute() == pytest.approx(given.compute(), abs=1e-4)
    plain = AuC()
    plain.update_ab(ab, truth)
    assert abs(found.compute() - plain.compute()) > 0.01


def test_different_priors_do_not_merge():
    metric = AuCRebalanced(torch.full((313,), 1 / 313))
    with pytest.raises(ValueError, match="different priors"):
        metric.merge(AuCRebalanced())


def test_pictures_of_two_sizes_count_alike_per_picture_and_by_pixels_in_one_pot():
    small, large = torch.rand(1, 3, 4, 4), torch.rand(1, 3, 12, 8)  # 16 and 96 pixels
    pixels, pictures = AuC(), AuCImage()
    scores = []
    for rgb in (small, large):
        batch = Batch.of(rgb.mean(1, keepdim=True).expand(-1, 3, -1, -1), rgb)
        one = AuC()
        one.update(batch)
        scores.append(one.compute())
        pixels.update(batch)
        pictures.update(batch)
    assert pictures.compute() == pytest.approx(sum(scores) / 2)
    assert pixels.compute() == pytest.approx((16 * scores[0] + 96 * scores[1]) / 112)
    assert pictures.curve().shape == pixels.curve().shape == (151,)
    assert 100 * float(pictures.curve().mean()) == pytest.approx(pictures.compute())
