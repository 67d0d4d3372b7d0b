import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from colorcli.errors import UsageError
from colorcli.training import data, recipe, sources, splits


def _load(*paths):
    return data.load(sources.find(paths)[0], side=64, gray=2.0, workers=1)


def _recipe(*settings):
    return recipe.load("default", ["data.side=64", "validation.crop=64", *settings])


def _parts(split):
    return [set(part.names) for part in (split.train, split.validation, split.test) if part is not None]


@pytest.mark.parametrize(("shares", "counts"), [((0.25, 0.0), [9, 3]), ((0.2, 0.2), [8, 2, 2]), ((0.001, 0), [11, 1])])
def test_splits_are_disjoint_complete_and_reproducible(places, shares, counts):
    pictures = _load(places)
    parts = _parts(splits.divide(pictures, *shares, seed=1))
    assert list(map(len, parts)) == counts
    assert set().union(*parts) == set(pictures.names)
    assert _parts(splits.divide(pictures, *shares, seed=1)) == parts
    assert any(_parts(splits.divide(pictures, *shares, seed=seed)) != parts for seed in (2, 3))


def test_a_split_does_not_depend_on_the_order_of_the_pictures(places):
    pictures = _load(places)
    turned = pictures.subset(np.arange(len(pictures))[::-1])
    one, other = (splits.divide(found, 0.25, 0.25, seed=0) for found in (pictures, turned))
    assert _parts(one) == _parts(other) and splits.fingerprint(one) == splits.fingerprint(other)


def test_a_run_that_goes_on_keeps_its_split_when_pictures_were_added(places, tmp_path):
    small = _recipe("data.validation=0.25", "data.test=0.25")
    before = splits.gather(small, [places], [])
    kept = tmp_path / splits.FILE
    kept.write_text(before.to_json(seed=0))
    for number in range(20):
        Image.new("RGB", (90, 90), (200, 40, 10 * number)).save(places / f"new-{number}.png")
    after = splits.gather(small, [places], [], kept)
    assert _parts(after)[1:] == _parts(before)[1:] and len(after.train) == len(before.train) + 20
    # Another run may ask for the same; one of other pictures makes a split of its own.
    again = splits.gather(_recipe(f"data.split={kept}"), [places], [])
    assert splits.fingerprint(again) == splits.fingerprint(after)
    kept.write_text(json.dumps({"validation": ["elsewhere.jpg"]}))
    assert len(splits.gather(small, [places], [], kept).validation) == 8
    with pytest.raises(UsageError, match="none of its validation pictures"):
        splits.gather(_recipe(f"data.split={kept}"), [places], [])


@pytest.mark.parametrize("text", ["", "[]", "{}"])
def test_a_split_that_cannot_be_read_is_explained(places, tmp_path, text):
    (tmp_path / "splits.json").write_text(text)
    with pytest.raises(UsageError, match="not a readable split"):
        splits.gather(_recipe(f"data.split={tmp_path / 'splits.json'}"), [places], [])


def test_given_validation_pictures_are_not_taken_from_the_others(shards, places):
    asked = _recipe("data.validation=0.5", "data.test=0.3")
    found = splits.gather(asked, [shards], [])
    assert (len(found.train), len(found.validation), found.test) == (10, 4, None)
    found = splits.gather(asked, [shards], [places])
    assert (len(found.train), len(found.validation)) == (10, 12)
    # Of a folder the first ones, which are measured, are not all of its first folder.
    assert {name.split("/")[0] for name in found.validation.names[:6]} == {"in", "out"}


def test_validation_shards_alone_are_not_trained_on(shards):
    (shards / "train-0000.tar").unlink()
    with pytest.raises(UsageError, match="only validation pictures"):
        splits.gather(_recipe(), [shards], [])


def test_it_says_what_there_is_and_what_was_left_out(places):
    said = splits.gather(_recipe("data.validation=0.25"), [places], []).say()
    assert said == "9 pictures to train on, 3 to validate on; left out: 1 corrupt, 2 gray"


def test_nearly_gray_pictures_are_told_from_gray_ones(tmp_path):
    Image.new("RGB", (80, 80), (122, 120, 119)).save(tmp_path / "nearly.png")
    Image.new("RGB", (80, 80), (120, 120, 120)).save(tmp_path / "gray.png")
    Image.new("RGB", (80, 80), (200, 40, 40)).save(tmp_path / "red.png")
    pictures = _load(tmp_path)
    assert pictures.without == {"gray": ["gray.png"], "nearly gray": ["nearly.png"]}
    with pytest.raises(UsageError, match="at least 2") as caught:
        splits.divide(pictures, 0.5, 0.0, seed=0)
    assert "1 nearly gray" in caught.value.hint


@pytest.mark.parametrize("shares", [(0.5, 0.5), (-0.1, 0.0), (0.9, 0.2)])
def test_shares_that_leave_nothing_are_explained(places, shares):
    with pytest.raises(UsageError, match="leave nothing to train on"):
        splits.divide(_load(places), *shares, seed=0)


def test_three_parts_need_three_pictures(places):
    pictures = _load(places)
    two = dataclasses.replace(pictures.subset(np.array([0, 1])), report={"kept": 2})
    with pytest.raises(UsageError, match="at least 3"):
        splits.divide(two, 0.2, 0.2, seed=0)
