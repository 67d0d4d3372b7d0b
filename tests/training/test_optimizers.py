"""Optimizers, schedules, and when to stop."""

import math

import pytest
import torch
from torch import nn

from colorcli.errors import UsageError
from colorcli.training import optimizers, schedule, stopping
from colorcli.training.muon import orthogonal
from colorcli.training.recipe import Optimizer, Validation
from colorcli.training.schedule import learning_rate
from colorcli.training.task import Scores


def test_learning_rate_warms_up_and_ends_at_zero():
    options = Optimizer(steps=100, warmup=10, lr=1.0)
    rates = [learning_rate(options, step) for step in range(101)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == rates[10] == 1 and rates[100] == pytest.approx(0)
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_the_rate_drops_in_steps_or_not_at_all():
    options = Optimizer(steps=100, warmup=0, lr=1.0, schedule="step", drops=(0.5, 0.9), factor=0.1)
    rates = [learning_rate(options, step) for step in (0, 49, 50, 89, 90, 99)]
    assert rates == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])
    constant = Optimizer(steps=100, warmup=4, lr=1.0, schedule="constant")
    assert [learning_rate(constant, step) for step in (0, 3, 4, 99)] == [0.25, 1, 1, 1]


def test_unknown_names_get_a_near_miss():
    with pytest.raises(UsageError, match="did you mean 'adamw'"):
        optimizers.build(nn.Linear(2, 2), Optimizer(name="admaw"))
    with pytest.raises(UsageError, match="did you mean 'cosine'"):
        schedule.check(Optimizer(schedule="cosin"))
    with pytest.raises(UsageError, match="did you mean 'auc'"):
        stopping.check(Validation(metric="acu"))


@pytest.mark.parametrize("name", sorted(optimizers.BUILD))
def test_every_optimizer_fits_a_line(name):
    torch.manual_seed(0)
    network = nn.Linear(3, 1)
    frozen = nn.Parameter(torch.ones(2), requires_grad=False)
    network.register_parameter("frozen", frozen)
    rate = {"adadelta": 5.0, "sgd": 0.05}.get(name, 0.05)
    optimizer = optimizers.build(network, Optimizer(name=name, lr=rate, weight_decay=0.0))
    x = torch.randn(64, 3)
    truth = x @ torch.tensor([[1.0], [-2.0], [0.5]]) + 3
    for _ in range(400):
        optimizer.zero_grad()
        loss = (network(x) - truth).square().mean()
        loss.backward()
        optimizer.step()
    assert loss < 0.05
    assert frozen.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("name", "bias_decays"), [("adamw", False), ("muon", False), ("adam", True), ("sgd", True), ("adadelta", True)]
)
def test_weight_decay_acts_where_the_papers_have_it(name, bias_decays):
    network = nn.Linear(2, 1)
    groups = optimizers.build(network, Optimizer(name=name, weight_decay=0.1)).param_groups
    decay = {id(weight): group["weight_decay"] for group in groups for weight in group["params"]}
    assert decay[id(network.weight)] == 0.1
    assert decay[id(network.bias)] == (0.1 if bias_decays else 0.0)


def test_an_orthogonal_step_has_no_large_and_no_small_directions():
    torch.manual_seed(0)
    for shape in ((24, 60), (60, 24), (32, 32)):
        u, _, v = torch.linalg.svd(torch.randn(shape), full_matrices=False)
        spread = torch.logspace(0, -2, len(v))  # a hundred times from the largest to the smallest
        made = orthogonal(u @ torch.diag(spread) @ v).float()
        assert made.shape == shape
        values = torch.linalg.svdvals(made)
        assert values.max() < 1.25 and values.min() > 0.5
        assert torch.linalg.norm(made - u @ v) / torch.linalg.norm(u @ v) < 0.35  # the same directions


def test_muon_moves_inner_matrices_alike_and_the_rest_as_adamw_does():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 8, 3), nn.Flatten(), nn.Linear(8, 3))
    before = [weight.detach().clone() for weight in network.parameters()]
    optimizer = optimizers.build(network, Optimizer(name="muon", lr=0.1, weight_decay=0.0))
    network(torch.randn(2, 1, 5, 5)).square().sum().backward()
    optimizer.step()
    moves = [(old - new.detach()) / 0.1 for old, new in zip(before, network.parameters(), strict=True)]
    first, inner, last = moves[0], moves[2], moves[4]
    ours, plain = (torch.linalg.svdvals(x.flatten(1)) for x in (inner, network[1].weight.grad))
    assert ours.min() / ours.max() > 5 * plain.min() / plain.max()
    assert inner.square().mean().sqrt() == pytest.approx(0.1, abs=0.05)  # 0.2 if every direction were there
    for move in (first, last, *moves[1::2]):  # Adam's first step: the sign of the gradient
        assert torch.allclose(move.abs(), torch.ones_like(move), atol=1e-2)


def scores(**given):
    return Scores(**{"loss": 1.0, "auc": 80.0, "gray": 70.0, "chroma": 0.5, **given})


def test_more_is_better_except_of_losses():
    auc, loss = stopping.Best(Validation()), stopping.Best(Validation(metric="loss"))
    assert auc.update(scores()) and loss.update(scores())
    assert auc.update(scores(auc=81.0)) and not loss.update(scores(auc=81.0))
    assert not auc.update(scores(loss=0.5)) and loss.update(scores(loss=0.5))
    assert not auc.update(scores(auc=math.nan))


def test_patience_counts_measurements_without_a_new_best():
    best = stopping.Best(Validation(patience=2))
    assert [best.update(scores(auc=auc)) for auc in (80, 79, 81, 81)] == [True, False, True, False]
    assert not best.hopeless
    copy = stopping.Best(Validation(patience=2))
    copy.restore(best.state())
    for one in (best, copy):
        one.update(scores(auc=80.5))
        assert one.hopeless and one.value == 81
    other = stopping.Best(Validation(metric="loss", patience=2))
    other.restore(best.state())  # the best of another metric is of no account
    assert other.value == math.inf and not other.hopeless
    assert not stopping.Best(Validation()).hopeless
