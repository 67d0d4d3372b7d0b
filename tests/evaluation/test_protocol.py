from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from colorcli.errors import MediaError, UsageError
from colorcli.evaluation.protocol import Protocol, bytes_of, tensor


def test_sizes() -> None:
    picture = data.coffee()  # 400 x 600
    assert Protocol().fit(picture) is picture
    assert Protocol().fit(picture, (200, 300)).shape == (200, 300, 3)
    assert Protocol("crop256").fit(picture).shape == Protocol("stretch256").fit(picture).shape == (256, 256, 3)


def test_a_crop_shows_the_middle_and_a_stretch_all() -> None:
    picture = np.zeros((100, 300, 3), np.uint8)
    picture[:, 100:200] = 200
    assert Protocol("crop256").fit(picture).min() == pytest.approx(200 / 255)
    assert Protocol("stretch256").fit(picture).mean() == pytest.approx(200 / 255 / 3, rel=0.01)


def test_a_square_of_that_size_is_left_alone() -> None:
    picture = data.astronaut()[:256, :256]
    for name in ("crop256", "stretch256"):
        np.testing.assert_array_equal(Protocol(name).fit(picture), picture)


def test_scaling_averages_areas() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    small = Protocol().fit(picture, (32, 32))
    np.testing.assert_allclose(small, picture.reshape(32, 2, 32, 2, 3).mean((1, 3)) / 255, atol=1e-5)


def test_gray_becomes_rgb() -> None:
    assert Protocol().fit(np.zeros((4, 5), np.uint8)).shape == (4, 5, 3)


@pytest.mark.parametrize("size", [(100, 150), (200, 300), (33, 50), (34, 50), (1, 1), (401, 600)])
def test_what_rounding_explains_is_the_same_scene(size: tuple[int, int]) -> None:
    Protocol().check(size, (400, 600), ("a", "b"))


@pytest.mark.parametrize("size", [(256, 256), (600, 400), (380, 600), (100, 100)])
def test_a_crop_is_not(size: tuple[int, int]) -> None:
    with pytest.raises(MediaError, match=r"a\.png: its aspect ratio is not that of b\.jpg") as error:
        Protocol().check(size, (400, 600), ("a.png", "b.jpg"))
    assert f"{size[1]} x {size[0]} and 600 x 400" in error.value.message
    if size[0] == size[1]:
        Protocol("crop256").check(size, (400, 600), ("a", "b"))


def test_strips_of_one_pixel() -> None:
    Protocol().check((1, 2500), (1, 5000), ("a", "b"))


def test_unknown_words() -> None:
    with pytest.raises(UsageError, match="unknown resize"):
        Protocol("crop512")  # type: ignore[arg-type]


def test_depths() -> None:
    deep = np.array([[[0, 257, 65535]]], np.uint16)
    np.testing.assert_allclose(tensor(deep).flatten(), [0, 1 / 255, 1], atol=1e-7)
    assert bytes_of(deep).tolist() == [[[0, 1, 255]]]
    assert bytes_of(np.array([[[0.0, 0.5, 1.0]]], np.float32)).tolist() == [[[0, 128, 255]]]
    assert tensor(data.astronaut()).shape == (1, 3, 512, 512)
