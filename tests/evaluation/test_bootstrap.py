from __future__ import annotations

import numpy as np
import pytest

from colorcli.evaluation.bootstrap import Draws, Replicates
from colorcli.metrics.psnr import PSNR


def _counts(replicates: int, pictures: int, seed: int = 0) -> np.ndarray:
    draws = Draws(replicates, pictures, seed=seed)
    return np.stack([draws.next() for _ in range(pictures)], 1)


def test_each_replicate_draws_as_many_as_there_are() -> None:
    assert (_counts(50, 7).sum(1) == 7).all()


def test_draws_are_multinomial() -> None:
    counts = _counts(20000, 5)
    np.testing.assert_allclose(counts.mean(0), 1, atol=0.03)
    np.testing.assert_allclose(counts.var(0), 1 - 1 / 5, atol=0.04)
    assert np.corrcoef(counts.T)[0, 1] == pytest.approx(-1 / 4, abs=0.03)


def test_seeds() -> None:
    assert (_counts(9, 9, seed=1) == _counts(9, 9, seed=1)).all()
    assert (_counts(9, 9, seed=1) != _counts(9, 9, seed=2)).any()


def test_no_more_than_announced() -> None:
    draws = Draws(3, 1)
    draws.next()
    with pytest.raises(ValueError, match="announced"):
        draws.next()


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution() -> None:
    values = np.random.default_rng(0).normal(30, 4, 400)
    draws, replicates = Draws(2000, len(values)), Replicates()
    for value in values:
        replicates.add(np.array([value, 1.0]), draws.next())
    half = 1.96 * values.std() / 20
    np.testing.assert_allclose(replicates.interval(PSNR()), (values.mean() - half, values.mean() + half), atol=0.08)


def test_infinite_and_undefined_scores() -> None:
    draws, endless, nothing = Draws(20, 4), Replicates(), Replicates()
    for _ in range(4):
        counts = draws.next()
        endless.add(np.array([np.inf, 1.0]), counts)
        nothing.add(np.array([0.0, 0.0]), counts)
    assert endless.interval(PSNR()) == (np.inf, np.inf)
    assert np.isnan(nothing.interval(PSNR())).all()
    assert np.isnan(Replicates().interval(PSNR())).all()
