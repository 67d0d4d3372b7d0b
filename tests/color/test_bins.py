import pytest
import torch

from colorcli.color import bins


def test_there_are_313_bins_in_the_published_order():
    centers = bins.centers()
    assert centers.shape == (313, 2)
    assert centers[0].tolist() == [-90, 50]
    assert centers[-1].tolist() == [100, 0]
    rows = [tuple(row) for row in centers.tolist()]
    assert rows == sorted(rows) and len(set(rows)) == 313


def test_nearest_finds_every_centre_itself():
    centers = bins.centers()
    assert torch.equal(bins.nearest(centers.T[None, :, None])[0, 0], torch.arange(313))


def test_soft_encoding_is_the_five_nearest_with_gaussian_weights():
    ab = torch.randint(-60, 60, (2, 2, 5, 4)).float()
    index, weight = bins.soft_encode(ab)
    assert index.shape == weight.shape == (2, 5, 5, 4)
    assert torch.allclose(weight.sum(1), torch.ones(2, 5, 4))
    pixel = ab[1, :, 2, 3]
    distance = (bins.centers() - pixel).norm(dim=1)
    expected = torch.exp(-(distance.sort().values[:5] ** 2) / 50)
    assert torch.allclose(weight[1, :, 2, 3], expected / expected.sum(), atol=1e-5)
    assert torch.allclose(distance[index[1, :, 2, 3]], distance.sort().values[:5])


def test_far_out_colours_are_encoded_too():
    index, weight = bins.soft_encode(torch.tensor([[500.0, -500.0]])[:, :, None, None])
    assert torch.isfinite(weight).all() and weight.sum() == pytest.approx(1)
    assert bins.centers()[index[0, 0, 0, 0]].tolist() == [90, -110]


def test_expectation_of_a_certain_bin_is_its_centre():
    probabilities = torch.zeros(1, 313, 1, 2)
    probabilities[0, 17, 0, 0] = 1
    probabilities[0, [4, 5], 0, 1] = 0.5
    ab = bins.expectation(probabilities)
    assert torch.allclose(ab[0, :, 0, 0], bins.centers()[17])
    assert torch.allclose(ab[0, :, 0, 1], bins.centers()[4:6].mean(0))


def test_a_wrong_shape_is_named():
    with pytest.raises(ValueError, match=r"\(3, 8, 8\)"):
        bins.soft_encode(torch.zeros(3, 8, 8))


def test_tables_first_made_in_inference_mode_still_train():
    bins.centers.cache_clear()
    bins._encoding_table.cache_clear()
    with torch.inference_mode():
        bins.centers()
        bins.soft_encode(torch.zeros(1, 2, 4, 4))
    _, weight = bins.soft_encode(torch.zeros(1, 2, 4, 4))
    assert not weight.is_inference()
    weights = torch.rand(4, 313, requires_grad=True)
    (weights @ bins.centers()).sum().backward()  # raises on an inference tensor
    assert weights.grad is not None
