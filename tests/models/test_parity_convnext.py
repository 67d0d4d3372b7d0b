import pytest
import torch
from parity_tools import assert_close, fill, picture

from colorcli.models.backbones.convnext import convnext_large, convnext_tiny


def test_convnext_tiny_is_the_published_one(published):
    proof = published("convnext_tiny")
    net = convnext_tiny(classes=1000).eval().requires_grad_(False)
    net.load_state_dict(proof.state)
    x = proof.arrays["in.x"]
    proof.check("mid.stem", net.stem(x))
    maps = net.features(x)
    for index in range(4):
        proof.check(f"mid.stages.{index}", maps[index])
    proof.check("out.features", maps[-1])
    proof.check("out.pooled", net.pooled(x))
    proof.check("out.logits", net(x))
    net.fuse()
    proof.check("out.logits", net(x))


@pytest.mark.parametrize("build", [convnext_tiny, convnext_large], ids=lambda build: build.__name__)
def test_convnexts_answer_as_when_they_were_proven(build, frozen):
    net = fill(build(classes=100, shrink=8))
    x = picture(64, 96, 3)
    frozen(build.__name__, features=net.features(x)[-1], logits=net(x))


@pytest.mark.parametrize(("build", "parameters"), [(convnext_tiny, 28_589_128), (convnext_large, 197_767_336)])
def test_sizes_are_the_published_ones(build, parameters):
    with torch.device("meta"):
        assert sum(p.numel() for p in build(classes=1000).parameters()) == parameters


def test_folding_the_scales_twice_is_folding_them_once():
    net = fill(convnext_tiny(shrink=16))
    x = picture(64, 64, 3)
    before = net(x)
    net.fuse()
    net.fuse()
    assert_close(net(x), before)
    assert not [key for key in net.state_dict() if key.endswith("gamma")]


def test_the_layout_of_the_input_does_not_matter():
    net = fill(convnext_tiny(shrink=16))
    x = picture(64, 64, 3)
    for planes, pixels in zip(net.features(x), net.features(x.to(memory_format=torch.channels_last)), strict=True):
        assert_close(planes, pixels)
