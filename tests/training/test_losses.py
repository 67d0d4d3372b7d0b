"""The contract of every loss, and the values of each."""

import pytest
import torch
from torch.nn import functional as F

from colorcli.color import bins
from colorcli.registry import LOSSES
from colorcli.training.task import TRUTHS


@pytest.fixture
def uniform():
    return torch.full((313,), 1 / 313)


def _output(module, ab):
    if "ab" in module.OUTPUT:
        return ab.clone()
    index, share = bins.soft_encode(ab)
    return torch.full((len(ab), 313, *ab.shape[-2:]), -30.0).scatter(1, index, share.clamp_min(1e-9).log())


#: They compare with other truths than colours, or with none; their own tests follow.
OTHERS = {"class-cross-entropy", "smoothness"}


@pytest.mark.parametrize("name", LOSSES.names())
def test_it_says_which_outputs_it_takes(name):
    takes = LOSSES.load(name).OUTPUT
    assert takes and ({takes} if isinstance(takes, str) else {*takes}) <= set(TRUTHS)


@pytest.mark.parametrize("name", sorted({*LOSSES.names()} - OTHERS))
def test_the_truth_costs_less_than_anything_else_and_gradients_flow(name, uniform):
    torch.manual_seed(0)
    module = LOSSES.load(name)
    loss = module.build(uniform)
    ab = torch.randint(-40, 40, (2, 2, 6, 6)).float()
    right = _output(module, ab)
    wrong = _output(module, -ab).requires_grad_()
    cost = loss(wrong, ab)
    cost.backward()
    assert loss(right, ab) < cost and cost.ndim == 0
    assert torch.isfinite(wrong.grad).all() and wrong.grad.abs().sum() > 0


def test_soft_cross_entropy_is_the_cross_entropy_with_the_soft_encoding(uniform):
    torch.manual_seed(0)
    logits, ab = torch.randn(2, 313, 4, 4), torch.randn(2, 2, 4, 4) * 30
    index, share = bins.soft_encode(ab)
    target = torch.zeros_like(logits).scatter(1, index, share)
    ours = LOSSES.load("soft-cross-entropy").build(uniform)(logits, ab)
    assert torch.allclose(ours, F.cross_entropy(logits, target), atol=1e-5)


def test_rebalancing_weighs_rare_colours_up():
    frequency = torch.full((313,), 0.1 / 312)
    frequency[160] = 0.9
    logits = torch.zeros(1, 313, 1, 1)
    common, rare = (bins.centers()[n][None, :, None, None] for n in (160, 20))
    module = LOSSES.load("soft-cross-entropy")
    for power, low, high in ((0.0, 0.99, 1.01), (0.5, 2, 30), (1.0, 30, 1000)):
        loss = module.build(frequency, power=power)
        assert low < loss(logits, rare) / loss(logits, common) < high


def test_expectation_is_the_robust_distance_of_the_mean(uniform):
    loss = LOSSES.load("expectation").build(uniform, epsilon=2.0)
    logits = torch.full((1, 313, 1, 1), -1e4)
    logits[0, 150] = 0
    centre = bins.centers()[150][None, :, None, None]
    assert loss(logits, centre) == pytest.approx(0, abs=1e-3)
    assert loss(logits, centre + torch.tensor([3.0, 4.0])[None, :, None, None]) == pytest.approx(29**0.5 - 2, abs=1e-3)


@pytest.mark.parametrize("name", ["soft-cross-entropy", "expectation"])
def test_a_share_of_the_pixels_has_the_same_loss_on_average(name, uniform):
    torch.manual_seed(0)
    logits, ab = torch.randn(2, 313, 8, 8), torch.randn(2, 2, 8, 8) * 30
    whole, some = (LOSSES.load(name).build(uniform, share=share) for share in (1.0, 0.25))
    assert some(logits, ab).item() != whole(logits, ab).item()
    mean = torch.stack([some(logits, ab) for _ in range(300)]).mean()
    assert mean == pytest.approx(float(whole(logits, ab)), rel=0.02)
    with torch.no_grad():  # where it is measured, all count
        assert some(logits, ab) == whole(logits, ab)
    logits.requires_grad_()
    some(logits, ab).backward()
    assert int((logits.grad.abs().sum(1) > 0).sum()) == 32
