"""``--fit stretch``: the published pipelines from photo to photo, by what the authors' own code gave."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from colorcli.engine.colorizer import ColorizeOptions, Colorizer
from colorcli.errors import UsageError
from colorcli.media import photo as media
from colorcli.registry import NETWORKS, PUBLISHED
from colorcli.weights.card import Card, Source
from colorcli.weights.save import write_run

FROZEN = Path(__file__).with_name("published.npz")
#: Fixture: network, sizes, working size, the tensors that carry the fixture's output gain.
PIPELINES: dict[str, tuple[str, dict[str, Any], int, tuple[str, ...]]] = {
    "ddcolor-tiny": ("ddcolor", {"encoder": "tiny"}, 256, ("head.weight", "head.bias")),
    "eccv16": ("eccv16", {}, 256, ("colors",)),
    "siggraph17": ("siggraph17", {}, 256, ()),
    "deoldify-artistic": ("deoldify", {"variant": "artistic"}, 160, ()),
}
GAINS = {"ddcolor-tiny": 60.0, "eccv16": 200.0}
#: Sizes that make small networks of them.
SMALL: dict[str, dict[str, Any]] = {
    "ddcolor-tiny": {"shrink": 16, "queries": 8, "rounds": 3},
    "eccv16": {"width": 4},
    "siggraph17": {"width": 4},
    "deoldify-artistic": {"width": 4},
}


def stored(folder: Path, network: str, sizes: dict[str, Any], state: dict[str, torch.Tensor], **card: Any) -> str:
    folder.mkdir()
    values = {"name": network, "network": network, "sizes": sizes, **card}
    write_run(folder, state, Card(source=Source(kind="file", file="x"), **values))
    return str(folder)


def agreement(got: np.ndarray, expected: np.ndarray) -> float:
    """Share of the pixels that differ by at most one level of 255 in every channel."""
    assert got.shape == expected.shape
    return float((np.abs(got.astype(int) - expected.astype(int)).max(-1) <= 1).mean())


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("name", PIPELINES)
def test_stretch_gives_what_the_authors_code_gave(name: str, shared: Path, tmp_path: Path) -> None:
    fill = _module(shared / "parity" / "fill.py")
    network, sizes, size, gained = PIPELINES[name]
    converter = importlib.import_module(f"colorcli.weights.convert.{network}")
    state = converter.convert(fill.load(shared / "parity" / f"{name}.json"))
    for key in gained:
        state[key] = state[key] * GAINS[name]
    model = stored(tmp_path / "model", network, sizes, state, size=size, fit="stretch")
    photo = media.read(shared / "parity" / "e2e-photo.png")
    expected = media.read(shared / "parity" / f"e2e-{name}.png")
    assert agreement(Colorizer(ColorizeOptions(model=model))(photo).pixels, expected.pixels) >= 0.999


@pytest.fixture
def small(tmp_path: Path) -> Callable[..., str]:
    """A model of a published network in small, colourful; proven against ``published.npz``."""

    def make(name: str, **card: Any) -> str:
        network, sizes, _, _ = PIPELINES[name]
        sizes = {**sizes, **SMALL[name]}
        torch.manual_seed(0)
        net = NETWORKS.load(network).build(**sizes)
        rng = np.random.RandomState(0)
        state = {}
        for key, value in net.state_dict().items():
            flat = value.is_floating_point() and key.rpartition(".")[2] not in ("mean", "std", "prior", "colors")
            noise = torch.from_numpy(rng.standard_normal(tuple(value.shape))).float()
            plain = value.dim() < 2 or key.endswith(("query_feat", "query_embed", "level_embed"))
            scale = 0.3 if plain else (2.5 / max(value[0].numel(), 1)) ** 0.5
            state[key] = noise * scale if flat else value
            if flat and (key.endswith("running_var") or (value.dim() == 1 and key.endswith(("weight", "gamma")))):
                state[key] = 1 + 0.2 * torch.tanh(state[key])
        head = next(key for key in state if key.endswith("head.weight"))
        state[head] = state[head] * {"ddcolor": 10, "eccv16": 4, "siggraph17": 0.3, "deoldify": 1}[network]
        return stored(tmp_path / name, network, sizes, state, size=64, **card)

    return make


def scene(dtype: type[np.generic] = np.uint8) -> np.ndarray:
    """Ramps, edges and grain in colour, 45 x 60; values that 8 bits can say."""
    rng = np.random.RandomState(3)
    y, x = np.mgrid[:45, :60] / 12
    planes = [128 + 70 * np.sin(x + c) * np.cos(y - c / 2) + 50 * ((x + c > 3) & (y > 1)) for c in range(3)]
    pixels = (np.stack(planes, -1) + 6 * rng.standard_normal((45, 60, 3))).clip(0, 255).astype(np.uint8)
    return pixels.astype(dtype) * (257 if dtype is np.uint16 else 1)


@pytest.mark.parametrize("name", PIPELINES)
def test_stretch_gives_what_it_gave_when_it_was_proven(name: str, small: Callable[..., str]) -> None:
    """Without ../shared: ``published.npz`` holds what these networks gave on the day the test above held."""
    out = Colorizer(ColorizeOptions(model=small(name), fit="stretch"))(media.Photo(scene())).pixels
    assert np.ptp(out.astype(int), axis=2).mean() > 10  # a gray picture would prove little
    if os.environ.get("FREEZE"):
        before = dict(np.load(FROZEN)) if FROZEN.exists() else {}
        np.savez_compressed(FROZEN, **{name: out, **before})
    with np.load(FROZEN) as pictures:
        assert agreement(out, pictures[name]) >= 0.999


@pytest.mark.parametrize("name", PIPELINES)
def test_sixteen_bits_and_gray_take_the_same_way(name: str, small: Callable[..., str]) -> None:
    color = Colorizer(ColorizeOptions(model=small(name), fit="stretch"))
    eight, sixteen = (color(media.Photo(scene(dtype))).pixels for dtype in (np.uint8, np.uint16))
    assert sixteen.dtype == np.uint16
    assert np.abs(sixteen / 257 - eight).max() < (3 if name == "deoldify-artistic" else 1.2)  # YUV in 8 bits
    gray = scene()[..., 0].copy()
    tiled = np.repeat(gray[..., None], 3, -1)
    assert np.array_equal(color(media.Photo(gray)).pixels, color(media.Photo(tiled)).pixels)


@pytest.mark.parametrize("name", PIPELINES)
def test_a_published_way_knows_no_contrast(name: str, small: Callable[..., str]) -> None:
    with pytest.raises(UsageError, match="knows no contrast"):
        Colorizer(ColorizeOptions(model=small(name), fit="stretch", contrast=1.2))


@pytest.mark.parametrize("name", PIPELINES)
def test_strength_nothing_is_gray(name: str, small: Callable[..., str]) -> None:
    gray = scene()[..., 0].copy()
    out = Colorizer(ColorizeOptions(model=small(name), fit="stretch", strength=0.0))(media.Photo(gray)).pixels
    assert np.abs(out.astype(int) - gray[..., None].astype(int)).max() <= 1


def test_the_network_sees_a_square_it_accepts(small: Callable[..., str]) -> None:
    color = Colorizer(ColorizeOptions(model=small("ddcolor-tiny"), fit="stretch", size=100))
    assert color.prepare(media.Photo(scene())).geometry.padded == (96, 96)


def test_a_network_without_a_pipeline_is_only_shown_a_square(model: str) -> None:
    color = Colorizer(ColorizeOptions(model=model, fit="stretch"))
    prepared = color.prepare(media.Photo(scene()))
    assert prepared.geometry.inner == prepared.geometry.padded == (64, 64)
    out = color(media.Photo(scene())).pixels
    assert out.shape == (45, 60, 3)
    assert not np.array_equal(out, Colorizer(ColorizeOptions(model=model))(media.Photo(scene())).pixels)


def test_another_decoder_goes_with_the_published_frame(small: Callable[..., str]) -> None:
    model = small("eccv16", decoder="annealed")
    published, mode = (
        Colorizer(ColorizeOptions(model=model, fit="stretch", decoder=decoder))(media.Photo(scene())).pixels
        for decoder in (None, "mode")
    )
    assert published.shape == mode.shape
    assert not np.array_equal(published, mode)


def test_what_does_not_go_together(small: Callable[..., str], model: str) -> None:
    deoldify = small("deoldify-artistic")
    with pytest.raises(UsageError, match="enlarges in its own way"):
        Colorizer(ColorizeOptions(model=deoldify, fit="stretch", upsampler="guided"))
    with pytest.raises(UsageError, match="did you mean 'stretch'"):
        ColorizeOptions(fit="strech")
    with pytest.raises(UsageError, match="give one of the two"):
        ColorizeOptions(size=256, render_factor=35)
    with pytest.raises(UsageError, match="out of range"):
        ColorizeOptions(render_factor=0)
    with pytest.raises(UsageError, match="is no DeOldify"):
        Colorizer(ColorizeOptions(model=model, render_factor=10))
    options = ColorizeOptions(model=deoldify, render_factor=5)
    assert Colorizer(options).size == 80
    assert Colorizer(dataclasses.replace(options, fit="stretch")).prepare(media.Photo(scene())).L.shape == (1, 80, 80)


def test_every_pipeline_belongs_to_a_network() -> None:
    named = {NETWORKS.load(name).INFO.pipeline for name in NETWORKS.names()} - {""}
    assert named == set(PUBLISHED.names())


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("parity_fill", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
