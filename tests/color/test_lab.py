import numpy as np
import pytest
import torch
from skimage import color, data

from colorcli.color import lab


def _picture(name):
    return torch.from_numpy(getattr(data, name)()[..., :3].copy()).movedim(-1, 0).float() / 255


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_lab_agrees_with_scikit_image(name):
    rgb = _picture(name)
    ours = lab.rgb_to_lab(rgb).movedim(0, -1).numpy()
    assert np.abs(ours - color.rgb2lab(rgb.movedim(0, -1).numpy())).max() < 1e-3


def test_lab_agrees_with_scikit_image_on_the_corners_and_edges_of_the_cube():
    axis = np.linspace(0, 1, 18)
    cube = np.stack(np.meshgrid(axis, axis, axis), -1).reshape(1, -1, 3)
    ours = lab.rgb_to_lab(torch.from_numpy(cube).movedim(-1, 0)).movedim(0, -1).numpy()
    assert np.abs(ours - color.rgb2lab(cube)).max() < 1e-3


def test_round_trip_is_the_identity():
    rgb = _picture("astronaut")
    assert (lab.lab_to_rgb(lab.rgb_to_lab(rgb)) - rgb).abs().max() < 1e-5


def test_the_inverse_does_not_clip():
    vivid = torch.tensor([50.0, 120.0, -120.0])[:, None, None]
    rgb = lab.lab_to_rgb(vivid)
    assert rgb.min() < 0 < 1 < rgb.max()
    assert torch.allclose(lab.rgb_to_lab(rgb.double())[0], vivid[0].double(), atol=0.5)


def test_luma_is_that_of_bt601():
    colours = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0.5]]).T.reshape(1, 3, 2, 2)
    luma = lab.luma(colours)
    assert luma.shape == (1, 1, 2, 2)
    assert luma.flatten().tolist() == pytest.approx([0.299, 0.587, 0.114, 0.5])


def test_L_to_gray_undoes_gray_to_L():
    gray = torch.linspace(0, 1, 256)
    assert torch.allclose(lab.L_to_gray(lab.gray_to_L(gray)), gray, atol=1e-5)


def test_gray_to_L_is_the_L_of_neutral_colours():
    gray = torch.linspace(0, 1, 256)
    whole = lab.rgb_to_lab(gray.expand(3, 1, 256))
    assert torch.allclose(lab.gray_to_L(gray), whole[0, 0], atol=1e-3)
    assert whole[1:].abs().max() < 0.01  # the D65 white of the matrix and of the table agree that well


def test_batches_and_single_pictures_give_the_same():
    batch = torch.rand(3, 3, 5, 7)
    assert torch.allclose(lab.rgb_to_lab(batch)[1], lab.rgb_to_lab(batch[1]), atol=1e-4)


def test_gradients_are_finite_at_black_and_white():
    rgb = torch.tensor([0.0, 1.0]).expand(3, 1, 2).clone().requires_grad_()
    lab.lab_to_rgb(lab.rgb_to_lab(rgb)).sum().backward()
    assert torch.isfinite(rgb.grad).all()
