from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path

import constructed_prints as prints
import numpy as np
import pytest
import torch
from PIL import Image

from colorcli.color import lab
from colorcli.engine.colorizer import ColorizeOptions, Colorizer
from colorcli.engine.triage import Triage, judge
from colorcli.media import photo as photos
from colorcli.media.photo import Photo

ASTRONAUT = dict(prints.pictures())["astronaut"]


def bytes_of(rgb: prints.Picture) -> prints.Picture:
    return (rgb * 255 + 0.5).astype(np.uint8)


def test_gray_pixels_are_neutral_at_once() -> None:
    assert judge(Photo(np.full((3, 4), 7, np.uint8))) == Triage(kind="neutral")


@pytest.mark.parametrize("tone", prints.TONES)
def test_tones_are_toned(tone: str) -> None:
    r = np.random.default_rng(3)
    assert judge(Photo(bytes_of(prints.toned(ASTRONAUT, r, tone)))).kind == "toned"


@pytest.mark.parametrize("part", prints.PARTS)
def test_coloured_parts_make_it_mixed(part: str) -> None:
    r = np.random.default_rng(3)
    found = judge(Photo(bytes_of(prints.mixed(prints.neutral(ASTRONAUT, r), ASTRONAUT, r, part))))
    assert found.kind == "mixed"
    assert found.off_area > 0


def test_constructed_prints_are_told_apart() -> None:
    confusion: Counter[tuple[str, str]] = Counter()
    for i, (_, rgb) in enumerate(prints.pictures()):
        for seed in range(3):
            for kind, _, pixels in prints.prints(rgb, np.random.default_rng([i, seed])):
                found = judge(Photo(pixels)).kind
                confusion["gray" if kind in ("neutral", "toned") else kind, found] += 1
    as_colour = confusion["gray", "mixed"] + confusion["gray", "color"]
    as_print = confusion["color", "neutral"] + confusion["color", "toned"]
    judged = sum(n for (kind, _), n in confusion.items() if kind != "mixed")
    assert as_colour + as_print <= judged / 50, confusion
    # A part that is large may pass for colour, and either way the photo is not taken for gray.
    assert confusion["mixed", "neutral"] + confusion["mixed", "toned"] <= 4, confusion


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "AVIF"])
def test_lossy_formats_keep_gray_gray_and_toned_toned(form: str) -> None:
    r = np.random.default_rng(0)
    for rgb, kind in ((prints.neutral(ASTRONAUT, r), "neutral"), (prints.toned(ASTRONAUT, r, "sepia"), "toned")):
        buffer = io.BytesIO()
        Image.fromarray(bytes_of(rgb)).save(buffer, form, quality=20)
        assert judge(Photo(np.asarray(Image.open(buffer).convert("RGB")))).kind == kind


def test_depth_does_not_matter() -> None:
    r = np.random.default_rng(1)
    eight = bytes_of(prints.toned(ASTRONAUT, r, "cyanotype"))
    both = [judge(Photo(pixels)) for pixels in (eight, eight.astype(np.uint16) * 257)]
    assert both[0].kind == both[1].kind == "toned"
    # 8-bit averages are rounded to 8 bits.
    assert both[0].tone == pytest.approx(both[1].tone, abs=0.1)
    assert both[0].off_p99 == pytest.approx(both[1].off_p99, abs=0.3)


def test_hue_of_a_tone_is_told() -> None:
    r = np.random.default_rng(1)
    hue = judge(Photo(bytes_of(prints.toned(ASTRONAUT, r, "cream")))).hue
    assert hue is not None
    assert 60 < hue < 120


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (3, 20000), (2, 2), (8, 8), (200, 7)])
def test_odd_sizes_are_judged(shape: tuple[int, int]) -> None:
    r = np.random.default_rng(0)
    ramp = r.integers(0, 256, shape, np.uint8)
    assert judge(Photo(np.stack([ramp] * 3, -1))).kind == "neutral"
    yellowed = (ramp[..., None] * np.array([1, 0.9, 0.7])).astype(np.uint8)
    assert judge(Photo(yellowed)).kind in ("toned", "neutral" if ramp.size < 2 else "toned")


