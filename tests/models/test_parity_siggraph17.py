import pytest
import torch
from parity_tools import fill, picture

from colorcli.errors import WeightsError
from colorcli.models.siggraph17 import build
from colorcli.weights.convert import siggraph17 as published_siggraph17

#: Published names of parts -> ours, where they differ.
NAMES = {
    "model8up": "up8",
    "model3short8": "short8",
    "model9up": "up9",
    "model10up": "up10",
}


def hints(height, width):
    """Two patches of colour in an otherwise free picture."""
    ab, mask = torch.zeros(1, 2, height, width), torch.zeros(1, 1, height, width)
    ab[:, 0, 4:9, 6:11], mask[..., 4:9, 6:11] = 60, 1
    ab[:, 1, -7:-3, -8:-2], mask[..., -7:-3, -8:-2] = -45, 1
    return ab, mask


def test_siggraph17_is_the_published_one(published):
    proof = published("siggraph17")
    net = build().eval().requires_grad_(False)
    net.load_state_dict(published_siggraph17.convert(proof.state))
    L, ab, mask = (proof.arrays[f"in.{name}"] for name in ("l", "ab", "mask"))
    proof.check("out.ab", net(L))
    seen = {}
    for name in [key.removeprefix("mid.") for key in proof.arrays if key.startswith("mid.")]:
        module = net.get_submodule(NAMES.get(name, name))
        # The ReLU that follows works in place, so what a part gives is copied.
        module.register_forward_hook(lambda _, __, out, name=name: seen.update({name: out.clone()}))
    proof.check("out.ab_hints", net.forward_with_hints(L, ab, mask))
    assert len(seen) == 14
    for name, out in seen.items():
        proof.check(f"mid.{name}", out)
    logits = net.class_logits(L, ab, mask)
    assert logits.shape[1] == 529
    proof.check("out.class_logits_hints", logits[:, :8])


def test_siggraph17_answers_as_when_it_was_proven(frozen):
    net = fill(build(width=16))
    L, (ab, mask) = 100 * picture(64, 96), hints(64, 96)
    frozen(
        "siggraph17",
        ab=net(L),
        hinted=net.forward_with_hints(L, ab, mask),
        classes=net.class_logits(L),
        hinted_classes=net.class_logits(L, ab, mask),
    )


def test_no_hints_are_zeros():
    net = fill(build(width=8))
    L = 100 * picture(32, 48)
    assert torch.equal(net(L), net.forward_with_hints(L, torch.zeros(1, 2, 32, 48), torch.zeros(1, 1, 32, 48)))


def test_hints_must_go_with_the_picture():
    net = build(width=4)
    L, (ab, mask) = 100 * picture(32, 48), hints(32, 48)
    for wrong in ((ab[:, :1], mask), (ab, mask[..., :24]), (ab.expand(2, -1, -1, -1), mask)):
        with pytest.raises(ValueError, match="hints of shape"):
            net.forward_with_hints(L, *wrong)
    with pytest.raises(ValueError, match="only one"):
        net.class_logits(L, ab)


def test_its_size_is_the_published_one():
    with torch.device("meta"):
        assert sum(p.numel() for p in build().parameters()) == 34_187_027


def test_conversion_is_strict():
    with pytest.raises(WeightsError, match=r"encoder\.conv\.weight"):
        published_siggraph17.convert({"model1.0.weight": torch.zeros(1), "encoder.conv.weight": torch.zeros(1)})
