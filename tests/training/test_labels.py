import json

import numpy as np
import pytest

from colorcli.errors import UsageError
from colorcli.training import data, labels, recipe, sources
from colorcli.training.batches import Crops


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("source/beach/1.avif", "beach"),
        ("beach/1.jpg", "beach"),
        ("a/b/c/d.jpg", "c"),
        ("1.jpg", None),
        ("source/none/1.jpg", None),
        ("", None),
    ],
)
def test_the_class_is_the_folder_of_a_picture(name, found):
    assert labels.class_of(name) == found


def _pictures(folder):
    return data.load(sources.find([folder])[0], side=64, gray=2.0, workers=1)


def test_the_network_has_as_many_classes_as_the_pictures(places):
    asked, pictures, found = labels.fit(recipe.load("iizuka"), _pictures(places))
    assert asked.network.sizes["classes"] == 2 and found == ["in", "out"]
    assert pictures.labels.tolist() == [found.index(name.split("/")[0]) for name in pictures.names]
    kept = pictures.subset(np.array([3, 0]))
    assert kept.labels.tolist() == pictures.labels[[3, 0]].tolist()


def test_labels_go_with_their_pictures_into_batches(places):
    asked = recipe.load(
        "iizuka", ["data.batch=5", "data.sizes=[[0.0, 32]]", "augment.flip=0.0", "data.area=[1.0, 1.0]"]
    )
    asked, pictures, _ = labels.fit(asked, _pictures(places))
    crops = Crops(pictures, asked)
    batch = crops[1]
    assert batch.labels.tolist() == [int(pictures.labels[i]) for i in crops._order(0)[5:10]]
    assert batch.part(2, 4).labels.tolist() == batch.labels[2:4].tolist()


def test_classes_keep_their_numbers_in_a_run_that_goes_on(places, tmp_path):
    kept = tmp_path / "classes.json"
    kept.write_text(json.dumps(["street", "out", "beach"]))
    asked, pictures, _ = labels.fit(recipe.load("iizuka"), _pictures(places), kept)
    assert asked.network.sizes["classes"] == 3
    assert set(pictures.labels.tolist()) == {1, labels.UNKNOWN}


def test_missing_labels_are_explained(places, tmp_path):
    flat = tmp_path / "flat"
    (places / "in").rename(flat)
    with pytest.raises(UsageError, match="'iizuka' learns classes, but the pictures have none"):
        labels.fit(recipe.load("iizuka"), _pictures(flat))
    with pytest.raises(UsageError, match="all are of class 'out'"):
        labels.fit(recipe.load("iizuka"), _pictures(places))


def test_more_classes_than_the_network_has_are_explained(places):
    (places / "in" / "deeper").mkdir()
    (places / "in" / "01.png").rename(places / "in" / "deeper" / "01.png")
    with pytest.raises(UsageError, match="3 classes, the network of the recipe 'iizuka' 2") as caught:
        labels.fit(recipe.load("iizuka", ["network.sizes.classes=2"]), _pictures(places))
    assert caught.value.hint == "--set network.sizes.classes=3"


def test_recipes_without_classes_are_left_as_they_are(places):
    pictures = _pictures(places)
    asked = recipe.load("resnet18-regression")
    assert labels.fit(asked, pictures) == (asked, pictures, [])
    assert labels.fit(asked, pictures)[1].labels is None


def test_the_network_alone_needs_no_labels(places):
    alone = recipe.load("iizuka", ["losses=[{ name = 'mse' }]"])
    asked, pictures, _ = labels.fit(alone, _pictures(places))
    assert asked.network.sizes["classes"] == 1 and pictures.labels is None


def test_a_loss_that_is_optional_is_left_out_without_classes(places, tmp_path):
    asked = recipe.load("default")
    given, pictures, known = labels.fit(asked, _pictures(places))
    assert known == ["in", "out"] and given.network.sizes["classes"] == 2 and given.losses == asked.losses
    assert pictures.labels is not None
    flat = tmp_path / "flat"
    (places / "in").rename(flat)
    given, pictures, known = labels.fit(asked, _pictures(flat))
    assert known == [] and pictures.labels is None
    assert [loss.name for loss in given.losses] == ["soft-cross-entropy", "expectation"]
    assert given.network.sizes["classes"] == 1
