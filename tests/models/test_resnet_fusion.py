import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from colorcli.models.resnet_fusion import build
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
