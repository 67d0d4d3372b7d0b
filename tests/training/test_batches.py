import numpy as np
import pytest
import torch
from skimage import color, data

from colorcli.training import batches, recipe
from colorcli.training.data import Pictures


@pytest.fixture
def pictures():
    pixels = [np.ascontiguousarray(data.astronaut()[:80, x : x + 100]) for x in range(0, 400, 50)]
    flat = np.concatenate([picture.ravel() for picture in pixels])
    shapes = np.array([picture.shape[:2] for picture in pixels])
    return Pictures(flat, np.arange(8) * 80 * 100 * 3, shapes, [str(n) for n in range(8)], {})


def _recipe(*settings):
    return recipe.load(
        "default", ["optimizer.steps=10", "data.batch=4", "data.sizes=[[0.0, 32], [0.5, 64]]", *settings]
    )


def test_a_batch_depends_on_seed_and_step_alone(pictures):
    steps = list(batches.stream(pictures, _recipe(), start=0, workers=0))
    later = list(batches.stream(pictures, _recipe(), start=6, workers=0))
    assert len(steps) == 10 and len(later) == 4
    assert all(torch.equal(a.rgb, b.rgb) for a, b in zip(steps[6:], later, strict=True))
    assert not torch.equal(steps[0].rgb, batches.Crops(pictures, _recipe("seed=1"))[0].rgb)
    assert torch.equal(batches.Crops(pictures, _recipe())[3].rgb, steps[3].rgb)


def test_crops_grow_with_the_steps(pictures):
    crops = batches.Crops(pictures, _recipe())
    assert crops[4].rgb.shape == (4, 3, 32, 32) and crops[5].rgb.shape == (4, 3, 64, 64)
    assert crops[0].rgb.dtype == torch.uint8


def test_every_picture_is_seen_once_an_epoch(pictures):
    crops = batches.Crops(pictures, _recipe())
    seen = []
    for step in range(2):  # two batches of four are one epoch of eight
        order = crops._order(0)
        seen += [int(order[place]) for place in range(step * 4, step * 4 + 4)]
    assert sorted(seen) == list(range(8))
    assert list(crops._order(1)) != list(crops._order(0))


def test_a_whole_uncut_crop_is_the_picture(pictures):
    plain = _recipe("data.area=[1.0, 1.0]", "data.aspect=[1.25, 1.25]", "augment.flip=0.0").data
    crop = batches._crop(pictures[0], 40, plain, 0.0, np.random.default_rng(0))
    assert abs(crop.mean() - pictures[0].mean()) < 1


def test_lab_is_that_of_scikit_image():
    rgb = data.coffee()[:32, :40]
    L, ab = batches.to_lab(torch.from_numpy(rgb.copy()).movedim(-1, 0)[None])
    assert np.abs(torch.cat((L, ab), 1)[0].movedim(0, -1).numpy() - color.rgb2lab(rgb)).max() < 1e-3


@pytest.mark.parametrize("kind", ["tone", "noise", "blur"])
def test_each_augmentation_acts_alone(kind):
    off = {"tone": 0.0, "noise": 0.0, "blur": 0.0}
    L = torch.from_numpy(data.camera()[None, None, ::8, ::8].copy()).float() / 2.55
    plain = recipe.Augment(**off)
    assert torch.allclose(batches.augment(L, plain, 0, 0), L, atol=1e-4)
    changed = batches.augment(L, recipe.Augment(**{**off, kind: 1.0}), 0, 5)
    assert (changed - L).abs().mean() > 0.05
    assert changed.min() >= 0 and changed.max() <= 100
    assert torch.equal(changed, batches.augment(L, recipe.Augment(**{**off, kind: 1.0}), 0, 5))
    if kind == "blur":  # softer: neighbouring pixels differ less
        assert changed.diff(dim=-1).abs().mean() < L.diff(dim=-1).abs().mean()
    if kind == "tone":  # a curve: darker pixels stay darker
        order = L.flatten().argsort()
        assert (changed.flatten()[order].diff() >= -1e-3).all()


def test_the_shares_of_processes_and_the_parts_of_a_step_make_up_the_batch(pictures):
    made = _recipe("data.batch=7")
    whole = batches.Crops(pictures, made)[2]
    shares = [batches.Crops(pictures, made, (rank, 3))[2] for rank in range(3)]
    assert torch.equal(torch.cat([share.rgb for share in shares]), whole.rgb)
    parts = [part for share in shares for part in share.parts(2)]
    assert len(parts) == 6
    assert [part.start for part in parts] == [sum(map(len, parts[:n])) for n in range(len(parts))]
    assert {part.of for part in parts} == {7}
    strong = recipe.Augment(tone=1, noise=1, blur=0.5, age=0.7)
    L = torch.linspace(0, 100, 7 * 256).reshape(7, 1, 16, 16)
    cut = [batches.augment(L[p.start :][: len(p)], strong, 5, 2, start=p.start, total=p.of) for p in parts]
    assert torch.equal(torch.cat(cut), batches.augment(L, strong, 5, 2))


def test_a_batch_has_no_more_parts_than_pictures():
    batch = batches.Batch(torch.zeros(3, 3, 4, 4, dtype=torch.uint8), labels=torch.arange(3))
    assert [part.labels.tolist() for part in batch.parts(8)] == [[0], [1], [2]]
    assert [part.mask for part in batch.parts(1)] == [None]


def test_workers_make_the_same_batches(pictures):
    alone = [batch.rgb for batch in batches.stream(pictures, _recipe(), start=7, workers=0)]
    helped = [batch.rgb for batch in batches.stream(pictures, _recipe(), start=7, workers=1)]
    assert all(torch.equal(a, b) for a, b in zip(alone, helped, strict=True))


def test_a_batch_that_cannot_be_made_is_an_error_here(pictures, monkeypatch):
    monkeypatch.setattr(batches.Crops, "__getitem__", lambda self, step: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        next(batches.stream(pictures, _recipe(), start=0, workers=0))
