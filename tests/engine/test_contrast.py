"""Contrast of colours: about the picture's own mean, for predictions and for nothing that the user has told."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from skimage import data

from colorcli.engine.colorizer import ColorizeOptions, Colorizer
from colorcli.engine.contrast import spread
from colorcli.engine.ensemble import load
from colorcli.engine.hints import Hints, Mark
from colorcli.media.photo import Photo


@pytest.fixture
def photo() -> Photo:
    return Photo(data.camera()[::6, ::5].copy())


@pytest.mark.parametrize("contrast", [0.0, 0.5, 1.0, 1.5, 3.0])
def test_distances_from_the_mean_grow_and_the_mean_stays(contrast: float) -> None:
    torch.manual_seed(0)
    ab = torch.randn(2, 6, 9) * 20 + torch.tensor([5.0, 15.0])[:, None, None]
    mean = ab.mean((1, 2), keepdim=True)
    out = spread(ab, contrast)
    torch.testing.assert_close(out.mean((1, 2), keepdim=True), mean, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(out - mean, contrast * (ab - mean), rtol=1e-4, atol=1e-4)


def test_it_is_of_the_picture_and_not_of_its_padding(make_model: Callable[..., str], photo: Photo) -> None:
    name = make_model()
    plain, lively = (Colorizer(ColorizeOptions(model=name, contrast=factor)) for factor in (1.0, 1.5))
    small = plain.prepare(photo)
    assert small.geometry.inner != small.geometry.padded
    before, after = plain.predict([small])[0], lively.predict([small])[0]
    assert before.std() > 0.1
    torch.testing.assert_close(after, spread(before, 1.5), rtol=1e-4, atol=1e-4)


def test_the_card_says_how_much_unless_the_user_does(make_model: Callable[..., str], photo: Photo) -> None:
    plain, calm = make_model(), make_model(contrast=0.0)
    small = Colorizer(ColorizeOptions(model=plain)).prepare(photo)
    of = {
        key: Colorizer(ColorizeOptions(model=model, contrast=asked)).predict([small])[0]
        for key, model, asked in (("plain", plain, None), ("card", calm, None), ("asked", calm, 1.0))
    }
    assert of["card"].flatten(1).std(1).max() < 1e-3 < of["plain"].std()
    assert torch.equal(of["asked"], of["plain"])


def test_what_the_user_has_told_is_not_moved(make_model: Callable[..., str], photo: Photo) -> None:
    known = Hints("x", "0", (Mark(0, 0, 60, 80, ab=(30, 20)),))
    name = make_model()
    found = [
        color.predict([color.prepare(photo, hints=known)])[0]
        for color in (Colorizer(ColorizeOptions(model=name, contrast=factor)) for factor in (1.0, 2.0))
    ]
    assert torch.equal(*found)


def test_each_view_has_it(make_model: Callable[..., str], photo: Photo) -> None:
    name = make_model()
    flat = load(ColorizeOptions(model=name, contrast=0.0, tta=True))
    assert flat.predict([flat.prepare(photo)])[0].flatten(1).std(1).max() < 1e-2
