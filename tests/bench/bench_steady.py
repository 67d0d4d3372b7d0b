"""How still colours hold, and what that costs: frame by frame, stabilized, the truth, gray.

    python tests/bench/bench_steady.py ../shared/video/*.mp4 [--model default] [--frames 120] [--every 4]

Each film's first frames are colorized from their lightness; scenes with known colours and motion are drawn beside
them: textured discs that fly over a photograph past which the camera pans. A film that is gray itself has no truth, so
it has no AuC, nor a chroma to reach. Last, the shots are joined: what the first frames after cuts are off their still
colorization. Everything is measured at about 320 x 180 pixels with colorcli's own metrics.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import torch
from skimage import data
from torch import Tensor

from colorcli.engine.clip.frames import Colors, Frame
from colorcli.engine.clip.options import SteadyOptions
from colorcli.engine.clip.steady import Steady
from colorcli.engine.colorizer import ColorizeOptions, Colorizer
from colorcli.engine.prepared import Prepared
from colorcli.media.photo import Photo
from colorcli.metrics._batch import Batch
from colorcli.registry import METRICS

#: Area of what is measured, pixels.
AREA = 320 * 180
#: Chroma of a truth below which there is none, Lab units.
_GRAY = 1.0
NAMES = ("warping-error", "cdc", "flicker", "chroma", "cf", "auc")
Picture = np.ndarray


def film(path: Path, count: int) -> Iterator[Picture]:
    """Yield a film's first frames as RGB of about :data:`AREA` pixels."""
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number == count:
                return
            factor = (AREA / (frame.width * frame.height)) ** 0.5
            size = round(frame.width * factor), round(frame.height * factor)
            yield cv2.resize(frame.to_ndarray(format="rgb24"), size, interpolation=cv2.INTER_AREA)


