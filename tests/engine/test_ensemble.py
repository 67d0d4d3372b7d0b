"""Blends, views, and how sure a result is."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log
from typing import Any

import numpy as np
import pytest
import torch
from skimage import data
from torch.nn.functional import interpolate

from colorcli.engine import blend, ensemble, geometry, hints, uncertainty
from colorcli.engine.colorizer import ColorizeOptions, Colorizer
from colorcli.errors import UsageError
from colorcli.media import photo as media


@pytest.fixture
def photo() -> media.Photo:
    return media.Photo(data.camera()[::4, ::6].copy())  # 128 x 86


def ab_of(model: str, photo: media.Photo, **options: Any) -> torch.Tensor:
    color = ensemble.load(ColorizeOptions(**({"blend": model} if ":" in model else {"model": model}), **options))
    return color.predict([color.prepare(photo)])[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("default", "'default' is not NAME:WEIGHT"),
        ("default:0.5,", "'' is not NAME:WEIGHT"),
        ("default:x", "is not NAME:WEIGHT"),
        ("default:0", "above 0"),
        ("default:nan", "above 0"),
        (":1", "is not NAME:WEIGHT"),
        ("a:1,a:2", "'a' comes twice"),
        ("defalt:1", "did you mean 'default'"),
    ],
)
def test_what_is_no_blend_is_told(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        blend.find(ColorizeOptions(blend=text))


def test_shares_sum_to_one_and_models_are_not_named_twice() -> None:
    assert blend.parse("a:3, hf:b/c@d:e.bin:1") == [("a", 0.75), ("hf:b/c@d:e.bin", 0.25)]
    with pytest.raises(UsageError, match="leave out --model"):
        blend.find(ColorizeOptions(blend="default:1", model="mrf"))


def test_a_blend_averages_ab_of_any_models(make_model: Callable[..., str], photo: media.Photo) -> None:
    """Two sizes and two decoders: on the finer of the two grids."""
    one, two = make_model(size=64, decoder="mean"), make_model(size=96, decoder="mode", temperature=None)
    mixed = ab_of(f"{one}:1,{two}:3", photo)
    small, fine = ab_of(one, photo), ab_of(two, photo)
    assert mixed.shape == fine.shape != small.shape
    enlarged = interpolate(small[None], fine.shape[-2:], mode="bilinear", align_corners=False)[0]
    torch.testing.assert_close(mixed, 0.25 * enlarged + 0.75 * fine)


def test_a_blend_is_a_model_of_its_own(make_model: Callable[..., str], photo: media.Photo) -> None:
    one, two = make_model(), make_model(decoder="mode")
    first, second = (ensemble.load(ColorizeOptions(blend=f"{one}:{share},{two}:1")) for share in (1, 2))
    assert first.model.card.name == "tiny:0.5+tiny:0.5"
    alone = Colorizer(ColorizeOptions(model=one))
    assert len({first.weights_sha256, second.weights_sha256, alone.weights_sha256}) == 3
    assert isinstance(first.to("cpu"), ensemble.Ensemble)
    assert first(photo).pixels.shape == (128, 86, 3)
    assert not isinstance(ensemble.load(ColorizeOptions(model=one)), ensemble.Ensemble)


def test_views_are_the_picture_and_its_mirror_image_at_three_sizes(model: str, photo: media.Photo) -> None:
    color, plain = ensemble.load(ColorizeOptions(model=model, tta=True)), Colorizer(ColorizeOptions(model=model))
    views = color.prepare(photo).views
    assert len(views) == 6
    assert views[0].geometry.inner < views[4].geometry.inner
    for upright, mirrored in zip(views[::2], views[1::2], strict=True):
        assert torch.equal(upright.L_small.flip(-1), mirrored.L_small)
        assert torch.equal(mirrored.L, geometry.pad(mirrored.L_small, mirrored.geometry.padded))
        assert (upright.whole is None) == (mirrored.whole is None) == (upright is views[0])
        if upright.whole is not None and mirrored.whole is not None:
            assert torch.equal(upright.whole.L_small.flip(-1), mirrored.whole.L_small)
    flipped = media.Photo(photo.pixels[:, ::-1].copy())
    runs = []
    for size in (64, 51, 80):
        runs.append(plain.predict([plain.prepare(photo, size=size)])[0])
        runs.append(plain.predict([plain.prepare(flipped, size=size)])[0].flip(-1))
    grid = runs[4].shape[-2:]
    expected = torch.stack([interpolate(ab[None], grid, mode="bilinear", align_corners=False)[0] for ab in runs]).mean(
        0
    )
    torch.testing.assert_close(color.predict([color.prepare(photo)])[0], expected, rtol=1e-3, atol=0.05)


def test_photos_do_not_meet_in_a_batch(make_model: Callable[..., str]) -> None:
    """Their sizes are one for the first model, and differ for the second."""
    one, two = make_model(size=64), make_model(size=128)
    color = ensemble.load(ColorizeOptions(blend=f"{one}:1,{two}:1"))
    rng = np.random.default_rng(0)
    both = [color.prepare(media.Photo(rng.integers(0, 255, size, dtype=np.uint8))) for size in ((60, 66), (60, 74))]
    assert both[0].geometry.padded == both[1].geometry.padded
    together = color.predict(both)
    for item, ab in zip(both, together, strict=True):
        torch.testing.assert_close(color.predict([item])[0], ab, rtol=1e-3, atol=0.05)


def test_less_memory_shrinks_all(make_model: Callable[..., str], photo: media.Photo) -> None:
    one, two = make_model(size=64), make_model(size=128)
    color = ensemble.load(ColorizeOptions(blend=f"{one}:1,{two}:1"))
    sizes = [view.size for view in color.prepare(photo, size=32).views]
    assert sizes == [32, 64]


def test_hints_reach_every_run(model: str, photo: media.Photo) -> None:
    known = hints.Hints("x", "0", (hints.Mark(0, 0, 86, 128, ab=(30, 20)),))
    color = ensemble.load(ColorizeOptions(model=model, tta=True, decoder="mean"))
    ab = color.predict([color.prepare(photo, hints=known)])[0]
    assert (ab - torch.tensor([30.0, 20.0])[:, None, None]).norm(dim=0).mean() < 2


def test_what_follows_a_publication_is_not_averaged(tmp_path: Any) -> None:
    from colorcli.registry import NETWORKS
    from colorcli.weights.card import Card, Source
    from colorcli.weights.save import write_run

    card = Card(name="s", network="siggraph17", sizes={"width": 4}, source=Source(kind="file", file="x"))
    write_run(tmp_path, NETWORKS.load("siggraph17").build(width=4).state_dict(), card)
    with pytest.raises(UsageError, match="leaves no ab to average"):
        ensemble.load(ColorizeOptions(model=str(tmp_path), fit="stretch", tta=True))


# -- how sure ---------------------------------------------------------------------------------------------------------


def test_entropy_of_a_distribution() -> None:
    flat = torch.zeros(1, 313, 2, 2)
    assert uncertainty.of_distribution(flat) == pytest.approx(1)
    sure = flat.clone()
    sure[:, 5] = 100
    assert uncertainty.of_distribution(sure) == pytest.approx(0, abs=1e-6)
    two = torch.full((1, 313, 2, 2), -100.0)
    two[:, 5:7] = 0
    assert uncertainty.of_distribution(two) == pytest.approx(log(2) / log(313))


def test_spread_of_runs() -> None:
    ab = torch.zeros(2, 2, 3, 3)
    ab[0, 0] += 10
    shares = torch.tensor([0.5, 0.5])
    assert uncertainty.of_runs(ab, shares) == pytest.approx(1 - exp(-5 / uncertainty.SPREAD))
    assert uncertainty.of_runs(ab[:1].expand(2, -1, -1, -1), shares) == 0


def test_scores_come_with_what_they_are_about(make_model: Callable[..., str], photo: media.Photo) -> None:
    one = make_model()
    single, several = (ensemble.load(ColorizeOptions(model=one, tta=tta)) for tta in (False, True))
    scores = [color.predict_all([color.prepare(photo)])[0].uncertainty for color in (single, several)]
    assert all(score is not None and 0 < score < 1 for score in scores)
    cold = Colorizer(ColorizeOptions(model=one, temperature=0.1))  # the network's doubt, not the decoder's
    assert cold.predict_all([cold.prepare(photo)])[0].uncertainty == pytest.approx(scores[0])
