import pytest
import torch
from parity_tools import fill, picture

from colorcli.color import lab
from colorcli.models.vgg16_autoencoder import build


@pytest.mark.parametrize("skips", [False, True])
def test_it_answers_as_when_it_was_proven(frozen, skips):
    net = fill(build(vgg=8, width=4, skips=skips))
    frozen(f"vgg16_autoencoder{'_skips' if skips else ''}", ab=net(100 * picture(64, 96)))


def test_its_encoder_takes_the_published_keys_and_is_frozen():
    with torch.device("meta"):
        net = build()
    assert "encoder.features.28.weight" in net.state_dict()
    assert sum(p.numel() for p in net.parameters()) - sum(
        p.numel() for p in net.parameters() if p.requires_grad
    ) == sum(p.numel() for p in net.encoder.parameters())
    net.train()
    assert net.training and not net.encoder.training


def test_the_encoder_sees_gray_as_imagenet_is_seen():
    net = build(vgg=4, width=2)
    seen = {}
    net.encoder.features[0].register_forward_pre_hook(lambda module, given: seen.update(x=given[0]))
    net(lab.gray_to_L(torch.full((1, 1, 32, 32), 0.485)))
    expected = [0.0, (0.485 - 0.456) / 0.224, (0.485 - 0.406) / 0.225]
    assert seen["x"][0, :, 3, 5].tolist() == pytest.approx(expected, abs=1e-4)


def test_skips_bring_what_enters_the_pools():
    net = fill(build(vgg=4, width=2, skips=True))
    assert [skip.in_channels for skip in net.skips] == [32, 32, 16, 8]
    L = 100 * picture(64, 64)
    with_them = net(L)
    for skip in net.skips:
        skip.weight.zero_()
        skip.bias.zero_()
    plain = build(vgg=4, width=2).eval()
    plain.load_state_dict({key: value for key, value in net.state_dict().items() if not key.startswith("skips")})
    assert torch.equal(net(L), plain(L)) and not torch.allclose(with_them, plain(L), atol=0.1)
