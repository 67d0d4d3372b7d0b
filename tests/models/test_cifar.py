"""The three networks for 32x32 pictures."""

import pytest
import torch
from parity_tools import fill, picture

from colorcli.color import lab
from colorcli.models import cifar_autoencoder, cifar_cnn, cifar_linear

TINY = {
    "linear": lambda: cifar_linear.build(),
    "cnn": lambda: cifar_cnn.build(width=8, depth=3),
    "autoencoder": lambda: cifar_autoencoder.build(width=8),
}


@pytest.fixture(params=sorted(TINY))
def named(request):
    return request.param, TINY[request.param]()


def test_they_answer_as_when_they_were_proven(named, frozen):
    name, net = named
    frozen(f"cifar_{name}", **fill(net).forward_training(100 * picture(32, 32)))


def test_ab_is_that_of_the_rgb_they_predict(named):
    _, net = named
    L = 100 * picture(32, 32)
    net.eval()
    both = net.forward_training(L)
    assert torch.equal(net(L), both["ab"])
    assert both["rgb"].shape == (1, 3, 32, 32) and both["rgb"].min() >= 0 and both["rgb"].max() <= 1
    assert torch.allclose(both["ab"], lab.rgb_to_lab(both["rgb"])[:, 1:])


def test_they_see_the_gray_values_of_a_gray_photo(named):
    _, net = named
    seen = {}
    net.predict = lambda gray: seen.update(gray=gray) or gray.expand(-1, 3, -1, -1)
    gray = torch.arange(256.0).reshape(1, 1, 16, 16).repeat(1, 1, 2, 2) / 255
    ab = net(lab.gray_to_L(gray))
    assert torch.allclose(seen["gray"], gray, atol=1e-5)
    assert ab.abs().max() < 0.01  # gray in, gray out


def test_colour_maths_stays_in_fp32_under_autocast(named):
    _, net = named
    net.eval()
    L = 100 * picture(32, 32)
    with torch.autocast("cpu", torch.bfloat16):
        half = net.forward_training(L)
    assert half["ab"].dtype == half["rgb"].dtype == torch.float32
    assert torch.allclose(half["ab"], lab.rgb_to_lab(half["rgb"])[:, 1:])


def test_the_baseline_is_one_layer_of_1024_to_3072():
    sizes = {key: tuple(value.shape) for key, value in cifar_linear.build().state_dict().items()}
    assert sizes == {"layers.0.weight": (3072, 1024), "layers.0.bias": (3072,)}
    assert len(cifar_linear.build(hidden=[20, 10]).state_dict()) == 6


def test_the_baseline_squeezes_other_sizes_to_its_own():
    net = fill(cifar_linear.build())
    wide = 100 * picture(64, 128)
    assert net(wide).shape == (1, 2, 64, 128)
    flat = torch.full((1, 1, 50, 90), 40.0)
    squeezed = torch.nn.functional.interpolate(net(flat), (32, 32), mode="area")
    exact = net(torch.full((1, 1, 32, 32), 40.0))
    assert torch.corrcoef(torch.stack((squeezed.flatten(), exact.flatten())))[0, 1] > 0.7


def test_the_cnns_last_layer_sees_the_gray_picture_itself():
    net = fill(cifar_cnn.build(width=8, depth=3))
    with torch.no_grad():
        net.head.weight[:, :-1] = 0  # leave it nothing but the gray picture
        net.head.bias.zero_()
        net.head.weight[:, -1].zero_()[:, 1, 1] = 1
    gray = picture(32, 32)
    assert torch.allclose(net.predict(gray), torch.sigmoid(gray - 0.5).expand(-1, 3, -1, -1), atol=1e-6)


def test_the_cnn_sees_as_far_as_it_says():
    net = fill(cifar_cnn.build(width=4, depth=3))
    gray = picture(32, 32).requires_grad_()
    net.predict(gray)[0, :, 16, 16].sum().backward()
    rows = gray.grad[0, 0].abs().sum(1).nonzero().flatten()
    assert int(rows.max() - rows.min()) + 1 == 2 * 3 + 3
