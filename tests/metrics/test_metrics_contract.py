"""What every metric owes its callers. Those of clips, and those that hold a network, have tests of their own."""

import math
import pickle

import pytest
import torch

from colorcli.errors import UsageError
from colorcli.metrics._batch import Batch, Pictures
from colorcli.registry import METRICS

NAMES = [name for name in METRICS.names() if METRICS.load(name).METRIC.group not in ("video", "network")]
every = pytest.mark.parametrize("name", NAMES)
pairs = pytest.mark.parametrize("name", [name for name in NAMES if METRICS.load(name).METRIC.needs == "pair"])


def pictures(count=4, side=176, seed=0):
    """Smooth pictures with edges and noise, and duller, noisier copies of them."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 6, 6, generator=generator)
    truth = torch.nn.functional.interpolate(coarse, (side, side), mode="nearest")
    truth = (truth + 0.02 * torch.randn(truth.shape, generator=generator)).clamp(0, 1)
    dull = 0.6 * truth + 0.4 * truth.mean(1, keepdim=True)
    return (dull + 0.03 * torch.randn(dull.shape, generator=generator)).clamp(0, 1), truth


def measured(name, batches):
    metric = METRICS.load(name).METRIC()
    for rgb, truth in batches:
        metric.update(Batch.of(rgb, truth))
    return metric


@every
def test_facts(name):
    metric = METRICS.load(name).METRIC
    assert metric.name == name
    low, high = metric.range
    assert low < high
    assert metric.higher_is_better in (True, False, None)
    assert metric.source
    assert metric.needs in ("pair", "single")
    assert metric.over in ("pixels", "pictures", "set")
    assert metric.__doc__


@every
def test_the_batch_size_does_not_matter(name):
    rgb, truth = pictures()
    together = measured(name, [(rgb, truth)])
    apart = measured(name, [(rgb[:1], truth[:1]), (rgb[1:3], truth[1:3]), (rgb[3:], truth[3:])])
    assert together.compute() == pytest.approx(apart.compute(), rel=1e-5, abs=1e-5)
    assert together.pictures == apart.pictures == 4


@every
def test_parts_merge_to_the_whole_even_through_a_pickle(name):
    rgb, truth = pictures()
    whole = measured(name, [(rgb, truth)])
    part = measured(name, [(rgb[:2], truth[:2])])
    other = pickle.loads(pickle.dumps(measured(name, [(rgb[2:], truth[2:])])))
    before = other.compute()
    empty = METRICS.load(name).METRIC()
    for more in (other, empty):
        part.merge(more)
    empty.merge(part)
    assert part.compute() == pytest.approx(whole.compute(), rel=1e-5, abs=1e-5)
    assert empty.compute() == part.compute()
    assert other.compute() == before
    assert part.pictures == 4


@every
def test_a_picture_is_scored_from_its_own_row(name):
    rgb, truth = pictures(3)
    metric = METRICS.load(name).METRIC()
    rows = metric.statistics(Batch.of(rgb, truth))
    assert rows.dtype == torch.float64
    assert len(rows) == 3
    for index, row in enumerate(rows):
        alone = measured(name, [(rgb[index : index + 1], truth[index : index + 1])])
        assert metric.score(row) == pytest.approx(alone.compute(), rel=1e-5, abs=1e-5)


@every
def test_scores_lie_in_their_range(name):
    rgb, truth = pictures()
    gray = rgb.mean(1, keepdim=True).expand_as(rgb)
    metric = METRICS.load(name).METRIC
    low, high = metric.range
    for one in (rgb, truth):
        assert low <= measured(name, [(one, truth)]).compute() <= high
    for one in (gray, 1 - truth):  # colours that do not step as the truth's can neither bleed nor not
        score = measured(name, [(one, truth)]).compute()
        assert low <= score <= high or (math.isnan(score) and name in ("bleeding", "leaking"))


@pairs
def test_the_truth_scores_best(name):
    rgb, truth = pictures()
    metric = METRICS.load(name).METRIC
    ours, best = (measured(name, [(one, truth)]).compute() for one in (rgb, truth))
    ideal = 1.0 if metric.higher_is_better is None else metric.range[bool(metric.higher_is_better)]
    assert best == (ideal if math.isinf(ideal) else pytest.approx(ideal, abs=1e-5))
    if metric.higher_is_better is not None:
        assert ours >= best if not metric.higher_is_better else ours <= best


@every
def test_pictures_of_any_size(name):
    for height, width in ((1, 1), (1, 7), (5, 3), (33, 47)):
        rgb, truth = torch.rand(2, 2, 3, height, width)
        metric = measured(name, [(rgb, truth)])
        assert not math.isinf(metric.compute())  # a number, or NaN where the metric is not defined


@every
def test_integer_pictures_score_as_their_values(name):
    whole = [(255 * rgb).round().to(torch.uint8) for rgb in pictures(2)]
    assert measured(name, [whole]).compute() == pytest.approx(measured(name, [[x / 255 for x in whole]]).compute())


@every
def test_nothing_seen_is_an_error_also_after_a_reset(name):
    rgb, truth = pictures(1)
    metric = measured(name, [(rgb, truth)])
    metric.reset()
    with pytest.raises(ValueError, match="at least one picture"):
        metric.compute()


@pairs
def test_a_missing_truth_is_an_error(name):
    with pytest.raises(ValueError, match="compares with the truth"):
        METRICS.load(name).METRIC().update(Batch.of(torch.rand(1, 3, 8, 8)))


def test_other_metrics_do_not_merge():
    with pytest.raises(TypeError, match="cannot be merged"):
        METRICS.load("auc").METRIC().merge(METRICS.load("auc-image").METRIC())


def test_a_near_miss_is_told():
    with pytest.raises(UsageError, match="unknown metric 'auc-imag'") as error:
        METRICS.load("auc-imag")
    assert error.value.hint == "did you mean 'auc-image'?"


def test_bad_pictures_are_errors():
    with pytest.raises(ValueError, match="must be"):
        Pictures(rgb=torch.rand(3, 8, 8))
    with pytest.raises(ValueError, match="not a number"):
        Pictures(rgb=torch.full((1, 3, 8, 8), float("nan")))
    with pytest.raises(ValueError, match="differ in shape"):
        Batch.of(torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 9))