def test_transparent_pixels_do_not_count() -> None:
    pixels = np.repeat(bytes_of(prints.gray(ASTRONAUT))[..., None], 3, -1)
    alpha = np.full(pixels.shape[:2], 255, np.uint8)
    pixels[:, :200] = bytes_of(ASTRONAUT)[:, :200]
    assert judge(Photo(pixels, alpha)).kind != "neutral"
    alpha[:, :200] = 0
    assert judge(Photo(pixels, alpha)).kind == "neutral"
    assert judge(Photo(pixels, np.zeros_like(alpha))).kind == "neutral"


def test_white_page_does_not_hide_a_colour_photo() -> None:
    page = np.full((1200, 1200, 3), 255, np.uint8)
    page[340:852, 340:852] = bytes_of(ASTRONAUT)
    assert judge(Photo(page)).kind in ("color", "mixed")


def test_single_colour_is_a_tone_unless_too_strong() -> None:
    assert judge(Photo(np.full((9, 9, 3), (200, 180, 150), np.uint8))).kind == "toned"
    assert judge(Photo(np.full((9, 9, 3), (255, 0, 0), np.uint8))).kind == "color"


def test_numbers_are_plain_json() -> None:
    found = judge(Photo(bytes_of(ASTRONAUT))).to_json()
    assert json.loads(json.dumps(found)) == found
    assert found["kind"] == "color"
    assert found["off_p25"] <= found["off_p75"] <= found["off_p99"]
    assert 0 < found["off_area"] <= found["off_share"] * 2 <= 2


def test_pixels_are_left_alone() -> None:
    pixels = bytes_of(ASTRONAUT)
    pixels.flags.writeable = False
    before = pixels.copy()
    judge(Photo(pixels))
    assert (pixels == before).all()


def test_photos_of_the_workplace(shared: Path) -> None:
    wrong = []
    files = [
        (f, folder) for folder in ("historic", "color") for f in sorted((shared / "photos" / folder).glob("*.jpg"))
    ]
    for file, folder in files:
        kind = judge(photos.read(file)).kind
        if kind not in (("neutral", "toned") if folder == "historic" else ("color",)):
            wrong.append((file.name, kind))
    assert len(wrong) <= len(files) // 50, wrong


@pytest.mark.parametrize("tone", ["sepia", "cyanotype", "cream", "split", "selenium"])
def test_lightness_of_a_toned_print_is_that_of_the_gray_one_but_for_contrast(tone: str) -> None:
    """So nothing but ab has to go: L of paper and ink follows the picture's own, in a straight line."""
    r = np.random.default_rng(3)
    before, after = (
        lab.rgb_to_lab(torch.from_numpy(np.ascontiguousarray(rgb, np.float32)).movedim(-1, 0))[0].flatten().numpy()
        for rgb in (np.repeat(prints.gray(ASTRONAUT)[..., None], 3, -1), prints.toned(ASTRONAUT, r, tone))
    )
    slope, offset = np.polyfit(before, after, 1)
    assert 0.8 < slope < 1.2
    assert np.sqrt(np.mean((slope * before + offset - after) ** 2)) < 2  # editors' sepia clips its lights


def test_tone_does_not_reach_the_result(tiny_model: Path) -> None:
    """A toned print and the gray picture of the same lightness get the same colours."""
    color = Colorizer(ColorizeOptions(model=str(tiny_model), device="cpu"))
    print_ = bytes_of(prints.toned(ASTRONAUT, np.random.default_rng(3), "sepia"))[::4, ::4].copy()
    L = lab.rgb_to_lab(torch.from_numpy(print_).movedim(-1, 0).float() / 255)[:1]
    plain = lab.lab_to_rgb(torch.cat((L, torch.zeros(2, *L.shape[1:]))))[0].mul(255).round().byte().numpy()
    one, other = (color(Photo(pixels)).pixels.astype(int) for pixels in (print_, plain))
    assert np.abs(one - other).mean() < 1.5
    assert np.abs(one - print_).mean() > 10
