"""Differences of result and truth, against scikit-image and by hand. MS-SSIM's figures are torchmetrics' 1.9."""

import numpy as np
import pytest
import skimage.color
import skimage.metrics
import torch

from colorcli.metrics import _ciede2000
from colorcli.metrics._batch import Batch
from colorcli.registry import METRICS


def pictures(count, height, width, noise=0.1):
    generator = torch.Generator().manual_seed(1)
    coarse = torch.rand(count, 3, 5, 7, generator=generator)
    truth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    return (truth + noise * torch.randn(truth.shape, generator=generator)).clamp(0, 1), truth


def measured(name, rgb, truth):
    metric = METRICS.load(name).METRIC()
    metric.update(Batch.of(rgb, truth))
    return metric.compute()


def arrays(rgb):
    return rgb.movedim(1, -1).double().numpy()


@pytest.fixture(scope="module")
def pair():
    return pictures(3, 40, 57)


def test_errors_of_ab_by_hand():
    class Fixed(Batch):
        ab_error = torch.tensor([[[3.0, 4.0], [0.0, 5.0]]])  # distances

    batch = Fixed.of(torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, 2))
    scores = {}
    for name in ("ab-mse", "ab-rmse", "ab-l2", "psnr-ab"):
        metric = METRICS.load(name).METRIC()
        metric.update(batch)
        scores[name] = metric.compute()
    mse = (9 + 16 + 25) / 8  # four pixels, two channels
    assert scores["ab-mse"] == pytest.approx(mse)
    assert scores["ab-rmse"] == pytest.approx(mse**0.5)
    assert scores["ab-l2"] == pytest.approx(3)
    assert scores["psnr-ab"] == pytest.approx(10 * np.log10(255**2 / mse))


def test_errors_of_ab_against_scikit_image(pair):
    ours, truth = (skimage.color.rgb2lab(arrays(rgb))[..., 1:] for rgb in pair)
    mse = ((ours - truth) ** 2).mean()
    assert measured("ab-mse", *pair) == pytest.approx(mse, rel=1e-4)
    assert measured("ab-rmse", *pair) == pytest.approx(mse**0.5, rel=1e-4)
    assert measured("ab-l2", *pair) == pytest.approx(np.linalg.norm(ours - truth, axis=-1).mean(), rel=1e-4)
    psnr = [skimage.metrics.peak_signal_noise_ratio(t, o, data_range=255) for o, t in zip(ours, truth, strict=True)]
    assert measured("psnr-ab", *pair) == pytest.approx(np.mean(psnr), rel=1e-5)


def test_psnr_against_scikit_image(pair):
    each = zip(*map(arrays, pair), strict=True)
    expected = np.mean([skimage.metrics.peak_signal_noise_ratio(t, o, data_range=1) for o, t in each])
    assert measured("psnr", *pair) == pytest.approx(expected, rel=1e-6)


def test_psnr_of_equal_pictures_is_infinite(pair):
    assert measured("psnr", pair[0], pair[0]) == float("inf")


