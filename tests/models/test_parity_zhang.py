import pytest
import torch
from parity_tools import assert_close, fill, picture
from torch.nn import functional as F

from colorcli.color import bins
from colorcli.decoders import annealed
from colorcli.decoders._options import DecodeOptions
from colorcli.errors import WeightsError
from colorcli.models import eccv16, zhang_ab, zhang_bins
from colorcli.models._zhang import AB_LEAST
from colorcli.weights.convert import aml
from colorcli.weights.convert import eccv16 as published_eccv16


def check_blocks(proof, net, x):
    """Compare the output of every block whose name the fixture knows."""
    for name, block in net.named_children():
        if name.startswith("model"):
            x = block(x)
            if f"mid.{name}" in proof.arrays and not (name == "model8" and x.shape[1] == 256):
                proof.check(f"mid.{name}", x)
    return x


def test_eccv16_is_the_published_one(published):
    proof = published("eccv16")
    net = eccv16.build().eval().requires_grad_(False)
    net.load_state_dict(published_eccv16.convert(proof.state))
    L = proof.arrays["in.l"]
    x = check_blocks(proof, net, (L - 50) / 100)
    proof.check("mid.model8", net.head(x))
    proof.check("mid.model8", net(L) * eccv16.SHARPENING)
    proof.check("out.ab", net.answer(L))


def test_annealed_mean_of_eccv16_is_its_answer():
    net = fill(eccv16.build(width=8), keep=("prior", "colors"))
    net.head.weight *= 20  # a distribution that temperature matters to
    L = 100 * picture(32, 48)
    ab = annealed.decode(net(L), torch.zeros(1, 1, 8, 12), DecodeOptions(temperature=1 / eccv16.SHARPENING))
    assert_close(F.interpolate(ab, scale_factor=4.0, mode="bilinear"), net.answer(L))


def test_eccv16_answers_as_when_it_was_proven(frozen):
    net = fill(eccv16.build(), keep=("prior",))
    L = 100 * picture(64, 96)
    frozen("eccv16", logits=net(L), ab=net.answer(L))


def test_classification_of_aml_is_the_published_one(published):
    proof = published("aml-classification")
    net = zhang_bins.build(student=True, dropout=0.1).eval().requires_grad_(False)
    net.load_state_dict(aml.convert(proof.state))
    L = 100 * proof.arrays["in.l"]
    x = check_blocks(proof, net, L / 100)
    proof.check("mid.model9.0", net.head(x))
    probabilities = net(L).softmax(1).repeat_interleave(4, 2).repeat_interleave(4, 3)
    proof.check("out.prob", probabilities)
    # Its decoding has a floor of 1e-5 under the logarithm, ours has none.
    sharpened = ((probabilities + 1e-5).log() / 0.38).softmax(1)
    proof.check("out.ab_annealed", bins.expectation(sharpened))
    assert torch.equal(bins.centers(), proof.arrays["const.pts_in_hull"])


def test_regression_of_aml_is_the_published_one(published):
    proof = published("aml-regression")
    net = zhang_ab.build(student=True).eval().requires_grad_(False)
    net.load_state_dict(aml.convert(proof.state))
    L = 100 * proof.arrays["in.l"]
    check_blocks(proof, net, L / 100)
    ab = net(L).repeat_interleave(4, 2).repeat_interleave(4, 3)
    proof.check("out.ab", (ab + 128) / 255)
    assert (ab == AB_LEAST).any()  # the published ReLU is at work in the fixture


@pytest.mark.parametrize("student", [False, True], ids=["teacher", "student"])
@pytest.mark.parametrize("network", [zhang_ab, zhang_bins], ids=["ab", "bins"])
def test_zhang_answers_as_when_it_was_proven(network, student, frozen):
    net = fill(network.build(student=student))
    frozen(f"{network.__name__.rpartition('.')[2]}{'_student' * student}", out=net(100 * picture(64, 96)))


def test_sizes_are_the_published_ones():
    with torch.device("meta"):
        built = [zhang_bins.build(), zhang_bins.build(student=True), zhang_ab.build(student=True)]
    counts = [sum(p.numel() for p in net.parameters()) for net in built]
    assert counts == [32_236_011 - 2 * 313, 24_788_032 + 313, 24_748_224 + 2]  # model_out; biases of the heads


def test_dropout_works_in_training_only():
    net = zhang_bins.build(width=8, dropout=0.5)
    L = 100 * picture(32, 32).expand(2, -1, -1, -1)
    assert not torch.equal(*net.train()(L))
    assert torch.equal(*net.eval()(L))


def test_conversion_is_strict():
    state = {"model1.0.weight": torch.zeros(64, 1, 3, 3), "encoder.conv.weight": torch.zeros(1)}
    for module in (published_eccv16, aml):
        with pytest.raises(WeightsError, match=r"encoder\.conv\.weight"):
            module.convert(state)


def test_old_files_without_step_counters_fit(published):
    state = {key: value for key, value in published("eccv16").state.items() if "num_batches" not in key}
    with torch.device("meta"):
        net = eccv16.build()
    assert set(published_eccv16.convert(state)) == set(net.state_dict())
