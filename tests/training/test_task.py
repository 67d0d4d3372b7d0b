"""What a step learns: which output a loss sees, what it is compared with, and what is left out."""

import types

import pytest
import torch
from torch import nn

from colorcli.color import lab
from colorcli.errors import UsageError
from colorcli.models._info import NetworkInfo
from colorcli.registry import NETWORKS
from colorcli.training.batches import Batch, to_lab
from colorcli.training.recipe import Augment, Loss, Network, Recipe, dumps, parse
from colorcli.training.task import Task, outputs_of

PLAIN = Augment(flip=0, tone=0, noise=0, blur=0)


def make(network, *losses):
    recipe = Recipe(name="test", network=network, losses=losses, augment=PLAIN)
    return Task(recipe, torch.full((313,), 1 / 313))


@pytest.fixture
def batch():
    return torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)


@pytest.fixture(autouse=True)
def _values_only():
    with torch.no_grad():
        yield


def loss(task, batch, **given):
    """The task's losses of a batch as numbers; its network in evaluation mode."""
    found = task.loss(task.network.eval(), Batch(batch, **given), 0)
    return {name: float(value) for name, value in found.items()}


CNN = Network(name="cifar-cnn", sizes={"width": 4, "depth": 2})
VGG = Network(name="vgg16-autoencoder", sizes={"vgg": 2, "width": 2})


def test_losses_of_pictures_look_at_rgb_where_the_network_predicts_it(batch):
    task = make(CNN, Loss(name="mse"), Loss(name="mse", of="ab", weight=0.5))
    assert [term.of for term in task.terms] == ["rgb", "ab"]
    found = loss(task, batch)
    outputs = outputs_of(task.network, task.split(batch)[0], task.info)
    assert found["mse"] == pytest.approx(float((outputs["rgb"] - batch / 255).square().mean()), rel=1e-4)
    ab = to_lab(batch)[1]
    assert found["mse 2"] == pytest.approx(float(((outputs["ab"] - ab) / 110).square().mean()), rel=1e-4)
    assert found["loss"] == pytest.approx(found["mse"] + 0.5 * found["mse 2"])


def test_truth_is_scaled_to_the_output(batch):
    task = make(VGG, Loss(name="mse"))
    assert [term.of for term in task.terms] == ["ab"]
    found = loss(task, batch)
    small = nn.functional.avg_pool2d(to_lab(batch)[1], 2)
    output = task.network(task.split(batch)[0])
    assert found["loss"] == pytest.approx(float(((output - small) / 110).square().mean()), rel=1e-4)


def test_gray_is_what_the_network_was_made_for(batch):
    luma = make(CNN, Loss(name="mse")).split(batch)[0]
    gray = batch.float() * torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    assert torch.allclose(255 * lab.L_to_gray(luma)[:, 0], gray.sum(1), atol=1e-2)
    lightness = make(VGG, Loss(name="mse")).split(batch)[0]
    assert torch.equal(lightness, to_lab(batch)[0])
    assert not torch.allclose(lightness, luma, atol=1)


def test_the_mask_leaves_out_what_the_margin_has_a_share_in(batch):
    task = make(VGG, Loss(name="masked-mse"))
    mask = torch.zeros(2, 1, 32, 32)
    mask[..., :17, :] = 1  # the ninth row of the output is half margin
    found = loss(task, batch, mask=mask)
    wrong = task.network(task.split(batch)[0]) - nn.functional.avg_pool2d(to_lab(batch)[1], 2)
    assert found["loss"] == pytest.approx(float((wrong[:, :, :8] / 110).square().mean()), rel=1e-4)
    whole = loss(task, batch)
    assert whole["loss"] == pytest.approx(float((wrong / 110).square().mean()), rel=1e-4)


@pytest.fixture
def classes(monkeypatch):
    """A network ``two`` that gives ab and the scores of three classes."""

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 5, 1)

        def forward_training(self, L):
            out = self.conv(L)
            return {"ab": out[:, :2], "classes": out[:, 2:].mean((2, 3))}

        def forward(self, L):
            return self.forward_training(L)["ab"]

    info = NetworkInfo(output="ab", also=("classes",), stride=1, multiple_of=1, minimum=1)
    module = types.SimpleNamespace(INFO=info, build=Two)
    monkeypatch.setattr(type(NETWORKS), "load", _first(type(NETWORKS).load, {"two": module}))
    return Network(name="two")


def _first(load, extra):
    return lambda registry, name: extra[name] if name in extra else load(registry, name)


def test_classes_are_learnt_from_labels(classes, batch):
    task = make(classes, Loss(name="mse", options={"scale": 200.0}), Loss(name="class-cross-entropy"))
    assert [term.of for term in task.terms] == ["ab", "classes"]
    labels = torch.tensor([2, 0])
    found = loss(task, batch, labels=labels)
    scores = task.network.forward_training(task.split(batch)[0])["classes"]
    assert found["class-cross-entropy"] == pytest.approx(float(nn.functional.cross_entropy(scores, labels)) / 300)
    with pytest.raises(UsageError, match="classes") as error:
        task.loss(task.network, Batch(batch), 0)
    assert "folder" in error.value.hint
    # Validation pictures have no labels: what is left is compared.
    L, ab = task.split(batch)
    assert set(task.compare(outputs_of(task.network, L, task.info), Batch(batch), ab)) == {"loss", "mse"}


def test_a_loss_for_another_output_is_refused():
    with pytest.raises(UsageError, match="is for logits, but network 'cifar-cnn' gives rgb and ab"):
        make(CNN, Loss(name="soft-cross-entropy"))
    with pytest.raises(UsageError, match="gives ab, and the recipe asks for rgb"):
        make(VGG, Loss(name="mse", of="rgb"))


def test_wrong_options_and_sizes_are_the_users_mistakes():
    with pytest.raises(UsageError, match="structure"):
        make(VGG, Loss(name="structure", options={"form": "edges"}))
    with pytest.raises(UsageError, match="koala"):
        make(Network(name="koala", sizes={"backbone": "resnet"}), Loss(name="mse"))


def test_the_output_a_loss_is_of_is_part_of_the_recipe():
    recipe = Recipe(name="test", network=CNN, losses=(Loss(name="mse", of="ab"), Loss(name="smoothness")))
    assert parse(dumps(recipe)) == recipe
