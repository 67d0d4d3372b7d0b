"""Hints: read strictly, brought to the small grid, and followed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from skimage import color as reference
from skimage import data

from colorcli.color import lab
from colorcli.engine import _marks, hints
from colorcli.engine.colorizer import ColorizeOptions, Colorizer
from colorcli.engine.hints import Hints, Mark
from colorcli.errors import MediaError, UsageError
from colorcli.media import photo as media
from colorcli.registry import NETWORKS
from colorcli.weights.card import Card, Source
from colorcli.weights.save import write_run

GOOD = {
    "points": [{"x": 3, "y": 4, "color": "#8A2f2a"}, {"x": 20, "y": 15, "ab": [-4, -30.5], "radius": 3}],
    "rectangles": [{"x": 0, "y": 0, "width": 4, "height": 2, "color": [120, 160, 220]}],
}


def of(values: Any) -> Hints:
    return Hints("x.json", "0", hints.parse(json.dumps(values).encode(), "x.json"))


def changed(shape: str, **fields: Any) -> dict[str, Any]:
    """A file with one mark, some of its fields replaced; None leaves one out."""
    mark = {**GOOD[shape][0], **fields}
    return {shape: [{key: value for key, value in mark.items() if value is not None}]}


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg.hints.json"
    path.write_text(json.dumps(GOOD))
    found = hints.read(path)
    assert found.marks == (
        Mark(3, 4, rgb=(138, 47, 42)),
        Mark(20, 15, radius=3, ab=(-4, -30.5)),
        Mark(0, 0, 4, 2, rgb=(120, 160, 220)),
    )
    assert found.sha256 == hints.fingerprint(path)
    assert hints.sidecar(tmp_path / "a.jpg") == path
    assert hints.sidecar(tmp_path / "b.jpg") is None
    assert hints.fingerprint(None) is hints.fingerprint(tmp_path / "none") is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "an object with"),
        ({"points": {}}, r"points must be a list, got \{\}"),
        ({"point": []}, "unknown key 'point' .did you mean 'points'"),
        ({"points": []}, "no hints in it"),
        ({"points": [3]}, "points 1 must be an object, got 3"),
        (changed("points", colour="#000000"), "points 1: unknown key 'colour' .did you mean 'color'"),
        (changed("points", y=None), "points 1 has no 'y'"),
        (changed("points", color=None), "points 1 needs one of 'color' and 'ab'"),
        (changed("points", ab=[0, 0]), "points 1 needs one of"),
        (changed("points", color="red"), "points 1: color must be '#rrggbb' or .r, g, b., got \"red\""),
        (changed("points", color=[1, 2]), "must be '#rrggbb' or"),
        (changed("points", color=[1, 2, 256]), "color must be a number from 0 to 255, got 256"),
        (changed("points", x=True), "x must be a number from 0, got true"),
        (changed("points", x=-1), "x must be a number from 0, got -1"),
        (changed("points", radius=0), "radius must be a number above 0, got 0"),
        (changed("rectangles", width=0), "rectangles 1: width must be a number above 0"),
        (changed("rectangles", radius=2), "unknown key 'radius'"),
        (changed("rectangles", color=None, ab=[1, 200]), "ab must be a number from -128 to 128, got 200"),
        (changed("rectangles", color=None, ab=4), r"ab must be \[a, b\], got 4"),
    ],
)
def test_what_has_no_meaning_is_told(values: Any, message: str) -> None:
    with pytest.raises(MediaError, match=rf"x\.json.*{message}"):
        of(values)


@pytest.mark.parametrize("content", [b"", b"{", b'{"points": [{"x": NaN}]}', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_told(content: bytes) -> None:
    with pytest.raises(MediaError, match=r"a\.json"):
        hints.parse(content, "a.json")


@pytest.mark.parametrize(
    "values",
    [changed("points", x=40), changed("points", y=30), changed("rectangles", x=37), changed("rectangles", height=31)],
)
def test_hints_beyond_the_photo_are_told(values: Any) -> None:
    with pytest.raises(MediaError, match=r"hint 1, at .* reaches beyond the photo of 40 x 30"):
        of(values).check((30, 40))


def test_hints_at_the_edges_are_inside() -> None:
    of(changed("points", x=39, y=29)).check((30, 40))
    of(changed("rectangles", x=36, y=28)).check((30, 40))


def test_marks_on_the_grid() -> None:
    """A photo of 80 x 40 on a grid of 8 x 4: cells of ten pixels."""
    grid = _marks.raster(
        of({
            "points": [{"x": 79, "y": 39, "ab": [5, 6]}, {"x": 35, "y": 15, "ab": [1, 2], "radius": 10}],
            "rectangles": [{"x": 0, "y": 0, "width": 16, "height": 4, "color": "#ff0000"}],
        }),
        (40, 80),
        (4, 8),
    )  # fmt: skip
    assert grid[2].int().tolist() == [
        [1, 1, 0, 0, 0, 0, 0, 0],  # the rectangle: less than half a cell high, and yet it has a row
        [0, 0, 0, 1, 1, 0, 0, 0],
        [0, 0, 0, 1, 1, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 1],
    ]
    assert grid[:2, 3, 7].tolist() == [5, 6]
    assert grid[:2, 1, 3].tolist() == [1, 2]
    expected = reference.rgb2lab(np.array([[[1.0, 0, 0]]]))[0, 0, 1:]
    assert np.allclose(grid[:2, 0, 0], expected, atol=1e-2)
    assert not grid[:2][:, grid[2] == 0].any()


def test_a_picture_of_hints(tmp_path: Path) -> None:
    pixels = np.zeros((40, 80, 3), np.uint8)
    alpha = np.zeros((40, 80), np.uint8)
    pixels[12:14, 21:24], alpha[12:14, 21:24] = (200, 30, 40), 255
    pixels[30:, 70:], alpha[30:, 70:] = (30, 200, 40), 100  # too thin to count
    path = tmp_path / "x.hints.png"
    media.write(media.Photo(pixels, alpha=alpha), path)
    found = hints.read(path)
    found.check((40, 80))
    with pytest.raises(MediaError, match="80 x 40 pixels for a photo of 40 x 80"):
        found.check((80, 40))
    grid = _marks.raster(found, (40, 80), (4, 8))
    assert grid[2].nonzero().tolist() == [[1, 2]]
    assert np.allclose(grid[:2, 1, 2], reference.rgb2lab(pixels[12:13, 21:22])[0, 0, 1:], atol=1e-2)
    media.write(media.Photo(pixels), path, overwrite=True)
    with pytest.raises(MediaError, match="nothing in it is transparent"):
        hints.read(path)


# -- what becomes of them ---------------------------------------------------------------------------------------------


def ab_of(pixels: np.ndarray) -> torch.Tensor:
    return lab.rgb_to_lab(torch.from_numpy(pixels / 255.0).movedim(-1, 0))[1:]


@pytest.fixture
def gray() -> np.ndarray:
    """The cameraman, 128 x 128: a dark coat before a light sky."""
    return data.camera()[::4, ::4].copy()


def test_the_default_network_follows_hints(gray: np.ndarray) -> None:
    """They count where they are, fill what is alike, stop at edges, and leave what is far as it was."""
    color = Colorizer(ColorizeOptions(device="cpu"))
    assert (color.decoder, color.hinted_decoder) == ("annealed", "mrf")
    violet = of({"points": [{"x": 15, "y": 20, "ab": [40, -40]}]})
    photo = media.Photo(gray)
    grid = color.prepare(photo, hints=violet)
    assert grid.hints is not None and grid.hints.shape == (3, 40, 40)
    # As photos with hints are, without the card's contrast: what differs is the hint's doing.
    alone = Colorizer(ColorizeOptions(decoder="mrf", contrast=1.0, device="cpu"))
    plain = alone.predict([alone.prepare(photo)])[0]
    hinted = color.predict([grid])[0]
    towards = (hinted - plain)[0] - (hinted - plain)[1]  # a up, b down
    assert (hinted[:, 6, 4] - torch.tensor([40.0, -40.0])).norm() < 8
    assert towards[3:9, 2:8].mean() > 30  # sky around it
    assert towards[20:24, 7:11].mean().abs() < 6  # the coat
    assert towards[34:, 30:].mean().abs() < 6  # far away
    assert not np.array_equal(color(photo).pixels, color(photo, hints=violet).pixels)


def test_a_decoder_that_is_named_is_taken(model: str, gray: np.ndarray) -> None:
    color = Colorizer(ColorizeOptions(model=model, decoder="mean"))
    assert color.hinted_decoder == "mean"
    patch = of({"rectangles": [{"x": 0, "y": 0, "width": 128, "height": 128, "ab": [30, 20]}]})
    ab = ab_of(color(media.Photo(gray), hints=patch).pixels)
    inside = torch.from_numpy(gray > 60) & torch.from_numpy(gray < 180)  # where sRGB has such a colour
    assert (ab[:, inside].mean(1) - torch.tensor([30.0, 20.0])).norm() < 2


def test_photos_with_and_without_share_a_batch(model: str, gray: np.ndarray) -> None:
    color = Colorizer(ColorizeOptions(model=model))
    hinted = color.prepare(media.Photo(gray), hints=of({"points": [{"x": 5, "y": 5, "ab": [50, 0]}]}))
    plain = color.prepare(media.Photo(gray))
    first, second, third = color.predict([hinted, plain, hinted])
    assert torch.equal(first, third)
    torch.testing.assert_close(second, color.predict([plain])[0])
    assert not torch.equal(first, second)


@pytest.fixture
def siggraph17(tmp_path: Path) -> Callable[..., str]:
    """A small untrained siggraph17 that answers hints with their own colour where they are, and gray elsewhere."""
    net = NETWORKS.load("siggraph17").build(width=4)
    state = {key: torch.zeros_like(value) for key, value in net.state_dict().items()}
    for key in state:
        if key.endswith("running_var") or (key.endswith("weight") and state[key].dim() == 1):
            state[key] += 1
    # Channels 0..3 of the first block take +-a and +-b through its ReLUs; the head puts them together.
    for channel, (source, sign) in enumerate(((1, 1.0), (1, -1.0), (2, 1.0), (2, -1.0))):
        state["model1.0.weight"][channel, source, 1, 1] = sign
        state["model1.2.weight"][channel, channel, 1, 1] = 1
        state["short10.weight"][channel, channel, 1, 1] = 1
        state["model10.1.weight"][channel, channel, 1, 1] = 1
        state["head.weight"][source - 1, channel] = sign

    def make(**fields: Any) -> str:
        folder = tmp_path / "siggraph17"
        folder.mkdir(exist_ok=True)
        card = Card(name="s", network="siggraph17", sizes={"width": 4}, source=Source(kind="file", file="x"), **fields)
        write_run(folder, state, card)
        return str(folder)

    return make


@pytest.mark.parametrize("fit", ["keep", "stretch"])
def test_a_network_that_takes_hints_gets_them(siggraph17: Callable[..., str], fit: str) -> None:
    gray = np.full((60, 100), 128, np.uint8)
    color = Colorizer(ColorizeOptions(model=siggraph17(size=64, fit=fit)))
    assert color.takes_hints and color.hinted_decoder is None
    given = of({"rectangles": [{"x": 10, "y": 20, "width": 30, "height": 24, "ab": [33, -22]}]})
    ab = ab_of(color(media.Photo(gray), hints=given).pixels)
    inside = ab[:, 26:38, 18:32].mean((1, 2))
    expected = 110 * torch.tanh(torch.tensor([33.0, -22.0]) / 110)
    assert (inside - expected).norm() < 1.5
    assert ab[:, :, 60:].abs().max() < 1
    assert ab_of(color(media.Photo(gray)).pixels).abs().max() < 1


@pytest.mark.shared
@pytest.mark.slow
def test_the_published_siggraph17_moves_colour_where_hints_are(shared: Path, tmp_path: Path) -> None:
    """With the stand-in weights of the parity fixture: real ones are not at hand."""
    import sys

    from colorcli.weights.convert.siggraph17 import convert

    sys.path.insert(0, str(shared / "parity"))
    try:
        import fill
    finally:
        sys.path.pop(0)
    state = convert(fill.load(shared / "parity" / "siggraph17.json"))
    (tmp_path / "m").mkdir()
    write_run(tmp_path / "m", state, Card(name="s", network="siggraph17", source=Source(kind="file", file="x")))
    color = Colorizer(ColorizeOptions(model=str(tmp_path / "m"), size=128))
    photo = media.Photo(data.camera()[::4, ::4].copy())
    plain = color.prepare(photo)
    hinted = color.prepare(photo, hints=of({"points": [{"x": 100, "y": 30, "ab": [60, 40], "radius": 3}]}))
    moved = (color.predict([hinted])[0] - color.predict([plain])[0]).norm(dim=0)
    assert moved[26:36, 96:106].mean() > 20 * max(float(moved[90:, :40].mean()), 1e-3)


def test_a_network_that_takes_none_says_so(tmp_path: Path) -> None:
    net = NETWORKS.load("deoldify").build(width=4)
    card = Card(name="d", network="deoldify", sizes={"width": 4}, source=Source(kind="file", file="x"))
    write_run(tmp_path, net.state_dict(), card)
    color = Colorizer(ColorizeOptions(model=str(tmp_path), size=64))
    assert not color.takes_hints
    with pytest.raises(UsageError, match=r"x\.json: model 'd' takes no hints"):
        color.prepare(media.Photo(np.zeros((64, 64), np.uint8)), hints=of(GOOD))
