import pytest
import torch
from parity_tools import assert_close, fill, picture

from colorcli.color import bins
from colorcli.color.lab import gray_to_L
from colorcli.errors import WeightsError
from colorcli.models import resnet18_ab, resnet18_bins
from colorcli.models.backbones.resnet import resnet18
from colorcli.weights.convert import colornet
from colorcli.weights.convert import resnet18 as published_resnet18

KEPT = ("prior", "mean", "std")


def test_colornet_is_the_published_one(published):
    proof = published("colornet")
    net = resnet18_ab.build().eval().requires_grad_(False)
    net.load_state_dict(colornet.convert(proof.state))
    gray = proof.arrays["in.gray"]
    seen = {}
    for name in ("conv1.0", "conv2.0", "conv3", "conv4", "conv5"):
        net.get_submodule(name).register_forward_hook(lambda _, __, out, name=name: seen.update({name: out.clone()}))
    ab = net(gray_to_L(gray)).repeat_interleave(2, 2).repeat_interleave(2, 3)
    proof.check("mid.midlevel_resnet", net.backbone.features(gray)[-1])
    for name in ("conv1", "conv2", "conv3", "conv4"):
        proof.check(f"mid.fusion_and_colorization_net.{name}", seen.get(f"{name}.0", seen.get(name)))
    proof.check("out.ab", (ab + 128) / 255)
    net.fuse()
    ab = net(gray_to_L(gray)).repeat_interleave(2, 2).repeat_interleave(2, 3)
    proof.check("out.ab", (ab + 128) / 255)


@pytest.mark.parametrize("fusion", [False, True], ids=["plain", "fusion"])
def test_resnet18_answers_as_when_it_was_proven(fusion, frozen):
    L = 100 * picture(64, 96)
    ab, joint = (fill(module.build(fusion=fusion), keep=KEPT) for module in (resnet18_ab, resnet18_bins))
    frozen(f"resnet18_networks{'_fusion' * fusion}", ab=ab(L), logits=joint(L))


def test_two_heads_give_the_product_of_their_distributions():
    net = fill(resnet18_bins.build(width=8, marginals=True), keep=KEPT)
    L = 100 * picture(32, 64)
    scores = net.head(net.trunk(L))
    a, b = scores[:, :25].softmax(1), scores[:, 25:].softmax(1)
    logits = net(L)
    assert logits.shape == (1, bins.Q, 8, 16)
    centers = [-120 + 10 * index for index in range(25)]
    for index in (0, 100, 312):
        at_a, at_b = (centers.index(int(value)) for value in bins.centers()[index])
        assert_close(logits[:, index].exp(), a[:, at_a] * b[:, at_b])
    assert (logits.exp().sum(1) < 1).all()  # the rest is on colours that sRGB does not have


def test_global_features_reach_every_pixel():
    L = (100 * picture(128, 128)).requires_grad_()
    for fusion in (False, True):
        L.grad = None
        fill(resnet18_ab.build(width=8, fusion=fusion), keep=KEPT)(L)[0, :, 0, 0].sum().backward()
        assert bool(L.grad[..., -8:, -8:].abs().sum() > 0) is fusion


@pytest.mark.parametrize("fusion", [False, True], ids=["plain", "fusion"])
@pytest.mark.parametrize("channels", [1, 3])
def test_published_resnet18_is_a_start(fusion, channels):
    classifier = fill(resnet18(in_channels=channels, classes=365, width=8))
    start = published_resnet18.convert(classifier.state_dict(), stages=4 if fusion else 2)
    net = resnet18_bins.build(width=8, fusion=fusion).eval()
    missing, unexpected = net.load_state_dict(start, strict=False)
    assert not unexpected
    assert not [key for key in missing if key.startswith("backbone.")]
    x = picture(64, 64)
    whole = classifier.features(x.expand(-1, channels, -1, -1))
    assert_close(net.backbone.features(x)[2], whole[2])


def test_conversion_is_strict():
    for module in (colornet, published_resnet18):
        with pytest.raises(WeightsError, match=r"encoder\.conv\.weight"):
            module.convert({"encoder.conv.weight": torch.zeros(1)})
