import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from colorcli.models.resnet_fusion import build, detect
from colorcli.training import recipe


@pytest.fixture(scope="module")
def default():
    return build(**recipe.load("default").network.sizes).eval()


def test_size_and_cost_of_the_default_network(default):
    parameters = sum(p.numel() for p in default.parameters())
    assert 7e6 < parameters < 9e6
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        default(torch.zeros(1, 1, 256, 256))
    assert counter.get_total_flops() < 12e9


def test_the_whole_picture_reaches_every_pixel():
    torch.manual_seed(0)
    net = build(width=8).train()
    for _ in range(3):  # give the zero-initialised branches and norms something to work with
        net(torch.rand(4, 1, 256, 256) * 100)
    picture = (torch.rand(1, 1, 256, 256) * 100).requires_grad_()
    net.eval()(picture)[0, :, 0, 0].sum().backward()
    assert picture.grad[0, 0, -32:, -32:].abs().sum() > 0


def test_classes_are_learnt_along_where_there_are_some():
    torch.manual_seed(0)
    plain, learning = build(width=8), build(width=8, classes=5)
    assert set(learning.state_dict()) - set(plain.state_dict()) == {"classifier.weight", "classifier.bias"}
    assert set(build(width=8, classes=1).state_dict()) == set(plain.state_dict())
    L = torch.rand(2, 1, 64, 64) * 100
    outputs = learning.train().forward_training(L)
    assert outputs["logits"].shape == (2, 313, 16, 16) and outputs["classes"].shape == (2, 5)
    assert set(plain.forward_training(L)) == {"logits"}
    for network, classes in ((plain, 0), (learning, 5)):
        sizes = detect({key: tuple(value.shape) for key, value in network.state_dict().items()})
        assert sizes is not None and sizes.get("classes", 0) == classes
        assert {key: tuple(value.shape) for key, value in build(**sizes).state_dict().items()} == {
            key: tuple(value.shape) for key, value in network.state_dict().items()
        }


def test_a_summary_stands_for_the_picture_it_was_made_of():
    torch.manual_seed(0)
    net = build(width=8).train()
    for _ in range(3):  # give the zero-initialised branches and norms something to work with
        net(torch.rand(4, 1, 128, 128) * 100)
    net.eval()
    one, other = torch.rand(2, 1, 1, 64, 96) * 100
    with torch.no_grad():
        assert torch.equal(net(one, net.summary(one)), net(one))
        told = net(one, net.summary(other))
        assert ((told - net(one)).abs().amax((0, 1)) > 1e-4).all()  # every place hears of it
