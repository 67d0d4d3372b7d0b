import torch
from parity_tools import fill, picture

from colorcli.models.backbones.vgg import VGG16Features, normalize


def test_vgg16_is_the_published_one(published):
    proof = published("vgg16-features")
    net = VGG16Features().eval()
    net.load_state_dict(proof.state)
    x = proof.arrays["in.x"]
    with torch.no_grad():
        proof.check("out.features", net(x))
        stages = net.stages(x)
    for stage, layer in enumerate((3, 8, 15, 22, 29)):
        proof.check(f"mid.features.{layer}", stages[stage])
    assert torch.equal(net(x), stages[-1])


def test_vgg16_answers_as_when_it_was_proven(frozen):
    net = fill(VGG16Features())
    frozen("vgg16", features=net(normalize(picture(64, 96, 3))))


def test_its_size_is_the_published_one():
    with torch.device("meta"):
        net = VGG16Features()
    assert sum(p.numel() for p in net.parameters()) == 14_714_688
    assert len(net.state_dict()) == 26 and "features.28.bias" in net.state_dict()


def test_normalize_is_imagenets():
    rgb = torch.tensor([0.485 + 0.229, 0.456 - 0.224, 0.406])[None, :, None, None]
    assert torch.allclose(normalize(rgb).flatten(), torch.tensor([1.0, -1.0, 0.0]), atol=1e-6)
