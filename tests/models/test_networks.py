"""The contract of every network; a new file in colorcli/models is tested by existing."""

import pytest
import torch

from colorcli.color import bins
from colorcli.models._info import NetworkInfo
from colorcli.registry import NETWORKS

#: Arguments that make a network small enough to test.
TINY = {"resnet-fusion": {"width": 8, "blocks": 1, "bottom": 4}}


@pytest.fixture(params=NETWORKS.names())
def network(request):
    torch.manual_seed(0)
    module = NETWORKS.load(request.param)
    return module.INFO, module.build(**TINY.get(request.param, {}))


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
    side = max(info.minimum, 2 * info.multiple_of)
    net.train()(torch.rand(2, 1, side, side) * 100).square().mean().backward()
    dead = [name for name, parameter in net.named_parameters() if parameter.grad is None]
    assert not dead


def test_pictures_in_a_batch_do_not_see_each_other(network):
    info, net = network
    side = max(info.minimum, 2 * info.multiple_of)
    pictures = torch.rand(3, 1, side, side) * 100
    net.eval()
    with torch.no_grad():
        assert torch.allclose(net(pictures)[1:2], net(pictures[1:2]), atol=1e-4)


def test_logits_come_with_a_prior(network):
    info, net = network
    if info.output == "logits":
        assert net.state_dict()["prior"].shape == (bins.Q,)
        assert net.state_dict()["prior"].sum() == pytest.approx(1)


def test_fusing_changes_nothing_but_the_layers(network):
    info, net = network
    if not hasattr(net, "fuse"):
        pytest.skip("nothing to fuse")
    side = max(info.minimum, 2 * info.multiple_of)
    for _ in range(3):
        net.train()(torch.rand(4, 1, side, side) * 100)  # batch statistics unlike those it starts with
    picture = torch.rand(1, 1, side, side) * 100
    with torch.no_grad():
        before = net.eval()(picture)
        net.fuse()
        assert torch.allclose(net(picture), before, atol=1e-4 * float(before.std()) + 1e-6)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in net.modules())
