import json
import zlib

import pytest
import torch
from parity_tools import assert_close, fill, picture

from colorcli.models.backbones.inception_resnet_v2 import MINIMUM, InceptionResNetV2


def layout(net):
    """Every key with its shape, as one number."""
    return zlib.crc32(json.dumps(sorted((key, list(value.shape)) for key, value in net.state_dict().items())).encode())


@pytest.fixture
def small():
    return fill(InceptionResNetV2(classes=40, depths=(2, 2, 2), shrink=4))


def test_inception_resnet_v2_is_the_published_one(published):
    proof = published("inception_resnet_v2")
    net = InceptionResNetV2().eval().requires_grad_(False)
    net.load_state_dict(proof.state)
    x, got = proof.arrays["in.x"], {}
    for name in [key for key in proof.arrays if key.startswith("mid.")]:
        module = net.get_submodule(name.removeprefix("mid."))
        module.register_forward_hook(lambda module, given, out, name=name: got.update({name: out}))
    proof.check("out.logits", net(x))
    assert len(got) == 11
    for name, out in got.items():
        proof.check(name, out)
    proof.check("out.pooled", net.pooled(x))
    net.fuse()
    proof.check("out.logits", net(x))
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in net.modules())


def test_it_answers_as_when_it_was_proven(small, frozen):
    x = 2 * picture(139, 171, 3) - 1
    frozen("inception_resnet_v2_small", logits=small(x), pooled=small.pooled(x))


def test_its_keys_and_shapes_are_the_published_ones():
    with torch.device("meta"):
        net = InceptionResNetV2()
    assert sum(p.numel() for p in net.parameters()) == 55_843_464
    assert len(net.state_dict()) == 1306
    assert layout(net) == 3663227922


@pytest.mark.parametrize("size", [(75, 75), (75, 200), (100, 99)])
def test_any_size_from_its_minimum(small, size):
    assert small(torch.zeros(1, 3, *size)).shape == (1, 40)


def test_nothing_is_left_below_its_minimum(small):
    with pytest.raises(RuntimeError):
        small(torch.zeros(1, 3, MINIMUM - 1, 200))


def test_folding_norms_changes_nothing(small):
    x = 2 * picture(96, 96, 3) - 1
    before = small(x)
    small.fuse()
    small.fuse()  # and again: nothing left to do
    assert_close(small(x), before)


def test_channels_shrink_by_powers_of_two():
    with pytest.raises(ValueError, match="power of two"):
        InceptionResNetV2(shrink=3)
