"""The small lightness of a big photo."""

import cv2
import numpy as np
import pytest
import torch
from skimage import color, data

from colorcli.engine.merge import lightness


def in_one_go(pixels, size):
    """Average exactly, by repeating every pixel to a common multiple."""
    code = pixels / np.iinfo(pixels.dtype).max
    for axis, wanted in enumerate(size):
        have = code.shape[axis]
        code = np.repeat(code, wanted, axis=axis)
        code = code.reshape(*code.shape[:axis], wanted, have, *code.shape[axis + 1 :]).mean(axis + 1)
    return color.rgb2lab(code if code.ndim == 3 else np.stack([code] * 3, -1))[..., 0]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("rgb", [False, True], ids=["gray", "rgb"])
@pytest.mark.parametrize("size", [(7, 11), (16, 20), (37, 53), (36, 5), (1, 1)], ids=str)
def test_averages_areas_of_encoded_values(size, rgb, dtype):
    shape = (37, 53, 3) if rgb else (37, 53)
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    L = lightness(pixels, size)
    assert L.shape == (1, *size)
    assert L.dtype == torch.float32
    np.testing.assert_allclose(L[0], in_one_go(pixels, size), atol=2e-3)


def test_close_to_opencv_on_a_photograph():
    picture = data.astronaut()
    expected = color.rgb2lab(cv2.resize(picture, (100, 120), interpolation=cv2.INTER_AREA))[..., 0]
    assert np.abs(lightness(picture, (120, 100))[0].numpy() - expected).max() < 0.6  # its 8 bits


def test_enlarging_is_cubic_and_stays_in_range():
    pixels = np.array([[0, 255], [255, 0]], np.uint8)
    L = lightness(pixels, (32, 48))
    assert L.shape == (1, 32, 48)
    assert L.min() >= 0
    assert L.max() <= 100.01
    smooth = lightness(np.tile(np.arange(0, 256, 16, dtype=np.uint8), (8, 1)), (32, 64))[0, 16]
    assert (smooth.diff() >= -1e-4).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 3, 3), (3, 40000)], ids=str)
def test_odd_shapes(shape):
    """One axis may shrink while the other grows."""
    pixels = np.full(shape, 119, np.uint8)
    L = lightness(pixels, (64, 72))
    torch.testing.assert_close(L, torch.full((1, 64, 72), 50.03), atol=0.02, rtol=0)


def test_wrong_sizes():
    with pytest.raises(ValueError, match="size must be"):
        lightness(np.zeros((4, 4), np.uint8), (0, 4))
    with pytest.raises(ValueError, match="pixels must be"):
        lightness(np.zeros((4, 4)), (4, 4))
