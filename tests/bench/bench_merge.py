"""What the full-resolution part costs: nanoseconds of one core per pixel, as a Markdown table.

    python tests/bench/bench_merge.py [--height 3000 --width 4000] [--rounds 5]

All rows of a round are measured one after the other and the medians over rounds are shown, beside decoding and
encoding of the same picture as JPEG (Pillow, 4:4:4, quality 95). Times are the thread's own CPU time, so that other
work on the machine disturbs them little; "process" counts all threads, and is larger where a library starts some.

* outside: share of pixels whose colour sRGB cannot show.
* |dL|: mean and 99.9th percentile of the change of lightness, by rounding to code values.
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from skimage import data
from torch import Tensor
from torch.nn.functional import interpolate

from colorcli.color import gamut, lab
from colorcli.engine.merge import lightness, merge
from colorcli.registry import UPSAMPLERS

Pixels = np.ndarray[Any, Any]
SMALL = (56, 72)


def draw(height: int, width: int) -> Pixels:
    """Return an RGB picture with edges, smooth areas and grain; all of it of middling lightness."""
    big = cv2.resize(np.asarray(data.astronaut()), (width, height), interpolation=cv2.INTER_CUBIC)
    grain = np.random.default_rng(0).normal(0, 4, big.shape)
    return np.asarray((big * 0.5 + 70 + grain).clip(0, 255), np.uint8)


def lightness_of(pixels: Pixels) -> Tensor:
    """Return L of every 23rd row and column, float64."""
    code = torch.from_numpy(np.ascontiguousarray(pixels[::23, ::23]).astype(np.float64) / np.iinfo(pixels.dtype).max)
    return lab.gray_to_L(code) if code.ndim == 2 else lab.rgb_to_lab(code.movedim(-1, 0))[0]


def outside(pixels: Pixels, ab: Tensor) -> float:
    """Return the share of pixels whose colour is outside sRGB."""
    fy = (lightness_of(pixels) + 16) / 116
    a, b = interpolate(ab.double()[None], fy.shape, mode="bicubic", align_corners=False)[0]
    return float((gamut.chroma_scale(fy.flatten(), a.flatten() / 500, b.flatten() / 200) < 1).double().mean())


def colours(pixels: Pixels, share: float) -> Tensor:
    """Return random ab of which about ``share`` is outside sRGB for this picture."""
    direction = torch.rand(2, *SMALL, generator=torch.Generator().manual_seed(0)) * 2 - 1
    low, high = 0.0, 200.0
    for _ in range(8):
        reach = (low + high) / 2
        low, high = (reach, high) if outside(pixels, direction * reach) < share else (low, reach)
    return direction * low


def spent(action: Callable[[], object]) -> tuple[float, float]:
    """Return the CPU seconds of this thread and of the process."""
    thread, process = time.thread_time(), time.process_time()
    action()
    return time.thread_time() - thread, time.process_time() - process


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--height", type=int, default=3000)
    parser.add_argument("--width", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()

    rgb = draw(options.height, options.width)
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    pictures = {"gray 8": gray, "RGB 8": rgb, "gray 16": gray.astype(np.uint16) * 257, "RGB 16": rgb.astype("u2") * 257}
    rows: dict[str, Callable[[], object]] = {}
    notes: dict[str, str] = {}

    def add(name: str, pixels: Pixels, share: float, upsampler: str) -> None:
        ab, L = colours(pixels, share), lightness(pixels, (SMALL[0] * 4, SMALL[1] * 4))
        rows[name] = lambda: merge(pixels, ab, L, upsampler=upsampler)
        error = (lightness_of(merge(pixels, ab, L, upsampler=upsampler)) - lightness_of(pixels)).abs()
        mean, high = float(error.mean()), float(error.flatten().quantile(0.999))
        notes[name] = f"{outside(pixels, ab):.0%} | {mean:.4f}, {high:.4f}"

    for name, pixels in pictures.items():
        for share in (0.001, 0.3):
            add(f"merge {name}, bicubic, {share:.0%} outside", pixels, share, "bicubic")
    for upsampler in UPSAMPLERS.names():
        if upsampler != "bicubic":
            add(f"merge gray 8, {upsampler}, 0% outside", gray, 0.001, upsampler)
    for name, pixels in pictures.items():
        rows[f"lightness {name}"] = lambda pixels=pixels: lightness(pixels, (SMALL[0] * 4, SMALL[1] * 4))  # type: ignore[misc]
    encoded = io.BytesIO()
    Image.fromarray(rgb).save(encoded, "JPEG", quality=95, subsampling=0)
    rows["decode JPEG"] = lambda: np.asarray(Image.open(io.BytesIO(encoded.getvalue())))
    rows["encode JPEG"] = lambda: Image.fromarray(rgb).save(io.BytesIO(), "JPEG", quality=95, subsampling=0)

    times: dict[str, list[tuple[float, float]]] = {name: [] for name in rows}
    for action in rows.values():
        action()
    for _ in range(options.rounds):
        for name, action in rows.items():
            times[name].append(spent(action))
    count = options.height * options.width
    print(f"{count / 1e6:.1f} megapixels, median of {options.rounds}\n")
    print("| step | ns/pixel | process | ms | outside | mean dL, 99.9 % |\n|---|---|---|---|---|---|")
    for name, pairs in times.items():
        thread, process = (statistics.median(part) for part in zip(*pairs, strict=True))
        print(
            f"| {name} | {thread / count * 1e9:.1f} | {process / count * 1e9:.1f} | {thread * 1e3:.0f} "
            f"| {notes.get(name, ' | ')} |"
        )


if __name__ == "__main__":
    main()
