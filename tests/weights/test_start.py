"""What training can begin with, and what is said if it does not fit."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from colorcli.errors import UsageError, WeightsError
from colorcli.registry import NETWORKS
from colorcli.weights.recognize import CONVERTERS
from colorcli.weights.start import Start, read, start


def build(name, **sizes):
    torch.manual_seed(sum(map(ord, name)))
    return NETWORKS.load(name).build(**sizes)


def same(network, before, keys):
    state = network.state_dict()
    return all(torch.equal(state[key], before[key]) for key in keys)


def test_a_model_fits_as_it_is_but_for_the_prior(tiny_model):
    network = build("resnet-fusion", width=8)
    network.get_buffer("prior").fill_(0.25)
    said = start(network, "resnet-fusion", read(str(tiny_model)))
    from safetensors.torch import load_file

    stored = load_file(tiny_model)
    assert same(network, stored, [key for key in stored if key != "prior"])
    assert network.get_buffer("prior").unique().tolist() == [0.25]
    assert said == f"{len(stored) - 1} of {len(stored) - 1} tensors from {tiny_model}"


def test_what_only_training_needs_may_be_missing_from_a_model_but_nothing_else(tiny_model):
    network = build("resnet-fusion", width=8, classes=4)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    said = start(network, "resnet-fusion", read(str(tiny_model)))
    assert said.endswith("begins at random: classifier")
    assert same(network, before, ["classifier.weight", "classifier.bias"])
    assert not same(network, before, ["head.weight"])
    # A checkpoint has them; they are taken if the pictures have as many classes, and left if not.
    of_run = Start("x", build("resnet-fusion", width=8, classes=4).state_dict(), own=True)
    for classes, taken in ((4, True), (7, False), (0, False)):
        other = build("resnet-fusion", width=8, classes=classes)
        random = None if not classes else other.classifier.weight.clone()
        said = start(other, "resnet-fusion", of_run)
        assert same(other, of_run.state, ["head.weight"])
        if random is not None:
            assert torch.equal(other.classifier.weight, of_run.state["classifier.weight"] if taken else random)
        assert ("begins at random: classifier" in said) == (classes == 7)
    begin = read(str(tiny_model))
    less = {key: value for key, value in begin.state.items() if not key.startswith("head.")}
    with pytest.raises(WeightsError, match=r"head\.weight"):
        start(network, "resnet-fusion", replace(begin, state=less))


def test_a_checkpoint_gives_its_average(tmp_path):
    network, other = build("zhang-ab", width=2), build("zhang-ab", width=2)
    average = {key: value + 1 for key, value in network.state_dict().items()}
    path = tmp_path / "last.pt"
    torch.save({"step": 3, "network": network.state_dict(), "ema": average, "optimizer": {}}, path)
    start(other, "zhang-ab", read(path))
    assert same(other, average, average)


def test_what_does_not_fit_is_listed_and_changes_nothing(tiny_model):
    network = build("resnet-fusion", width=16)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(WeightsError) as error:
        start(network, "resnet-fusion", read(str(tiny_model)))
    assert "does not fit network 'resnet-fusion'" in error.value.message
    assert "other shape" in error.value.message and "network (8,)" in error.value.message
    assert same(network, before, before)
    with pytest.raises(WeightsError, match=r"missing \(\d+\).*\n.*not in the network"):
        start(build("zhang-ab", width=2), "zhang-ab", read(str(tiny_model)))


def resnet18(width=8, channels=3):
    from colorcli.models.backbones.resnet import resnet18 as backbone

    torch.manual_seed(1)
    state = backbone(in_channels=channels, stages=4, width=width).state_dict()
    return state | {"fc.weight": torch.zeros(1000, 8 * width), "fc.bias": torch.zeros(1000)}


@pytest.mark.parametrize("fusion", [False, True])
@pytest.mark.parametrize("network", ["resnet18-ab", "resnet18-bins"])
def test_published_resnet18_weights_are_summed_to_gray(tmp_path, network, fusion):
    state = resnet18()
    path = tmp_path / "resnet18.safetensors"
    save_file(state, path)
    ours = build(network, width=8, fusion=fusion)
    said = start(ours, network, read(path))
    assert torch.allclose(ours.backbone.conv1.weight, state["conv1.weight"].sum(1, keepdim=True))
    last = "layer4.1.conv2.weight" if fusion else "layer2.1.conv2.weight"
    assert torch.equal(ours.backbone.get_parameter(last), state[last])
    assert "begins at random" in said and "conv3" in said and "backbone" not in said


def test_published_files_may_wrap_their_state(tmp_path):
    path = tmp_path / "model.pth"
    torch.save({"epoch": 3, "state_dict": resnet18()}, path)
    ours = build("resnet18-ab", width=8)
    assert "tensors from" in start(ours, "resnet18-ab", read(path))


def test_a_childs_whole_state_starts_the_child(tmp_path):
    ours = build("vgg16-autoencoder", vgg=2, width=2)
    child, module = next((name, part) for name, part in ours.named_children() if list(part.parameters()))
    state = {key: torch.full_like(value, 0.5) for key, value in module.state_dict().items()}
    torch.save(state | {"classifier.weight": torch.zeros(3)}, tmp_path / "vgg.pth")
    said = start(ours, "vgg16-autoencoder", read(tmp_path / "vgg.pth"))
    assert all(bool((weight == 0.5).all()) for weight in getattr(ours, child).state_dict().values())
    assert "begins at random" in said
    del state[next(iter(state))]  # all of the child or none of it
    torch.save(state, tmp_path / "part.pth")
    with pytest.raises(WeightsError, match="does not fit"):
        start(ours, "vgg16-autoencoder", read(tmp_path / "part.pth"))


def test_every_converter_names_networks_that_exist():
    for name in CONVERTERS.names():
        converter = CONVERTERS.load(name)
        assert set(converter.NETWORKS) <= set(NETWORKS.names()), name
        assert hasattr(converter, "convert")


def test_files_that_hold_no_weights_are_refused(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        read(tmp_path / "none.pth")
    with pytest.raises(UsageError, match="did you mean 'default'"):
        read("defautl")
    (tmp_path / "torn.pth").write_bytes(b"PK\x03\x04 no")
    with pytest.raises(WeightsError, match="not readable as weights"):
        read(tmp_path / "torn.pth")
    (tmp_path / "torn.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}")
    with pytest.raises(WeightsError):
        read(tmp_path / "torn.safetensors")
    torch.save({"epoch": 3}, tmp_path / "empty.pth")
    with pytest.raises(WeightsError, match="holds no weights"):
        read(tmp_path / "empty.pth")
