import re

import pytest

from colorcli.errors import UsageError
from colorcli.registry import LOSSES, NETWORKS
from colorcli.training import recipe


@pytest.mark.parametrize("name", recipe.names())
def test_every_recipe_reads_and_survives_being_written(name):
    loaded = recipe.load(name)
    assert loaded.name == name and loaded.description
    assert recipe.parse(recipe.dumps(loaded)) == loaded
    assert loaded.network.name in NETWORKS.names()
    assert {loss.name for loss in loaded.losses} <= set(LOSSES.names())


def test_settings_change_one_value():
    changed = recipe.load("default", ["optimizer.steps=7", "model.decoder=mean", "data.area=[0.5, 0.9]", "seed=3"])
    assert changed.optimizer.steps == 7
    assert changed.model.decoder == "mean"
    assert changed.data.area == (0.5, 0.9)
    assert changed.seed == 3


@pytest.mark.parametrize(
    "settings, message",
    [
        (["optimizer.step=7"], "did you mean 'steps'"),
        (["optimiser.steps=7"], "did you mean 'optimizer'"),
        (["optimizer.steps=many"], "expected int"),
        (["optimizer.steps=true"], "expected int"),
        (["data.area=[0.5]"], "expected 2 values"),
        (["data.area=0.5"], "expected a list"),
        (["optimizer=3"], "expected a table"),
        (["seed.deep=3"], "expected int"),
        (["name.deep=3"], "not a table"),
        (["steps"], "expected key=value"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(UsageError, match=message):
        recipe.load("default", settings)


def test_an_unknown_recipe_gets_a_near_miss():
    with pytest.raises(UsageError, match="did you mean 'default'"):
        recipe.load("defalt")


def test_a_recipe_can_be_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(re.sub(r"steps = \d+", "steps = 11", recipe.text("default")))
    assert recipe.load(str(path)).optimizer.steps == 11
    with pytest.raises(UsageError, match="cannot read"):
        recipe.load(str(tmp_path / "none.toml"))
    path.write_text("= 3")
    with pytest.raises(UsageError, match="not TOML"):
        recipe.load(str(path))


def test_a_missing_part_is_named():
    with pytest.raises(UsageError, match="'network' is missing"):
        recipe.parse("name = 'x'\nlosses = []")
