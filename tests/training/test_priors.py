import io

import numpy as np
import pytest
import torch
from PIL import Image

from colorcli.color import bins
from colorcli.color.prior import smooth
from colorcli.errors import UsageError
from colorcli.report.prior import plot_prior
from colorcli.training import data, priors, sources


def _pictures(folder):
    return data.load(sources.find([folder])[0], side=64, gray=2.0, workers=1)


def test_measured_on_red_pictures_red_is_what_there_is(tmp_path):
    for number in range(3):
        Image.new("RGB", (64, 64), (200, 30, 30 + number)).save(tmp_path / f"{number}.png")
    prior = priors.choose("", _pictures(tmp_path))
    assert prior.sum() == pytest.approx(1)
    a, b = bins.centers()[prior.argmax()]
    assert (float(a), float(b)) == (60.0, 40.0)


def test_a_file_of_numbers_is_smoothed_and_a_model_has_it_smooth_already(tmp_path, tiny_model):
    counts = np.arange(313.0)
    np.save(tmp_path / "prior.npy", counts)
    found = priors.choose(str(tmp_path / "prior.npy"), None)
    assert torch.allclose(found, smooth(torch.from_numpy(counts / counts.sum()).float()))
    own = priors.choose(str(tiny_model), None)
    assert own.sum() == pytest.approx(1) and own.shape == (313,)
    assert priors.choose("default", None).argmax() != own.argmax()


@pytest.mark.parametrize("values", [np.zeros(313), np.ones(312), -np.ones(313), np.full(313, np.nan), np.array(["a"])])
def test_what_is_no_prior_is_refused(tmp_path, values):
    np.save(tmp_path / "prior.npy", values)
    with pytest.raises(UsageError, match="not a prior"):
        priors.choose(str(tmp_path / "prior.npy"), None)


def test_files_that_cannot_be_read_are_explained(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        priors.choose(str(tmp_path / "none.npy"), None)
    np.save(tmp_path / "object.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(UsageError, match="cannot be read"):
        priors.choose(str(tmp_path / "object.npy"), None)
    with pytest.raises(UsageError, match="did you mean 'default'"):
        priors.choose("defalt", None)


def test_the_plot_is_a_picture_even_of_bins_that_never_occur():
    prior = torch.zeros(313)
    prior[150] = 1
    target = io.BytesIO()
    plot_prior(prior, target)
    assert np.asarray(Image.open(target).convert("L")).std() > 10
