"""Losses of ab and RGB pictures, and of class scores: their values."""

import math

import numpy as np
import pytest
import torch
from skimage import data
from skimage.metrics import structural_similarity

from colorcli.registry import LOSSES


def build(name, **options):
    return LOSSES.load(name).build(torch.full((313,), 1 / 313), **options)


def ab(*rows):
    """A picture ``(1, 2, h, w)`` whose two channels are both ``rows``."""
    return torch.tensor(rows).float()[None, None].repeat(1, 2, 1, 1)


@pytest.fixture
def pair():
    torch.manual_seed(0)
    return torch.randn(2, 2, 12, 12) * 30, torch.randn(2, 2, 12, 12) * 30


@pytest.mark.parametrize("name", ["mse", "l1", "masked-mse", "smoothness", "structure"])
def test_units_are_those_of_the_picture_or_those_asked_for(name, pair):
    first, second = pair
    rgb = [torch.cat((x, x[:, :1]), 1) / 110 for x in pair]
    in_lab = build(name)(first, second)
    # Three channels are RGB, taken as they are; the third repeats the first, so the mean over channels is another one.
    alone = build(name, scale=1.0)(first / 110, second / 110)
    assert torch.allclose(in_lab, alone, atol=1e-6)
    assert torch.allclose(build(name, scale=1.0)(*rgb), build(name)(*rgb), atol=1e-6)
    with pytest.raises(ValueError, match="ab or RGB"):
        build(name)(first[:, :1], second[:, :1])


def test_mse_is_the_mean_of_squares():
    loss = build("mse")
    assert loss(ab([110, 0]), ab([0, 0])) == pytest.approx(0.5)
    assert build("mse", scale=127)(ab([127, 0]), ab([0, 127])) == pytest.approx(1.0)
    assert loss(torch.full((1, 3, 2, 2), 0.5), torch.zeros(1, 3, 2, 2)) == pytest.approx(0.25)


def test_l1_is_the_mean_of_distances():
    assert build("l1")(ab([110, 0]), ab([0, -55])) == pytest.approx(0.75)
    assert build("l1", scale=1.0)(ab([3, 0]), ab([0, 0])) == pytest.approx(1.5)
    assert build("l1")(torch.full((1, 3, 2, 2), 0.5), torch.zeros(1, 3, 2, 2)) == pytest.approx(0.5)


def test_masked_mse_does_not_count_the_margin():
    loss = build("masked-mse")
    picture, truth = ab([110, 55, 99]), ab([0, 0, 0])
    mask = torch.tensor([1.0, 1.0, 0.0])[None, None, None]
    assert loss(picture, truth, mask=mask) == pytest.approx((1 + 0.25) / 2)
    assert loss(picture, truth, mask=mask.bool()) == pytest.approx((1 + 0.25) / 2)
    assert loss(picture, truth, mask=0 * mask) == 0
    assert loss(picture, truth, mask=torch.ones_like(mask)) == pytest.approx(float(build("mse")(picture, truth)))
    assert loss(picture, truth) == pytest.approx(float(build("mse")(picture, truth)))


def test_masked_mse_teaches_nothing_about_the_margin():
    picture = (torch.randn(2, 2, 4, 4) * 30).requires_grad_()
    mask = torch.zeros(2, 1, 4, 4)
    mask[..., 1:3, :] = 1
    build("masked-mse")(picture, torch.zeros(2, 2, 4, 4), mask=mask).backward()
    assert (picture.grad[:, :, 1:3] != 0).all() and (picture.grad[:, :, [0, 3]] == 0).all()


def test_smoothness_is_the_mean_step_down_plus_the_mean_step_across():
    loss = build("smoothness", scale=1.0)
    assert loss(ab([1, 2], [4, 8]), ab([0, 0], [0, 0])) == pytest.approx((3 + 6) / 2 + (1 + 4) / 2)
    assert loss(ab([3, 3], [3, 3]), ab([9, 0], [0, 9])) == 0
    assert loss(ab([1, 5]), ab([0, 0])) == pytest.approx(4)  # one row: no step down
    dot = ab([7]).requires_grad_()
    loss(dot, ab([0])).backward()
    assert dot.grad.abs().sum() == 0


def test_smoothness_pulls_neighbours_together():
    picture = ab([0, 10]).requires_grad_()
    build("smoothness")(picture, picture.detach()).backward()
    assert (picture.grad[..., 0] < 0).all() and (picture.grad[..., 1] > 0).all()


def test_structure_is_scikit_images_ssim():
    rng = np.random.default_rng(0)
    truth = data.astronaut()[100:164, 200:270] / 255
    wrong = np.clip(truth + rng.normal(0, 0.1, truth.shape), 0, 1)
    expected = structural_similarity(
        truth,
        wrong,
        channel_axis=2,
        data_range=1.0,
        gaussian_weights=True,
        use_sample_covariance=False,
        sigma=1.5,
    )
    first, second = (torch.from_numpy(x).float().movedim(-1, 0)[None] for x in (wrong, truth))
    assert build("structure")(first, second) == pytest.approx(1 - expected, abs=1e-4)


def test_structure_is_zero_at_the_truth_and_keeps_fp32_under_autocast(pair):
    first, second = pair
    loss = build("structure")
    assert loss(first, first) == pytest.approx(0, abs=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        assert loss(first, second) == pytest.approx(float(loss(first, second)))
        assert loss(first, first) == pytest.approx(0, abs=1e-5)


def test_structure_of_a_picture_smaller_than_the_window():
    # One pixel has a mean and no variance: SSIM is its first factor alone.
    one, other = torch.full((1, 3, 1, 1), 0.2), torch.full((1, 3, 1, 1), 0.6)
    assert build("structure")(one, other) == pytest.approx(1 - (0.24 + 1e-4) / (0.4 + 1e-4), abs=1e-6)
    picture = torch.rand(1, 3, 8, 4)
    assert build("structure")(picture, picture) == pytest.approx(0, abs=1e-5)


def test_structure_of_gradients_ignores_an_offset():
    loss = build("structure", form="gradient", scale=1.0)
    assert loss(ab([1, 2], [3, 4]), ab([5, 6], [7, 8])) == 0
    assert loss(ab([0, 1], [0, 1]), ab([0, 0], [0, 0])) == pytest.approx(1)
    with pytest.raises(ValueError, match="form"):
        build("structure", form="edges")


def test_class_cross_entropy_is_iizukas_small_share():
    loss = build("class-cross-entropy")
    flat = torch.zeros(3, 205)
    assert loss(flat, torch.tensor([0, 7, 204])) == pytest.approx(math.log(205) / 300)
    assert build("class-cross-entropy", alpha=1.0)(flat, torch.tensor([1, 2, 3])) == pytest.approx(math.log(205))


def test_pictures_without_a_label_do_not_count():
    scores = torch.randn(3, 5, requires_grad=True)
    loss = build("class-cross-entropy", alpha=1.0)
    labels = torch.tensor([2, -1, 4])
    known = loss(scores[[0, 2]], labels[[0, 2]])
    assert torch.allclose(loss(scores, labels), known)
    nothing = loss(scores, torch.full((3,), -1))
    nothing.backward()
    assert nothing == 0 and scores.grad.abs().sum() == 0
