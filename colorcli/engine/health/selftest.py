"""One picture through everything: drawn, colorized twice with the default model, and measured."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from colorcli.engine.health.report import Check, attempt

if TYPE_CHECKING:
    import torch

    from colorcli.media.photo import Photo

#: Largest change of L* that rounding to 8 bits explains.
L_BOUND = 0.5
#: Mean chroma (Lab units) below which nothing was coloured.
CHROMA_BOUND = 0.5


def checks() -> Iterator[Check]:
    """Colorize the drawn picture with the default model on the device that auto takes."""
    yield attempt("colorize", colorize)


def colorize() -> Check:
    """Colorize twice; lightness must stay, colour must come, both results must be equal.

    Raises:
        ImportError: a library cannot be loaded.
        ColorcliError: weights or device.
    """
    import numpy as np

    from colorcli.engine.colorizer import Colorizer

    picture = draw()
    start = time.perf_counter()
    colorizer = Colorizer()
    ready = time.perf_counter()
    first = colorizer(picture)
    done = time.perf_counter()
    second = colorizer(picture)
    change, chroma = measure(picture, first)
    equal = bool(np.array_equal(first.pixels, second.pixels))
    data = {
        "model": colorizer.model.card.name, "device": str(colorizer.device), "precision": colorizer.precision,
        "lightness_change": round(change, 4), "chroma": round(chroma, 3), "deterministic": equal,
        "seconds": {"load": round(ready - start, 3), "colorize": round(done - ready, 3)},
    }  # fmt: skip
    wrong = []
    if not change <= L_BOUND:
        wrong.append(f"lightness changed by up to {change:.2f} L*")
    if not chroma >= CHROMA_BOUND:
        wrong.append(f"the result is all but gray (mean chroma {chroma:.2f})")
    if not equal:
        wrong.append("two runs differ")
    where = f"on {colorizer.device} in {colorizer.precision}"
    if wrong:
        hint = "try --device cpu --precision fp32, and report this"
        return Check(name="colorize", status="fail", text=f"{' and '.join(wrong)}, {where}", hint=hint, data=data)
    text = (
        f"{done - ready:.2f} s {where} after {ready - start:.2f} s of loading; lightness kept to {change:.2f} L*, "
        f"mean chroma {chroma:.1f}, two runs equal"
    )
    return Check(name="colorize", text=text, data=data)


def draw() -> Photo:
    """Return a gray picture of 64 x 48: a bright sky, a dark wavy ground, a disc, all with a little grain."""
    import numpy as np

    from colorcli.media.photo import Photo

    y, x = np.mgrid[0:48, 0:64].astype(np.float64)
    values = 210 - 1.5 * y
    values = np.where(y > 28 + 3 * np.sin(x / 6), 95 + 20 * np.sin(x / 2) * np.sin(y / 2), values)
    values = np.where((x - 44) ** 2 + (y - 26) ** 2 < 100, 150 + 2 * (x - 44), values)
    values += np.random.default_rng(0).normal(0, 3, values.shape)
    return Photo(values.clip(0, 255).round().astype(np.uint8))


def measure(before: Photo, after: Photo) -> tuple[float, float]:
    """Return (largest change of L*, mean chroma) of a colorized picture, both in Lab units; 8-bit photos."""
    import torch

    from colorcli.color.lab import gray_to_L, rgb_to_lab

    def values(photo: Photo) -> torch.Tensor:
        return torch.from_numpy(photo.pixels).float() / 255

    lab = rgb_to_lab(values(after).movedim(-1, 0))  # (3, H, W)
    change = (lab[0] - gray_to_L(values(before))).abs().max()
    return float(change), float(lab[1:].norm(dim=0).mean())
