"""Every recipe: it trains, goes on where it stopped, is measured, and what comes out of it colorizes a photo."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data
from tiny_runs import equal, rows
from typer.testing import CliRunner

from colorcli.cli import app
from colorcli.training import checkpoint, recipe
from colorcli.training.loop import Run, train

#: What makes any recipe small: these sizes of its network, where it has them, and a few steps on few pictures.
SMALL = {"width": 8, "vgg": 4, "whole": 32, "features": 8}
FEW = (
    "optimizer.steps=4", "optimizer.warmup=1", "data.batch=4", "data.side=64", "validation.every=4",
    "validation.pictures=2", "validation.crop=32", "validation.size=64", "checkpoint=2",
)  # fmt: skip


def small(name: str, *settings: str) -> recipe.Recipe:
    sizes = recipe.load(name).network.sizes
    narrow = [f"network.sizes.{key}={SMALL[key]}" for key in sizes if key in SMALL]
    # 32 x 32 pictures as their recipes have them; deeper networks need twice that.
    side = 32 if "cifar" in name else 64
    return recipe.load(name, [*FEW, *narrow, f"data.sizes=[[0.0, {side}]]", f"model.size={side}", *settings])


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", recipe.names())
def test_a_recipe_trains_goes_on_and_colorizes(name, places, tmp_path):
    train(small(name), [places], Run(folder=tmp_path / "whole"))
    stops = iter((False, True))
    end = train(small(name), [places], Run(folder=tmp_path / "cut", stop=lambda: next(stops)))
    assert (end.step, end.reason) == (2, "stopped")
    train(recipe.load(str(tmp_path / "cut" / "recipe.toml")), [places], Run(folder=tmp_path / "cut", resume=True))
    assert equal(*(checkpoint.load(tmp_path / run / "last.pt") for run in ("whole", "cut")))

    measured = rows(tmp_path / "whole", "val_auc")[-1]
    assert all(math.isfinite(value) for key, value in measured.items() if key.startswith("val_"))
    first = checkpoint.load(tmp_path / "whole" / "best.pt")
    assert first["step"] == 4

    photo = tmp_path / "photo.png"
    Image.fromarray(data.camera()[::8, ::6]).save(photo)
    done = CliRunner().invoke(
        app, ["photo", str(photo), "-o", str(tmp_path / "out.png"), "--model", str(tmp_path / "whole")]
    )
    assert done.exit_code == 0, done.output
    with Image.open(tmp_path / "out.png") as out:
        pixels = np.asarray(out)
    assert pixels.shape == (64, 86, 3)
    gray = np.asarray(Image.open(photo).convert("RGB"), float)
    assert abs(pixels @ (0.2126, 0.7152, 0.0722) - gray[..., 0]).mean() < 12  # its own lightness, coloured
    assert not np.array_equal(pixels[..., 0], pixels[..., 2])


@pytest.mark.parametrize("name", recipe.names())
def test_a_recipe_says_where_it_is_from_and_is_itself_when_read_again(name):
    text = recipe.text(name)
    assert text.startswith("#") and recipe.load(name).name == name
    assert recipe.load(name).description
    assert recipe.parse(recipe.dumps(recipe.load(name))) == recipe.load(name)


def test_the_trio_differs_in_loss_and_head_alone():
    l2, plain, rebalanced = (recipe.load(f"zhang-{name}") for name in ("l2", "class", "class-rebal"))
    assert l2.network.sizes == plain.network.sizes == rebalanced.network.sizes
    assert l2.data == plain.data == rebalanced.data and (l2.data.validation, l2.data.test) == (0.2, 0.2)
    assert l2.optimizer == plain.optimizer == rebalanced.optimizer
    assert [one.losses[0].options.get("power") for one in (plain, rebalanced)] == [0.0, 1.0]


def test_classes_come_from_folders_and_stay_with_the_run(places, tmp_path):
    train(small("iizuka"), [places], Run(folder=tmp_path / "run"))
    assert json.loads((tmp_path / "run" / "classes.json").read_text()) == ["in", "out"]
    assert recipe.load(str(tmp_path / "run" / "recipe.toml")).network.sizes["classes"] == 2


def test_a_test_share_is_measured_when_the_run_ends(places, tmp_path):
    train(small("zhang-l2"), [places], Run(folder=tmp_path / "run"))
    kept = json.loads((tmp_path / "run" / "splits.json").read_text())
    assert {part: len(kept[part]) for part in ("train", "validation", "test")} == {
        "train": 8, "validation": 2, "test": 2,
    }  # fmt: skip
    assert len(rows(tmp_path / "run", "test_auc")) == 1
    facts = json.loads((tmp_path / "run" / "data.json").read_text())
    assert (
        facts["test"] == 2 and facts["left_out"]["corrupt"] == ["broken.jpg"] and facts["split"] == kept["fingerprint"]
    )


def test_subjects_are_measured_apart(places, tmp_path):
    notes = []
    train(
        small("vgg16-autoencoder", "data.validation=0.5"), [places],
        Run(folder=tmp_path / "run", report=lambda at: notes.append(at.note)),
    )  # fmt: skip
    found = rows(tmp_path / "run", "subjects")[-1]["subjects"]
    assert list(found) == ["in", "out", "all"]
    assert found["all"]["pictures"] == found["in"]["pictures"] + found["out"]["pictures"]
    table = (tmp_path / "run" / "subjects.md").read_text()
    assert "at most 10 Lab units" in table and table.count("| all |") == 1
    assert any("| all |" in note and "share of pixels" in note for note in notes)


def test_as_published_koala_learns_its_margins(places, tmp_path):
    described = small("koala", "losses=[{ name = 'mse', options = { scale = 127 } }]", "optimizer.steps=1")
    train(described, [places], Run(folder=tmp_path / "run"))
    assert Path(tmp_path / "run" / "model.safetensors").exists()
