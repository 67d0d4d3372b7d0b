import pytest
import torch
from parity_tools import assert_close, fill, picture
from torch.nn import functional as F

from colorcli.color import lab
from colorcli.models.koala import Koala, Same, build


@pytest.fixture
def tiny():
    return build(width=8, backbone="own", features=16)


def test_sizes_are_the_published_ones():
    with torch.device("meta"):
        parts = {name: sum(p.numel() for p in part.parameters()) for name, part in build(classes=1001).named_children()}
    assert parts["encoder"] == 5_827_200
    assert parts["fusion"] == 322_048
    assert sum(parts[name] for name in ("decode8", "decode4", "decode2", "head")) == 424_802


def test_it_answers_as_when_it_was_proven(tiny, frozen):
    frozen("koala", ab=fill(tiny)(100 * picture(48, 64)))


def test_padding_is_that_of_keras():
    # Of two columns of two, stride 2, Keras' filter stands on the pixels 0, 1 and on one of padding after them.
    conv = Same(1, 1, 2)
    torch.nn.init.ones_(conv.weight)
    assert conv(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])).flatten().tolist() == [10.0]
    torch.nn.init.zeros_(conv.weight)
    with torch.no_grad():
        conv.weight[0, 0, 0, 0] = 1  # the filter's first corner lies on the picture's
    picture = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert conv(picture).flatten().tolist() == [0, 2, 8, 10]


def test_the_embedding_is_fused_as_if_it_were_repeated_at_every_place(tiny):
    fill(tiny)
    L = 100 * picture(48, 64)
    seen = {}
    tiny.decode8.register_forward_pre_hook(lambda module, given: seen.update(x=given[0].clone()))
    tiny(L)
    maps = tiny.encoder(L / 50 - 1)
    repeated = tiny.embed(L)[:, :, None, None].expand(-1, -1, *maps.shape[-2:])
    assert_close(seen["x"], F.relu(tiny.fusion(torch.cat((maps, repeated), 1))))


def test_the_classifier_sees_gray_values_of_about_its_own_size_and_the_pictures_shape():
    net = build(width=4, backbone="own", features=4, size=120)
    seen = {}
    net.own.register_forward_pre_hook(lambda module, given: seen.update(x=given[0]))
    L = lab.gray_to_L(torch.full((1, 1, 48, 96), 0.75))
    net(L)
    assert seen["x"].shape == (1, 3, 85, 170)
    assert torch.allclose(seen["x"], torch.tensor(0.5), atol=1e-4)
    net.size = 0
    net(L)
    assert seen["x"].shape == (1, 3, 75, 96)  # its own size, but for the least a classifier takes


@pytest.mark.parametrize(("embedding", "numbers"), [("logits", 1001), ("pool", 1536)])
def test_inception_is_frozen_and_part_of_the_state(embedding, numbers):
    with torch.device("meta"):
        net = build(width=4, embedding=embedding, classes=1001)
    assert net.fusion.in_channels == 16 + numbers
    net.train()
    assert net.training and net.encoder.training and not any(part.training for part in net.inception.modules())
    assert not any(p.requires_grad for p in net.inception.parameters())
    assert "inception.repeat_1.19.conv2d.bias" in net.state_dict()


def test_training_leaves_the_frozen_part_as_it_is(monkeypatch):
    from colorcli.models import koala
    from colorcli.models.backbones.inception_resnet_v2 import InceptionResNetV2

    monkeypatch.setattr(koala, "InceptionResNetV2", lambda classes: InceptionResNetV2(classes, (1, 1, 1), 16))
    net = Koala(width=4, classes=5, size=75).train()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.1, weight_decay=0.5)
    net(torch.rand(2, 1, 16, 16) * 100).square().mean().backward()
    optimizer.step()
    after = net.state_dict()
    changed = {key.partition(".")[0] for key in before if not torch.equal(before[key], after[key])}
    assert changed == {"encoder", "fusion", "decode8", "decode4", "decode2", "head"}


def test_unknown_choices_are_refused():
    with pytest.raises(ValueError, match="resnet"):
        build(backbone="resnet")
