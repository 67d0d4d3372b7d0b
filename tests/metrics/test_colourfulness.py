"""Colourfulness, chroma and which colours there are, by hand and against numpy."""

import numpy as np
import pytest
import skimage.color
import torch

from colorcli.color import bins, lab
from colorcli.metrics._batch import Batch
from colorcli.registry import METRICS


def measured(name, *batches):
    metric = METRICS.load(name).METRIC()
    for batch in batches:
        metric.update(Batch.of(*batch))
    return metric.compute()


def plain(*colors):
    """A picture of one row of colours, 0..255."""
    return torch.tensor(colors, dtype=torch.uint8).T[None, :, None]


def by_numpy(rgb, absolute):
    r, g, b = 255 * rgb.double().numpy()
    rg, yb = r - g, (r + g) / 2 - b
    if absolute:
        rg, yb = abs(rg), abs(yb)
    return np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())


@pytest.mark.parametrize(("name", "absolute"), [("cf", False), ("cf-abs", True)])
def test_against_numpy(name, absolute):
    rgb = torch.rand(3, 3, 20, 30, generator=torch.Generator().manual_seed(0))
    assert measured(name, [rgb]) == pytest.approx(np.mean([by_numpy(x, absolute) for x in rgb]), rel=1e-5)


def test_two_opposite_colours_by_hand():
    # rg is +100 and -100; yb is 50 in both.
    opposite = plain((100, 0, 0), (0, 100, 0))
    mean = 0.3 * 50
    assert measured("cf", [opposite]) == pytest.approx(100 + mean, rel=1e-5)
    assert measured("cf-abs", [opposite]) == pytest.approx(0.3 * (100**2 + 50**2) ** 0.5, rel=1e-5)


def test_gray_has_no_colour():
    gray = torch.rand(1, 1, 8, 8).expand(-1, 3, -1, -1)
    assert measured("cf", [gray]) == measured("cf-abs", [gray]) == 0
    assert measured("chroma", [gray]) == pytest.approx(0, abs=0.02)  # scikit-image's white is rounded


@pytest.mark.parametrize("name", ["cf", "cf-abs"])
def test_dull_and_vivid_cancel_in_the_means_only(name):
    dull, vivid = plain((120, 100, 100), (100, 110, 120)), plain((220, 20, 20), (10, 110, 230))
    batches = [dull, vivid], [vivid, dull]
    assert measured(f"delta-{name}-means", *batches) == pytest.approx(0, abs=1e-5)
    apart = abs(measured(name, [dull]) - measured(name, [vivid]))
    assert measured(f"delta-{name}", *batches) == pytest.approx(apart)
    assert measured(f"delta-{name}-means", [dull, vivid]) == pytest.approx(apart)


def test_chroma_against_scikit_image():
    rgb, truth = torch.rand(2, 2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    ours, true = (
        np.linalg.norm(skimage.color.rgb2lab(x.movedim(1, -1).numpy())[..., 1:], axis=-1) for x in (rgb, truth)
    )
    assert measured("chroma", [rgb]) == pytest.approx(ours.mean(), rel=1e-4)
    assert measured("chroma-ratio", [rgb, truth]) == pytest.approx(ours.mean() / true.mean(), rel=1e-4)


def of_bins(*indices):
    ab = bins.centers()[list(indices)].T[None, :, None]
    return lab.lab_to_rgb(torch.cat((torch.full_like(ab[:, :1], 60.0), ab), 1))


def test_histograms_ask_which_colours_not_where():
    one, other = (
        int(((bins.centers() - torch.tensor(ab)) ** 2).sum(1).argmin()) for ab in ((40.0, 30.0), (-40.0, 30.0))
    )
    truth = of_bins(one, other)
    assert measured("ab-histogram", [truth.flip(3), truth]) == pytest.approx(0, abs=1e-6)
    assert measured("ab-histogram", [of_bins(one, one), truth]) == pytest.approx(0.5, abs=1e-3)
    assert measured("ab-histogram", [of_bins(other, other), of_bins(one, one)]) == pytest.approx(1, abs=1e-3)


def test_a_neighbouring_bin_is_nearer_than_a_far_one():
    truth = of_bins(160)
    near, far = (measured("ab-histogram", [of_bins(index), truth]) for index in (161, 164))
    assert 0 < near < far - 0.1


def test_the_ratio_to_a_gray_truth_is_not_defined():
    black = torch.zeros(1, 3, 4, 4)
    assert np.isnan(measured("chroma-ratio", [torch.rand(1, 3, 4, 4), black]))
