import pytest
import torch
from parity_tools import assert_close, fill, picture

from colorcli.models.backbones.resnet import resnet18, resnet34, resnet101, sum_first_convolution


@pytest.mark.parametrize(("name", "channels"), [("resnet18", 3), ("resnet18-1ch", 1)])
def test_resnet18_is_the_published_one(published, name, channels):
    proof = published(name)
    net = resnet18(in_channels=channels, classes=1000).eval()
    net.load_state_dict(proof.state)
    x = proof.arrays["in.x"]
    with torch.no_grad():
        maps = net.features(x)
        proof.check("mid.conv1", net.conv1(x))
        for index in range(1, 5):
            proof.check(f"mid.layer{index}", maps[index])
        proof.check("out.pooled", maps[-1].mean((2, 3)))
        proof.check("out.logits", net(x))
        net.fuse()
        proof.check("out.logits", net(x))
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in net.modules())


@pytest.mark.parametrize("build", [resnet18, resnet34, resnet101], ids=lambda build: build.__name__)
def test_resnets_answer_as_when_they_were_proven(build, frozen):
    net = fill(build(classes=1000))
    frozen(build.__name__, pooled=net.features(picture(64, 96, 3))[-1].mean((2, 3)), logits=net(picture(64, 96, 3)))


@pytest.mark.parametrize(
    ("build", "parameters"), [(resnet18, 11_689_512), (resnet34, 21_797_672), (resnet101, 44_549_160)]
)
def test_sizes_are_the_published_ones(build, parameters):
    with torch.device("meta"):
        assert sum(p.numel() for p in build(classes=1000).parameters()) == parameters


def test_deoldify_encoders_have_the_published_keys(shared):
    import json

    for name, build in [("artistic", resnet34), ("stable", resnet101)]:
        spec = json.loads((shared / "parity" / f"deoldify-{name}.json").read_text())
        # fastai numbers the children: conv1, bn1, relu, maxpool, layer1 ... layer4
        children = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}
        encoder = {}
        for key, shape, _ in spec["keys"]:
            if key.startswith("layers.0."):
                child, _, rest = key.removeprefix("layers.0.").partition(".")
                encoder[f"{children[child]}.{rest}"] = tuple(shape)
        with torch.device("meta"):
            ours = {key: tuple(value.shape) for key, value in build().state_dict().items()}
        assert ours == encoder


def test_a_cut_network_has_the_maps_of_the_whole():
    whole, cut = fill(resnet18(in_channels=1)), fill(resnet18(in_channels=1, stages=2))
    maps = whole.features(picture(64, 96))
    assert [m.shape[1] for m in maps] == whole.channels
    assert [m.shape[2:] for m in maps] == [(32, 48), (16, 24), (8, 12), (4, 6), (2, 3)]
    assert torch.equal(cut.features(picture(64, 96))[-1], maps[2])
    with pytest.raises(ValueError, match="no classes"):
        resnet18(stages=2, classes=10)


def test_summed_first_convolution_sees_gray_as_colour_networks_do():
    colour, gray = fill(resnet18(width=8)), resnet18(in_channels=1, width=8).eval()
    gray.load_state_dict(sum_first_convolution(colour.state_dict()))
    x = picture(64, 64)
    assert_close(gray(x), colour(x.expand(-1, 3, -1, -1)))
    assert torch.equal(sum_first_convolution(gray.state_dict())["conv1.weight"], gray.conv1.weight)
