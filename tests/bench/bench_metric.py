"""What `colorcli metric` costs: time for pairs of 256 x 256, and memory as their number grows.

    python tests/bench/bench_metric.py [--pairs 1000] [--workers 2]

Pairs are crops of scikit-image's photos and duller copies of them, PNG. Measured is the whole command in a process of
its own, start included, with the standard metrics; memory is that of its largest process, for a quarter of the pairs
and for all. The last row has 95 % intervals from 1,000 replicates and the scores of each picture.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from skimage import data

SIDE = 256


def write_pairs(folder: Path, count: int) -> None:
    """Write ``count`` results and truths."""
    random = np.random.default_rng(0)
    photos = [data.chelsea(), data.astronaut(), data.coffee(), data.rocket(), data.retina()[:1000, :1000]]
    for name in ("results", "truth"):
        (folder / name).mkdir()
    for i in range(count):
        photo = photos[i % len(photos)]
        y, x = (int(random.integers(0, whole - SIDE + 1)) for whole in photo.shape[:2])
        truth = photo[y : y + SIDE, x : x + SIDE].astype(float)
        dull = 0.6 * truth + 0.4 * truth.mean(2, keepdims=True)
        for name, picture in (("truth", truth), ("results", dull)):
            cv2.imwrite(str(folder / name / f"{i:05}.png"), picture.round().astype(np.uint8)[..., ::-1])


def measure(*arguments: object) -> tuple[float, float, float]:
    """Run the command; return seconds of the clock, seconds of all processors, and MB of its largest process."""
    command = [sys.executable, "-m", "colorcli", "metric", *map(str, arguments), "--json", "--quiet"]
    began = time.perf_counter()
    child = os.posix_spawn(
        command[0],
        command,
        {**os.environ, "OMP_NUM_THREADS": "1"},
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, usage = os.wait4(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    return time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    """Read the command line, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    print("| pairs | seconds | of all cores | MB, largest process |\n|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as temporary:
        for count in (arguments.pairs // 4, arguments.pairs):
            folder = Path(temporary) / str(count)
            folder.mkdir()
            write_pairs(folder, count)
            more: list[tuple[str, list[object]]] = [("", [])]
            if count == arguments.pairs:
                more.append((", with intervals and pictures", ["--bootstrap", 1000, "--per-image"]))
            for words, options in more:
                ask = (folder / "results", "--truth", folder / "truth", "--workers", arguments.workers, *options)
                clock, cores, megabytes = measure(*ask)
                print(f"| {count}{words} | {clock:.1f} | {cores:.1f} | {megabytes:.0f} |", flush=True)


if __name__ == "__main__":
    main()
