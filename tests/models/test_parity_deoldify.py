import numpy as np
import pytest
import torch
from parity_tools import Published, assert_close, fill, picture

from colorcli.color import lab
from colorcli.errors import WeightsError
from colorcli.models import deoldify
from colorcli.models.backbones.vgg import IMAGENET_MEAN, IMAGENET_STD, normalize
from colorcli.weights.convert import deoldify as published_deoldify

#: Published layer -> ours, where the fixture has its output.
LAYERS = {"3": "middle", "4": "ups.0", "5": "ups.1", "6": "ups.2", "7": "ups.3", "8": "last", "11": "head"}


def tiny(variant="artistic"):
    net = fill(deoldify.build(variant, width=8))
    net.ups[1].attention.gamma.fill_(0.6)  # or what the places say to each other would not be heard
    return net


def color(height, width):
    """An input of the published network whose channels differ, so that none can take another's place."""
    return normalize(picture(height, width, 3))


def published_network(state, variant="artistic"):
    with torch.device("meta"):  # random weights for the large one would take seconds
        net = deoldify.build(variant)
    net.load_state_dict(published_deoldify.convert(state), assign=True)
    return net.eval().requires_grad_(False)


def check_layers(proof, net):
    """Compare every array of the fixture."""
    x, seen, hooks = proof.arrays["in.x"], {}, []
    for theirs, ours in LAYERS.items():
        keep = lambda module, given, out, key=f"mid.layers.{theirs}": seen.update({key: out[:, :8].clone()})  # noqa: E731
        hooks.append(net.get_submodule(ours).register_forward_hook(keep))
    keep = lambda module, given: seen.update({"mid.layers.10": given[0].clone()})  # noqa: E731
    hooks.append(net.head.register_forward_pre_hook(keep))
    proof.check("out.y", net.forward_normalized(x))
    seen |= dict(zip([f"mid.layers.0.{index}" for index in (2, 4, 5, 6, 7)], net.body.features(x), strict=True))
    assert set(seen) == {key for key in proof.arrays if key.startswith("mid.")}
    for key, got in seen.items():
        proof.check(key, got)
    for hook in hooks:
        hook.remove()


def test_artistic_is_the_published_one(published):
    proof = published("deoldify-artistic")
    net = published_network(proof.state)
    check_layers(proof, net)
    net.fuse()
    proof.check("out.y", net.forward_normalized(proof.arrays["in.x"]))


def test_stable_and_video_are_the_published_ones(published, shared):
    proof = published("deoldify-stable")
    net = published_network(proof.state, "stable")
    check_layers(proof, net)
    with np.load(shared / "parity" / "deoldify-video.npz") as arrays:  # the same network, so the same stand-in weights
        video = Published(proof.state, {key: torch.from_numpy(arrays[key]) for key in arrays.files})
    assert video.arrays["in.x"].shape[-2:] == (80, 112)  # which steps up have to fit to their skip connections
    check_layers(video, net)
    net.fuse()
    for each in (proof, video):
        each.check("out.y", net.forward_normalized(each.arrays["in.x"]))


def test_deoldify_gives_what_its_pipeline_got(published, shared):
    with np.load(shared / "parity" / "e2e.npz") as arrays:
        x, y = (torch.from_numpy(arrays[f"deoldify.{key}"]) for key in ("in.x", "out.y"))
    net = published_network(published("deoldify-artistic").state)
    assert_close(net.forward_normalized(x), y)
    mean, std = (torch.tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    rgb = (y * std + mean).clamp(0, 1)
    assert_close(net(lab.gray_to_L(x[:, :1] * std[0] + mean[0])), lab.rgb_to_lab(rgb)[:, 1:])


@pytest.mark.parametrize("variant", ["artistic", "stable"])
def test_deoldify_answers_as_when_it_was_proven(variant, frozen):
    net = tiny(variant)
    whole, odd = net.forward_normalized(color(64, 96)), net.forward_normalized(color(80, 112))
    frozen(f"deoldify_{variant}", whole=whole, odd=odd, ab=net(100 * picture(64, 96)))


def test_sizes_are_the_published_ones():
    with torch.device("meta"):
        built = [deoldify.build("artistic"), deoldify.build("stable")]
    counts = [sum(p.numel() for p in net.parameters()) for net in built]
    # Less the lengths that weight norm keeps apart from its filters.
    assert counts == [63_646_881 - 1200, 218_222_197 - 1024]


def test_it_looks_past_what_its_convolutions_reach_together():
    net = tiny()
    L = (100 * picture(160, 160)).requires_grad_()
    reach = []
    for gamma in (0.0, 0.6):
        net.ups[1].attention.gamma.fill_(gamma)
        # Only the steps up: the ResNet alone sees most of a picture of this size.
        L.grad = None
        skips = [map_.detach() for map_ in net.body.features(normalize(lab.L_to_gray(L).expand(-1, 3, -1, -1)))]
        below = torch.zeros(1, net.ups[1].shuffle.conv[0].in_channels, 10, 10, requires_grad=True)
        net.ups[1](below, skips[2])[0, :, 0, 0].sum().backward()
        reach.append(bool((below.grad[..., -2:, -2:] != 0).any()))
    assert reach == [False, True]


def test_files_of_old_torch_hold_the_divided_weight():
    state = {"layers.11.0.weight_orig": torch.randn(3, 4, 1, 1), "layers.11.0.weight_u": torch.randn(3)}
    weight = state["layers.11.0.weight_orig"] / 1.7
    assert_close(published_deoldify.convert(state | {"layers.11.0.weight": weight})["head.weight"], weight)


def test_conversion_is_strict():
    matrix, vector = torch.ones(2, 3, 1, 1), torch.ones(2)
    for state, complaint in (
        ({"layers.9.conv.weight": matrix}, r"layers\.9\.conv\.weight"),
        ({"layers.11.0.weight_orig": matrix, "layers.11.0.weight_u": vector}, r"layers\.11\.0\.weight_orig"),
        (
            {"layers.11.0.weight_orig": matrix, "layers.11.0.weight_u": vector, "layers.11.0.weight_v": vector},
            r"layers\.11\.0\.weight_orig.*another size",
        ),
        ({"layers.8.conv.0.weight_g": vector}, r"layers\.8\.conv\.0\.weight_v"),
    ):
        with pytest.raises(WeightsError, match=complaint):
            published_deoldify.convert(state)


def test_the_one_for_video_is_no_variant_of_its_own():
    with pytest.raises(ValueError, match="stable"):
        deoldify.build("video")