def test_ssim_against_scikit_image(pair):
    expected = [
        skimage.metrics.structural_similarity(
            t, o, channel_axis=-1, data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        for o, t in zip(*map(arrays, pair), strict=True)
    ]
    assert measured("ssim", *pair) == pytest.approx(np.mean(expected), abs=1e-5)


# torchmetrics 1.9.0, multiscale_structural_similarity_index_measure(rgb, truth, data_range=1.0), on these pictures. Its
# last scale counts windows that reach over the border, which ours leaves out: hence the tolerance.
@pytest.mark.parametrize(("noise", "expected"), [(0.05, 0.902697), (0.2, 0.561234)])
def test_ms_ssim_against_torchmetrics(noise, expected):
    assert measured("ms-ssim", *pictures(2, 181, 230, noise)) == pytest.approx(expected, abs=1e-4)


def test_ms_ssim_of_structure_turned_over_is_nothing():
    truth = pictures(1, 192, 192, 0.3)[0]
    assert measured("ms-ssim", 1 - truth, truth) == 0


@pytest.mark.parametrize(("name", "least"), [("ssim", 11), ("ms-ssim", 176)])
def test_pictures_that_hold_no_window_are_left_out(name, least):
    small, large = pictures(1, least - 1, 300), pictures(1, least, 300)
    metric = METRICS.load(name).METRIC()
    metric.update(Batch.of(*small))
    assert np.isnan(metric.compute())
    metric.update(Batch.of(*large))
    assert metric.compute() == pytest.approx(measured(name, *large))


# The pairs published with Sharma, Wu and Dalal 2005, "The CIEDE2000 color-difference formula", table 1.
PAIRS = np.array([
    (50.0, 2.6772, -79.7751, 50.0, 0.0, -82.7485, 2.0425),
    (50.0, 3.1571, -77.2803, 50.0, 0.0, -82.7485, 2.8615),
    (50.0, 2.8361, -74.02, 50.0, 0.0, -82.7485, 3.4412),
    (50.0, -1.3802, -84.2814, 50.0, 0.0, -82.7485, 1.0),
    (50.0, -1.1848, -84.8006, 50.0, 0.0, -82.7485, 1.0),
    (50.0, -0.9009, -85.5211, 50.0, 0.0, -82.7485, 1.0),
    (50.0, 0.0, 0.0, 50.0, -1.0, 2.0, 2.3669),
    (50.0, -1.0, 2.0, 50.0, 0.0, 0.0, 2.3669),
    (50.0, 2.49, -0.001, 50.0, -2.49, 0.0009, 7.1792),
    (50.0, 2.49, -0.001, 50.0, -2.49, 0.001, 7.1792),
    (50.0, 2.49, -0.001, 50.0, -2.49, 0.0011, 7.2195),
    (50.0, 2.49, -0.001, 50.0, -2.49, 0.0012, 7.2195),
    (50.0, -0.001, 2.49, 50.0, 0.0009, -2.49, 4.8045),
    (50.0, -0.001, 2.49, 50.0, 0.001, -2.49, 4.8045),
    (50.0, -0.001, 2.49, 50.0, 0.0011, -2.49, 4.7461),
    (50.0, 2.5, 0.0, 50.0, 0.0, -2.5, 4.3065),
    (50.0, 2.5, 0.0, 73.0, 25.0, -18.0, 27.1492),
    (50.0, 2.5, 0.0, 61.0, -5.0, 29.0, 22.8977),
    (50.0, 2.5, 0.0, 56.0, -27.0, -3.0, 31.903),
    (50.0, 2.5, 0.0, 58.0, 24.0, 15.0, 19.4535),
    (50.0, 2.5, 0.0, 50.0, 3.1736, 0.5854, 1.0),
    (50.0, 2.5, 0.0, 50.0, 3.2972, 0.0, 1.0),
    (50.0, 2.5, 0.0, 50.0, 1.8634, 0.5757, 1.0),
    (50.0, 2.5, 0.0, 50.0, 3.2592, 0.335, 1.0),
    (60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644),
    (63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.263),
    (61.2901, 3.7196, -5.3901, 61.4292, 2.248, -4.962, 1.8731),
    (35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645),
    (22.7233, 20.0904, -46.694, 23.0331, 14.973, -42.5619, 2.0373),
    (36.4612, 47.858, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146),
    (90.8027, -2.0831, 1.441, 91.1528, -1.6435, 0.0447, 1.4441),
    (90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381),
    (6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377),
    (2.0776, 0.0795, -1.135, 0.9033, -0.0636, -0.5514, 0.9082),
])  # fmt: skip


@pytest.mark.parametrize("swap", [False, True])
def test_the_published_pairs_of_ciede2000(swap):
    first, second = PAIRS[:, :3], PAIRS[:, 3:6]
    first, second = (torch.tensor(lab.T)[None, :, None] for lab in ((second, first) if swap else (first, second)))
    torch.testing.assert_close(_ciede2000.difference(first, second)[0, 0], torch.tensor(PAIRS[:, 6]), atol=5e-5, rtol=0)


def test_ciede2000_against_scikit_image():
    generator = torch.Generator().manual_seed(2)
    rgb, truth = torch.rand(2, 2, 3, 64, 64, generator=generator)  # the whole cube
    expected = skimage.color.deltaE_ciede2000(*(skimage.color.rgb2lab(arrays(x)) for x in (truth, rgb)))
    assert measured("ciede2000", rgb, truth) == pytest.approx(expected.mean(), rel=1e-4)
    assert measured("ciede2000-p95", rgb, truth) == pytest.approx(np.percentile(expected, 95), abs=0.05)
    single = _ciede2000.of(Batch.of(rgb, truth)).numpy()
    assert np.abs(single - expected).max() < 0.01


def test_gray_against_gray_differs_in_lightness_only():
    gray = torch.full((1, 3, 4, 4), 0.5)
    assert measured("ciede2000", gray, gray) == 0
    assert measured("ciede2000-p95", gray, gray) == 0
    assert measured("ciede2000", gray + 0.1, gray) > 5
