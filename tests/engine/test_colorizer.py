from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from skimage import data

from colorcli.color import bins, prior
from colorcli.engine import palette
from colorcli.engine.colorizer import ColorizeOptions, Colorizer
from colorcli.errors import DeviceError, UsageError
from colorcli.media import photo as media
from colorcli.media import profiles
from colorcli.models._info import NetworkInfo
from colorcli.registry import NETWORKS


class ToyAb(torch.nn.Module):
    """Predicts a = L, b = -L at half the resolution."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = torch.nn.Parameter(torch.tensor([1.0, -1.0])[:, None, None])

    def forward(self, L: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(L, 2) * self.gain


@pytest.fixture
def ab_model(monkeypatch: pytest.MonkeyPatch, make_model: Callable[..., str], state: dict[str, Any]) -> str:
    module = ModuleType("colorcli.models.toy_ab")
    module.INFO = NetworkInfo(output="ab", stride=2, multiple_of=16, minimum=16)  # type: ignore[attr-defined]
    module.build = ToyAb  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(NETWORKS._own, "toy-ab", module.__name__)
    weights = {"gain": ToyAb().gain.detach()}
    saved = dict(state)
    state.clear()
    state.update(weights)
    try:
        return make_model(network="toy-ab", sizes={}, decoder=None)
    finally:
        state.clear()
        state.update(saved)


def photo_of(pixels: np.ndarray, **fields: Any) -> media.Photo:
    return media.Photo(pixels, metadata=media.Metadata(comment=b"mine"), source="x.png", **fields)


@pytest.mark.parametrize("shape", [(1, 1), (7, 9), (1, 5000), (20000, 3), (130, 97)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_any_size_and_depth(model: str, shape: tuple[int, int], dtype: type[np.generic]) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, np.iinfo(dtype).max, shape, dtype=dtype)
    out = Colorizer(ColorizeOptions(model=model))(photo_of(pixels)).pixels
    assert out.shape == (*shape, 3)
    assert out.dtype == dtype


def test_what_is_not_colour_passes_through(model: str) -> None:
    gray = data.camera()[::4, ::4].copy()
    original = photo_of(gray, alpha=gray.copy())
    out = Colorizer(ColorizeOptions(model=model))(original)
    assert out.alpha is original.alpha
    assert out.metadata == dataclasses.replace(original.metadata, icc=profiles.srgb())
    assert (out.format, out.source) == ("PNG", "x.png")
    assert original.pixels is gray
    assert np.ptp(out.pixels.astype(int), axis=2).mean() > 5


def test_steps_have_the_shapes_they_promise(model: str) -> None:
    color = Colorizer(ColorizeOptions(model=model, size=100))
    wide, tall = (photo_of(np.zeros(shape, np.uint8)) for shape in ((60, 200), (200, 60)))
    prepared = color.prepare(wide)
    height, width = prepared.geometry.inner
    assert prepared.L_small.shape == (1, height, width)
    assert prepared.L.shape[1] % 32 == prepared.L.shape[2] % 32 == 0
    (ab,) = color.predict([prepared])
    assert ab.shape == (2, height // 4, width // 4)
    assert ab.dtype == torch.float32
    with pytest.raises(ValueError, match="one padded size"):
        color.predict([prepared, color.prepare(tall)])
    with pytest.raises(ValueError, match="one padded size"):
        color.predict([])


def test_batches_and_padding_do_not_matter(model: str) -> None:
    """Two pictures of one padded but different inner sizes give what each gives alone."""
    color = Colorizer(ColorizeOptions(model=model))
    rng = np.random.default_rng(1)
    both = [color.prepare(photo_of(rng.integers(0, 255, shape, dtype=np.uint8))) for shape in ((60, 66), (60, 72))]
    assert len({item.geometry.inner for item in both}) > 1
    for alone, together in zip([color.predict([item])[0] for item in both], color.predict(both), strict=True):
        torch.testing.assert_close(alone, together, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize(("size", "summed_up_at"), [(64, None), (128, 64), (32, 64), (16, 32)])
def test_the_whole_is_summed_up_at_the_cards_size(model: str, size: int, summed_up_at: int | None) -> None:
    """At twice a smaller size at most: who asks for one wants to save."""
    color = Colorizer(ColorizeOptions(model=model, size=size))
    photo = photo_of(data.camera())
    prepared = color.prepare(photo)
    if summed_up_at is None:
        assert prepared.whole is None
        return
    assert prepared.whole is not None and prepared.whole.geometry.padded == (summed_up_at, summed_up_at)
    view = Colorizer(ColorizeOptions(model=model, size=summed_up_at)).prepare(photo)
    assert torch.equal(prepared.whole.L, view.L)
    network: Any = color._network
    with torch.inference_mode():
        network.whole[2].weight.mul_(100)  # so that the summary counts, with weights that know nothing
        logits = network(prepared.L[None], network.summary(view.L[None]))
        alone = network(prepared.L[None])
    told, untold = (color._to_ab(output, prepared.L[None], prepared, 4).ab for output in (logits, alone))
    assert (told - untold).abs().mean() > 0.1
    torch.testing.assert_close(color.predict([prepared])[0], told, rtol=1e-4, atol=1e-3)


def test_summaries_do_not_meet_in_a_batch(model: str) -> None:
    """Photos of one input size whose summaries are of different sizes, and one that needs none."""
    color = Colorizer(ColorizeOptions(model=model, size=80, decoder="mean"))
    rng = np.random.default_rng(0)
    batch = [color.prepare(photo_of(rng.integers(0, 255, shape, dtype=np.uint8))) for shape in ((50, 80), (50, 120))]
    views = [item.whole for item in batch if item.whole is not None]
    assert batch[0].geometry.padded == batch[1].geometry.padded
    assert views[0].geometry.padded != views[1].geometry.padded
    batch.append(dataclasses.replace(batch[0], whole=None))
    for item, ab in zip(batch, color.predict(batch), strict=True):
        torch.testing.assert_close(color.predict([item])[0], ab, rtol=1e-3, atol=0.05)


def test_drawing_does_not_depend_on_the_neighbours(model: str) -> None:
    color = Colorizer(ColorizeOptions(model=model, decoder="sample", seed=3))
    same = color.prepare(photo_of(data.camera()[::8, ::8].copy()))
    first, second = color.predict([same, same])
    assert torch.equal(first, second)


def test_options_win_over_the_card(make_model: Callable[..., str]) -> None:
    name = make_model(size=96, strength=0.5, temperature=0.7, decoder="annealed", upsampler="bicubic")
    card = Colorizer(ColorizeOptions(model=name))
    assert (card.size, card.strength, card.decoder, card.upsampler) == (96, 0.5, "annealed", "bicubic")
    assert card._decoding.options.temperature == 0.7
    asked = Colorizer(ColorizeOptions(model=name, size=64, strength=0.0, temperature=0.1, decoder="mode"))
    assert (asked.size, asked.strength, asked.decoder) == (64, 0.0, "mode")
    assert asked._decoding.options.temperature == 0.1
    # The card's temperature is tuned for the card's decoder.
    assert Colorizer(ColorizeOptions(model=name, decoder="mean"))._decoding.options.temperature is None


def test_rebalancing_favours_rare_colours(make_model: Callable[..., str], state: dict[str, torch.Tensor]) -> None:
    assert Colorizer(ColorizeOptions(model=make_model()))._decoding.options.log_weights is None
    found = Colorizer(ColorizeOptions(model=make_model(rebalance=0.5)))._decoding.options.log_weights
    assert found is not None
    torch.testing.assert_close(found, 0.5 * prior.rebalancing(state["prior"]).log())


def test_palette_prefers_the_colours_of_the_reference(make_model: Callable[..., str], tmp_path: Path) -> None:
    red = np.zeros((300, 400, 3), np.uint8)
    red[:, :200] = (200, 40, 40)
    media.write(photo_of(red), tmp_path / "red.png")
    options = ColorizeOptions(model=make_model(rebalance=0.5), palette=tmp_path / "red.png", decoder="mean")
    colors = [Colorizer(dataclasses.replace(options, palette=p)) for p in (options.palette, None)]
    pictures = [color(photo_of(data.camera()[::4, ::4].copy())).pixels.astype(int) for color in colors]
    redness = [(picture[..., 0] - picture[..., 2]).mean() for picture in pictures]
    assert redness[0] > redness[1] + 5


def test_palette_weights() -> None:
    rng = np.random.default_rng(0)
    found = palette.log_weights(rng.integers(0, 65535, (50, 700, 3), dtype=np.uint16))
    assert found.shape == (bins.Q,)
    assert found.max() == 0
    assert found.min() > np.log(palette.FLOOR / bins.Q) - 1e-4


def test_gray_palette_is_refused(model: str, tmp_path: Path) -> None:
    media.write(photo_of(np.zeros((8, 8), np.uint8)), tmp_path / "gray.png")
    with pytest.raises(UsageError, match="gray picture"):
        Colorizer(ColorizeOptions(model=model, palette=tmp_path / "gray.png"))


def test_network_that_predicts_ab(ab_model: str) -> None:
    color = Colorizer(ColorizeOptions(model=ab_model))
    assert color.decoder is None
    prepared = color.prepare(photo_of(np.full((32, 48), 128, np.uint8)))
    (ab,) = color.predict([prepared])
    expected = prepared.L_small.mean() * torch.tensor([1.0, -1.0])
    torch.testing.assert_close(ab.mean((1, 2)), expected)
    assert tuple(ab.shape[1:]) == tuple(side // 2 for side in prepared.geometry.inner)


@pytest.mark.parametrize(
    "options", [{"decoder": "mrf"}, {"temperature": 0.5}, {"palette": Path("x.png")}, {"form": "report"}]
)
def test_network_that_predicts_ab_has_no_decoder(ab_model: str, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="predicts colours, not distributions"):
        Colorizer(ColorizeOptions(model=ab_model, **options))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"decoder": "annealled"}, "did you mean 'annealed'"),
        ({"upsampler": "bicubik"}, "did you mean 'bicubic'"),
        ({"model": "mfr"}, "did you mean 'mrf'"),
    ],
)
def test_near_misses(model: str, options: dict[str, Any], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        Colorizer(ColorizeOptions(**{"model": model, **options}))


@pytest.mark.parametrize(
    "options", [{"size": 8}, {"size": 99999}, {"strength": 2.5}, {"strength": -1.0}, {"temperature": 0.0},
                {"contrast": -0.1}, {"contrast": 3.1},
                {"precision": "int8"}]
)  # fmt: skip
def test_options_out_of_range(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        ColorizeOptions(**options)


def test_output_that_is_not_finite_is_an_error(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    color = Colorizer(ColorizeOptions(model=model))
    monkeypatch.setattr(color, "_network", lambda L: torch.full((1, 313, 16, 16), float("nan")))
    with pytest.raises(DeviceError, match="not finite in fp32"):
        color(photo_of(np.zeros((64, 64), np.uint8)))


def test_half_precision_stays_close(model: str) -> None:
    prepared = Colorizer(ColorizeOptions(model=model)).prepare(photo_of(data.camera()[::8, ::8].copy()))
    full, half = (
        Colorizer(ColorizeOptions(model=model, precision=precision, decoder="mean")).predict([prepared])[0]
        for precision in ("fp32", "bf16")
    )
    assert (full - half).abs().mean() < 5


def test_other_device_keeps_the_settings(model: str) -> None:
    color = Colorizer(ColorizeOptions(model=model, size=80, decoder="mode", precision="bf16"))
    moved = color.to("cpu")
    assert (moved.size, moved.decoder, moved.precision, moved.device.type) == (80, "mode", "fp32", "cpu")
    assert moved.model is color.model


def test_colours_are_tagged_and_the_files_own_profile_stays(model: str) -> None:
    from PIL import ImageCms

    color = Colorizer(ColorizeOptions(model=model, device="cpu"))
    gray = data.camera()[:64, :64].copy()
    assert color(media.Photo(gray)).metadata.icc == profiles.srgb()
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert color(media.Photo(gray, metadata=media.Metadata(icc=own))).metadata.icc == own