def drawn(background: str, count: int, *, seed: int, noise: float = 3.0) -> Iterator[Picture]:
    """Yield frames of discs that fly over a photograph, a panning and shaking camera, and grain."""
    random, (height, width) = np.random.default_rng(seed), (180, 320)
    scene = getattr(data, background)()[..., :3]
    factor = max((height + 40) / scene.shape[0], (width + 2 * count + 40) / scene.shape[1])
    scene = cv2.resize(scene, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    textures = [cv2.resize(getattr(data, name)()[..., :3], (70, 70)) for name in ("cat", "coffee", "astronaut")]
    y, x = np.mgrid[:70, :70]
    disc = cv2.GaussianBlur(((y - 35) ** 2 + (x - 35) ** 2 < 33**2).astype(np.float32), (0, 0), 1)[..., None]
    place = random.uniform((0, 0), (width - 72, height - 72), (3, 2))
    speed = random.uniform(-2.5, 2.5, (3, 2))
    for t in range(count):
        move = np.array([[1, 0, -1.2 * t - 10 - 2 * np.sin(t / 5)], [0, 1, -10 - 5 * np.sin(t / 9)]], np.float32)
        frame = cv2.warpAffine(scene, move, (width, height), borderMode=cv2.BORDER_REFLECT).astype(np.float32)
        for k, texture in enumerate(textures):
            place[k] += speed[k]
            speed[k] = np.where((place[k] < 0) | (place[k] > (width - 72, height - 72)), -speed[k], speed[k])
            place[k] = place[k].clip((0, 0), (width - 72, height - 72))
            left, top = place[k].astype(int)
            shift = np.array([[1, 0, place[k][0] - left], [0, 1, place[k][1] - top]], np.float32)
            moved = cv2.warpAffine(texture, shift, (70, 70), borderMode=cv2.BORDER_REPLICATE)
            part = frame[top : top + 70, left : left + 70]
            part[:] = disc * moved + (1 - disc) * part
        yield (frame + random.normal(0, noise, (height, width, 1))).clip(0, 255).astype(np.uint8)


class Known:
    """A colorizer whose network looks at each frame once, however many ways of steadying ask for it."""

    def __init__(self, colorizer: Colorizer) -> None:
        self.info, self.device, self._colorizer = colorizer.info, colorizer.device, colorizer
        self._known: dict[int, Tensor] = {}

    def predict(self, batch: Sequence[Prepared]) -> list[Tensor]:
        """Return ab for each frame."""
        for one in batch:
            if id(one) not in self._known:
                [self._known[id(one)]] = self._colorizer.predict([one])
        return [self._known[id(one)] for one in batch]


def measure(results: Iterable[Picture], truth: Sequence[Picture]) -> dict[str, float]:
    """Return the scores of a clip."""
    metrics: list[Any] = [METRICS.load(name).METRIC() for name in NAMES]
    rows = list(results)
    for start in range(0, len(rows), 16):
        part = slice(start, start + 16)
        both = (torch.from_numpy(np.stack(one[part]).astype(np.float32) / 65535) for one in (rows, truth))
        batch = Batch.of(*(one.movedim(-1, 1) for one in both))
        for metric in metrics:
            metric.update(batch)
    return {name: metric.compute() for name, metric in zip(NAMES, metrics, strict=True)}


def steadied(known: Known, prepared: Sequence[Prepared], options: SteadyOptions) -> tuple[list[Colors], float]:
    """Return each frame's colours, and milliseconds a frame beside the network."""
    known.predict(prepared)
    frames = (Frame(number, number / 24, one) for number, one in enumerate(prepared))
    begun = time.perf_counter()
    found = list(Steady(known, options).colors(frames))  # type: ignore[arg-type]
    return found, (time.perf_counter() - begun) / len(found) * 1e3


def row(name: str, way: str, scores: dict[str, float], *, colored: bool = True, ms: float | None = None) -> str:
    """Return a row of the table; ``colored`` if the clip has a truth."""
    told = [f"{scores[key]:.4g}" if colored or key != "auc" else "" for key in NAMES]
    return f"| {name} | {way} | " + " | ".join(told) + f" | {'' if ms is None else f'{ms:.0f}'} |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", nargs="*", type=Path)
    parser.add_argument("--model", default="default")
    parser.add_argument("--frames", type=int, default=240, help="of each film")
    parser.add_argument("--every", type=int, default=4, help="for the row of key frames")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    colorizer = Colorizer(ColorizeOptions(model=arguments.model, device="cpu"))
    known = Known(colorizer)
    clips = {path.stem: list(film(path, arguments.frames)) for path in arguments.films}
    clips |= {f"drawn over {name}": list(drawn(name, 60, seed=k)) for k, name in enumerate(("rocket", "chelsea"))}
    ways = {
        "frame by frame": SteadyOptions(stabilize=0, on_color="recolor"),
        "steady": SteadyOptions(on_color="recolor"),
        f"steady, every {arguments.every}": SteadyOptions(every=arguments.every, on_color="recolor"),
    }
    print(f"| clip | | {' | '.join(NAMES)} | ms |\n|---|---|{'---:|' * (len(NAMES) + 1)}", flush=True)
    views: dict[str, list[Prepared]] = {}
    for name, pictures in clips.items():
        # Sixteen bits: eight round colours by more than they change from one steady frame to the next.
        pictures = [picture.astype(np.uint16) * 257 for picture in pictures]
        photos = [Photo(picture) for picture in pictures]
        views[name] = [colorizer.prepare(photo) for photo in photos]
        truth = measure(pictures, pictures)
        for way, options in ways.items():
            found, ms = steadied(known, views[name], options)
            results = [
                colorizer.finish(photo, prepared, one.ab).pixels
                for photo, prepared, one in zip(photos, views[name], found, strict=True)
            ]
            print(row(name, way, measure(results, pictures), colored=truth["chroma"] > _GRAY, ms=ms), flush=True)
        if truth["chroma"] > _GRAY:
            print(row(name, "truth", truth), flush=True)
        gray = [colorizer.finish(p, v, torch.zeros(2, 1, 1)).pixels for p, v in zip(photos, views[name], strict=True)]
        print(row(name, "gray", measure(gray, pictures), colored=truth["chroma"] > _GRAY), flush=True)
    joined(known, list(views.values()))


def joined(known: Known, shots: list[list[Prepared]]) -> None:
    """Print what the first frames after cuts are off their stills, of pieces of clips joined in turn."""
    sizes = [shot[0].geometry.padded for shot in shots]
    shots = [shot for shot, size in zip(shots, sizes, strict=True) if size == max(set(sizes), key=sizes.count)]
    pieces = [shot[start : start + 20] for start in range(0, 60, 20) for shot in shots if len(shot) >= start + 20]
    frames = [one for piece in pieces for one in piece]
    stills = known.predict(frames)
    found, _ = steadied(known, frames, SteadyOptions(on_color="recolor"))
    cuts = [20 * k for k in range(1, len(pieces))]
    starts = {found[k].number for k in range(1, len(found)) if found[k].shot != found[k - 1].shot}
    off = [float((found[k].ab - stills[k]).norm(dim=0).mean()) for k in cuts]
    print(f"\n{len(cuts)} cuts between pieces of 20 frames: {len(starts & set(cuts))} found, {len(starts - set(cuts))}")
    print(f"others; first frames off their stills by {np.mean(off):.2f} Lab units, at most {max(off):.2f}")


if __name__ == "__main__":
    main()
