import pytest
import torch
from parity_tools import assert_close, fill, picture
from torch.nn import functional as F

from colorcli.color.lab import gray_to_L
from colorcli.errors import WeightsError
from colorcli.models.ddcolor import blurred, build
from colorcli.weights.convert import ddcolor as published_ddcolor

KEPT = ("mean", "std")
#: Published names of a round's parts -> the layer of ours that gives the same.
ROUND = {"cross_attention": "cross_norm", "self_attention": "own_norm", "ffn": "norm"}


def watched(net):
    """Collect what the layer norms of the rounds give, under the published names of their parts."""
    seen = {}
    for index, part in enumerate(net.colors.rounds):
        for theirs, ours in ROUND.items():
            name = f"mid.decoder.color_decoder.transformer_{theirs}_layers.{index}"
            part.get_submodule(ours).register_forward_hook(lambda _, __, out, name=name: seen.update({name: out}))
    return seen


@pytest.mark.parametrize("encoder", ["tiny", "large"])
def test_ddcolor_is_the_published_one(published, encoder):
    proof = published(f"ddcolor-{encoder}")
    assert published_ddcolor.encoder(proof.state) == encoder
    with torch.device("meta"):
        net = build(encoder)
    net.load_state_dict(published_ddcolor.convert(proof.state), assign=True)
    net.eval().requires_grad_(False)
    gray = proof.arrays["in.rgb"][:, :1]
    seen = watched(net)
    rgb = (gray - net.mean) / net.std
    seen["mid.encoder.arch.downsample_layers.0"] = net.encoder.stem(rgb)
    for index, features in enumerate(net.encoder.features(rgb)):
        seen[f"mid.encoder.arch.stages.{index}"] = features
        seen[f"mid.encoder.arch.norm{index}"] = net.norms[index](features)
    maps = net.decode(rgb)
    seen |= {f"mid.decoder.layers.{index}": level for index, level in enumerate(maps)}
    # What follows at full size is never computed by ours; this is how it is written.
    full = blurred(F.pixel_shuffle(F.relu(net.last(maps[-1])), 4))
    filters = net.colors(maps)
    seen["mid.decoder.last_shuf"] = full
    seen["mid.decoder.color_decoder.color_embed"] = filters[..., :8]
    seen["mid.decoder.color_decoder"] = torch.einsum("bqc,bchw->bqhw", filters, full)
    for name in (key for key in proof.arrays if key.startswith("mid.")):
        out = seen[name]
        # Of a round the fixture has (query, batch, channels).
        proof.check(name, out.transpose(0, 1)[..., :8] if "transformer" in name else out)
    proof.check("out.ab", net.from_gray(gray))
    proof.check("out.ab", net(gray_to_L(gray)))
    net.fuse()
    proof.check("out.ab", net(gray_to_L(gray)))
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in net.modules())


@pytest.mark.parametrize("encoder", ["tiny", "large"])
def test_ddcolor_answers_as_when_it_was_proven(encoder, frozen):
    net = fill(build(encoder, shrink=8), keep=KEPT)
    L = 100 * picture(64, 96)
    frozen(f"ddcolor_{encoder}", ab=net(L), filters=net.colors(net.decode((L / 100 - net.mean) / net.std)))
    before = net(L)
    net.fuse()
    net.fuse()  # the second time there is nothing left to do
    assert_close(net(L), before)


def test_filters_come_before_the_full_size():
    net = fill(build("tiny", shrink=16), keep=KEPT)
    maps, filters = torch.randn(2, 16, 6, 10), torch.randn(2, 5, 16)
    full = blurred(F.pixel_shuffle(F.relu(net.last(maps)), 4))
    assert_close(net.filtered(maps, filters), torch.einsum("bqc,bchw->bqhw", filters, full))


@pytest.mark.parametrize(("encoder", "parameters"), [("tiny", 55_006_640), ("large", 227_869_328)])
def test_sizes_are_the_published_ones(encoder, parameters):
    with torch.device("meta"):
        net = build(encoder)
    unused = 2 * net.encoder.channels[-1]  # a layer norm that the published file has and nothing reads
    assert sum(p.numel() for p in net.parameters()) == parameters - unused


def test_sizes_that_cannot_be():
    for sizes in ({"encoder": "small"}, {"encoder": "tiny", "shrink": 3}):
        with pytest.raises(ValueError, match="no such encoder or shrink"):
            build(**sizes)


def test_conversion_is_strict():
    with pytest.raises(WeightsError, match=r"encoder\.conv\.weight"):
        published_ddcolor.convert({"encoder.conv.weight": torch.zeros(1)})
    with pytest.raises(WeightsError, match="0 channels"):
        published_ddcolor.encoder({})
    with pytest.raises(WeightsError, match="7 channels"):
        published_ddcolor.encoder({"encoder.arch.downsample_layers.0.0.weight": torch.zeros(7, 3, 4, 4)})


def test_what_only_other_classes_of_it_have_is_left_out():
    state = {"encoder.arch.head_cls.weight": torch.zeros(4, 8), "encoder.arch.norm.bias": torch.zeros(8)}
    assert published_ddcolor.convert(state) == {}
