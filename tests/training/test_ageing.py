"""Each damage does what it is named after, to lightness alone, and can be repeated."""

import numpy as np
import pytest
import torch
from skimage import data

from colorcli.training import ageing


@pytest.fixture(scope="module")
def L() -> torch.Tensor:
    camera = torch.from_numpy(data.camera()[::4, ::4].copy()).float() / 2.55
    return torch.stack([camera, camera.T.contiguous(), torch.full_like(camera, 50)])[:, None]


def _draw(batch: int, seed: int = 0) -> ageing._Draw:
    return ageing._Draw(np.random.default_rng(seed), batch, np.arange(batch), torch.device("cpu"))


def test_equal_draws_give_equal_damage_within_the_range(L):
    worn = ageing.age(L, np.random.default_rng(4), wear=1.0)
    assert worn.shape == L.shape and worn.dtype == torch.float32
    assert worn.min() >= 0 and worn.max() <= 100
    assert torch.equal(worn, ageing.age(L, np.random.default_rng(4), wear=1.0))
    assert not torch.equal(worn, ageing.age(L, np.random.default_rng(5), wear=1.0))


def test_a_part_is_damaged_as_in_the_whole(L):
    whole = ageing.age(L, np.random.default_rng(1), chance=0.7)
    parts = [
        ageing.age(L[at : at + 1], np.random.default_rng(1), chance=0.7, start=at, total=3) for at in range(3)
    ]  # fmt: skip
    assert torch.allclose(torch.cat(parts), whole, atol=1e-4)


def test_chance_and_wear_are_shares():
    many = torch.full((400, 1, 16, 16), 50.0)
    spared = (ageing.age(many, np.random.default_rng(0), chance=0.5, wear=1.0) == many).flatten(1).all(1)
    assert 0.4 < spared.float().mean() < 0.6
    assert torch.equal(ageing.age(many, np.random.default_rng(0), chance=0.0), many)
    assert torch.equal(ageing.age(many, np.random.default_rng(0), wear=0.0), many)


def _detail(x: torch.Tensor) -> torch.Tensor:
    return x.diff(dim=-1).abs().mean((1, 2)) + x.diff(dim=-2).abs().mean((1, 2))


def test_every_kind_does_what_it_is_named_after(L):
    x = L[:, 0] / 100
    did = {damage.__name__: damage(x, _draw(3)) for damage in ageing.DAMAGES}
    assert all((worn - x).abs().mean() > 1e-4 for worn in did.values())
    assert (_detail(did["soften"])[:2] < 0.8 * _detail(x)[:2]).all()
    assert (did["misexpose"][:2].clamp(0, 1).std((1, 2)) > x[:2].std((1, 2))).all()  # more contrast, ends lost
    assert (_detail(did["grain"])[2:] > 0.003).all()
    corner, middle = did["blind"][2, :8, :8].mean(), did["blind"][2, 60:68, 60:68].mean()
    assert corner < 0.95 * middle and abs(middle - 0.5) < 0.01
    assert (did["fade"][:2].std((1, 2)) < x[:2].std((1, 2))).all() and did["fade"][0].min() > x[0].min()
    for name, most in (("scratch", 0.12), ("spot", 0.12)):  # few pixels, but those strongly
        changed = (did[name] - x).abs()
        assert changed.amax((1, 2)).max() > 0.15 and (changed > 0.05).float().mean() < most
    spectrum = torch.fft.rfft2(did["screen"][2] - did["screen"][2].mean()).abs()
    assert spectrum.max() > 20 * spectrum.mean()  # one period, on what was flat


def test_compression_is_that_of_a_jpeg(L):
    import io

    from PIL import Image

    pixels = data.camera()[::2, ::2]
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=20)
    expected = np.asarray(Image.open(buffer), np.float32)

    class Quality(ageing._Draw):
        def uniform(self, low, high, *shape):
            return torch.full((1, *shape), 20.0)

    one = Quality(np.random.default_rng(0), 1, np.arange(1), torch.device("cpu"))
    ours = 255 * ageing.compress(torch.from_numpy(pixels.copy()).float()[None] / 255, one)[0].clamp(0, 1).numpy()
    assert np.abs(ours - expected).mean() < 0.6  # the codec rounds to 8 bits, and its cosines are integers
    assert np.abs(expected - pixels).mean() > 3
    odd = ageing.compress(torch.rand(2, 13, 21), _draw(2))
    assert odd.shape == (2, 13, 21)
