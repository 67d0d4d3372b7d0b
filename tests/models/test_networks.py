"""The contract of every network; a new file in colorcli/models is tested by existing."""

import pytest
import torch

from colorcli.color import bins
from colorcli.models._info import NetworkInfo
from colorcli.registry import NETWORKS

#: Arguments that make a network small enough to test.
TINY = {
    "resnet-fusion": {"width": 8, "blocks": 1, "bottom": 4, "classes": 3},
    "cifar-autoencoder": {"width": 8},
    "cifar-cnn": {"width": 8, "depth": 3},
    "koala": {"width": 8, "backbone": "own", "features": 16, "size": 96},
    "vgg16-autoencoder": {"vgg": 4, "width": 2},
    "iizuka": {"width": 8, "classes": 5, "whole": 32},
    "resnet18-ab": {"width": 8, "fusion": True},
    "resnet18-bins": {"width": 8, "marginals": True},
    "eccv16": {"width": 8},
    "deoldify": {"width": 8},
    "zhang-ab": {"width": 8},
    "zhang-bins": {"width": 8, "student": True, "dropout": 0.1},
    "siggraph17": {"width": 8},
    "ddcolor": {"encoder": "tiny", "shrink": 16, "queries": 10, "rounds": 4},
}


@pytest.fixture(params=NETWORKS.names())
def network(request):
    torch.manual_seed(0)
    module = NETWORKS.load(request.param)
    return module.INFO, module.build(**TINY.get(request.param, {}))


def shown(info, count=2):
    """Pictures of a size that the network takes, of more than one stride."""
    side = max(info.minimum, 2 * info.multiple_of)
    return torch.rand(count, 1, side, side) * 100


def test_backbones_are_no_networks():
    assert "resnet-fusion" in NETWORKS.names() and "backbones" not in NETWORKS.names()


def test_it_says_what_it_is(network):
    info, _ = network
    assert isinstance(info, NetworkInfo) and info.output in ("ab", "logits") and info.paper
    assert info.multiple_of % info.stride == 0 and "fp32" in info.precisions


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (4, 1)])
def test_output_shape_follows_the_input(network, size):
    info, net = network
    height, width = (n * info.multiple_of for n in size)
    if min(height, width) < info.minimum:
        pytest.skip("smaller than the network takes")
    out = net.eval()(torch.full((2, 1, height, width), 40.0))
    channels = bins.Q if info.output == "logits" else 2
    assert out.shape == (2, channels, height // info.stride, width // info.stride)


def test_every_parameter_gets_a_gradient(network):
    info, net = network
    L = shown(info)
    outputs = net.train().forward_training(L).values() if info.also else [net.train()(L)]
    sum(output.square().mean() for output in outputs).backward()
    wrong = [name for name, p in net.named_parameters() if p.requires_grad != (p.grad is not None)]
    assert not wrong


def test_pictures_in_a_batch_do_not_see_each_other(network):
    info, net = network
    pictures = shown(info, 3)
    net.eval()
    with torch.no_grad():
        assert torch.allclose(net(pictures)[1:2], net(pictures[1:2]), atol=1e-4)


def test_what_it_gives_for_training_contains_what_it_gives(network):
    info, net = network
    if not info.also:
        assert not hasattr(net, "forward_training")
        pytest.skip("its output is all it gives")
    L = shown(info)
    outputs = net.eval().forward_training(L)
    assert set(outputs) == {info.output, *info.also}
    assert torch.allclose(outputs[info.output], net(L), atol=1e-4)


def test_its_summary_of_the_picture_is_what_it_goes_by(network):
    info, net = network
    if not info.whole:
        assert not hasattr(net, "summary")
        pytest.skip("it sums nothing up, or sees to that itself")
    L = shown(info)
    with torch.no_grad():
        assert torch.allclose(net.eval()(L, net.summary(L)), net(L), atol=1e-4)


def test_frozen_parts_stay_in_evaluation_mode(network):
    _, net = network
    net.train()
    for name, module in net.named_modules():
        weights = list(module.parameters())
        if weights:
            assert module.training == any(weight.requires_grad for weight in weights), name


def test_logits_come_with_a_prior(network):
    info, net = network
    if info.output == "logits":
        assert net.state_dict()["prior"].shape == (bins.Q,)
        assert net.state_dict()["prior"].sum() == pytest.approx(1)


def test_fusing_changes_nothing_but_the_layers(network):
    info, net = network
    if not hasattr(net, "fuse"):
        pytest.skip("nothing to fuse")
    for _ in range(3):
        net.train()(shown(info, 4))  # batch statistics unlike those it starts with
    picture = shown(info, 1)
    with torch.no_grad():
        before = net.eval()(picture)
        net.fuse()
        assert torch.allclose(net(picture), before, atol=1e-4 * float(before.std()) + 1e-6)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in net.modules())
