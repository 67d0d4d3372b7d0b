"""Folder against plain copying: how much time colour adds to decoding and re-encoding the same JPEGs.

    python tests/bench/bench_folder.py [--model NAME] [--rounds 3]

Both sides use the same codec calls, the same settings (4:4:4, quality 95) and as many threads as there are cores; they
take turns in one process, and the medians of several rounds are compared. The pictures are drawn from one that
scikit-image ships, enlarged, shifted and with grain added, once as gray and once as (slightly tinted) RGB JPEGs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from skimage import data

from colorcli.engine import folder
from colorcli.engine.colorizer import ColorizeOptions, Colorizer
from colorcli.engine.plan import Job
from colorcli.media import photo as photos

SIZES = {"12 MP": (3000, 4000, 4, 1.8), "2 MP": (1224, 1632, 24, 3.0)}


def draw(target: Path, height: int, width: int, count: int, *, rgb: bool) -> list[Path]:
    """Write ``count`` different JPEGs of the given size."""
    target.mkdir(parents=True)
    rng = np.random.default_rng(0)
    whole = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2GRAY)
    paths = []
    for number in range(count):
        part = np.roll(whole, 37 * number, axis=1)
        big = cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC)
        big = cv2.add(big, rng.normal(0, 4, big.shape), dtype=cv2.CV_8U)
        if rgb:
            big = cv2.merge([cv2.subtract(big, 6), cv2.subtract(big, 2), big])  # BGR: a warm scan
        path = target / f"{number:03d}.jpg"
        cv2.imwrite(str(path), big, [cv2.IMWRITE_JPEG_QUALITY, 92])
        paths.append(path)
    return paths


def copy_all(paths: list[Path], out: Path, threads: int) -> float:
    """Return the seconds that decoding and re-encoding as RGB takes, in ``threads`` threads."""

    def copy(path: Path) -> None:
        photo = photos.read(path)
        pixels = photo.pixels if photo.pixels.ndim == 3 else cv2.cvtColor(photo.pixels, cv2.COLOR_GRAY2RGB)
        photos.write(replace(photo, pixels=pixels), out / path.name, overwrite=True)

    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(copy, paths))
    return time.perf_counter() - start


def colorize_all(paths: list[Path], out: Path, colorizer: Colorizer) -> float:
    """Return the seconds that the same takes with colour."""
    jobs = [Job(path, out / path.name) for path in paths]
    start = time.perf_counter()
    results = list(folder.run(jobs, colorizer, folder.RunOptions(overwrite=True)))
    seconds = time.perf_counter() - start
    assert all(result.status == "done" for result in results)
    return seconds


def main() -> None:
    """Run and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="default")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    threads = len(os.sched_getaffinity(0))
    colorizer = Colorizer(ColorizeOptions(model=arguments.model))
    out = sys.stdout.write
    out("| folder of JPEGs | decode + encode, s per photo | colorcli folder, s per photo | ratio | at most |\n")
    out("|---|---|---|---|---|\n")
    with tempfile.TemporaryDirectory() as scratch:
        for name, (height, width, count, most) in SIZES.items():
            for kind in ("gray", "RGB"):
                paths = draw(Path(scratch) / f"{name}-{kind}", height, width, count, rgb=kind == "RGB")
                target = Path(scratch) / "out"
                target.mkdir(exist_ok=True)
                colorize_all(paths[:2], target, colorizer)  # warm caches and allocators on both sides
                copy_all(paths[:2], target, threads)
                pairs = [
                    (copy_all(paths, target, threads), colorize_all(paths, target, colorizer))
                    for _ in range(arguments.rounds)
                ]
                base, ours = (statistics.median(side) / count for side in zip(*pairs, strict=True))
                ratio = statistics.median(ours / base for base, ours in pairs)
                out(f"| {name} {kind} | {base:.3f} | {ours:.3f} | {ratio:.2f} | {most} |\n")


if __name__ == "__main__":
    main()
