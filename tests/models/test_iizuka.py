import pytest
import torch
from parity_tools import assert_close, fill, picture
from torch.nn import functional as F

from colorcli.models.iizuka import build

#: Numbers of the layer table in ../shared/parity/README.md, batch norms not counted.
TABLE = {
    "low": 2_287_488,
    "whole": 9_439_232,  # with scene and vector 35,786,496
    "scene": 25_691_136 + 524_800,
    "vector": 131_328,
    "mid": 3_539_712,
    "fusion": 131_328,
    "color1": 295_040,  # the four colour parts 424,802
    "color2": 73_792 + 36_928,
    "color3": 18_464,
    "head": 578,
    "classifier": 131_328 + 256 * 205 + 205,
}


def test_layers_have_the_sizes_of_the_table():
    with torch.device("meta"):
        net = build()
    count = {
        name: sum(
            p.numel()
            for module in part.modules()
            if isinstance(module, torch.nn.Conv2d | torch.nn.Linear)
            for p in module.parameters()
        )
        for name, part in net.named_children()
    }
    assert count == TABLE
    assert sum(count.values()) - count["classifier"] == 42_169_826


@pytest.mark.parametrize("size", [(64, 96), (224, 224)], ids=str)
def test_it_answers_as_when_it_was_written(size, frozen):
    # There is no published answer: the authors' weights are not ours to use. This one holds the layers as they are.
    net = fill(build(width=16))
    frozen(f"iizuka_{size[0]}", **net.forward_training(100 * picture(*size)))


def test_global_features_see_the_whole_picture_at_any_size():
    net = fill(build(width=8, classes=5, whole=64))
    L = (100 * picture(64, 160)).requires_grad_()
    net(L)[0, :, 0, 0].sum().backward()
    assert (L.grad[..., -8:, -8:] != 0).any()
    # A picture of the copy's size is its own copy.
    square = 100 * picture(64, 64)
    low, scene = net._features(square)
    copy = F.interpolate(square, (64, 64), mode="bilinear", antialias=True)
    assert_close(scene, net.scene(net.whole(net.low(copy / 100 - 0.5)).flatten(1)))
    assert low.shape == (1, 64, 8, 8)


def test_class_loss_teaches_the_shared_layers():
    net = build(width=8, classes=5, whole=32).train()
    classes = net.forward_training(100 * torch.rand(4, 1, 32, 64))["classes"]
    F.cross_entropy(classes, torch.tensor([1, 4, 0, 2])).backward()
    assert classes.shape == (4, 5)
    assert net.low[0][0].weight.grad.abs().sum() > 0 and net.head.weight.grad is None


def test_sizes_that_cannot_be():
    for sizes in ({"whole": 100}, {"whole": 0}, {"classes": 0}):
        with pytest.raises(ValueError, match="whole must be"):
            build(width=8, **sizes)
