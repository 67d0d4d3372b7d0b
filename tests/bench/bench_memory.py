"""Peak memory of ``colorcli photo`` by size of the photo, each in a process of its own.

python tests/bench/bench_memory.py [--model NAME] [--megapixels 2 25 50 100]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from skimage import data


def peak(arguments: list[str]) -> float:
    """Return the peak resident memory of a process in MB."""
    pid = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, *arguments])
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"{arguments} ended with status {status}")
    return usage.ru_maxrss / 1024  # kB on Linux


def main() -> None:
    """Run and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="default")
    parser.add_argument("--megapixels", type=int, nargs="+", default=[2, 25, 50, 100])
    options = parser.parse_args()
    out = sys.stdout.write
    base = peak(["-c", "import torch, cv2"])
    out(f"`import torch, cv2` alone: {base:.0f} MB\n\n| photo | gray JPEG, MB | RGB JPEG, MB |\n|---|---|---|\n")
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for megapixels in options.megapixels:
            height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
            gray = cv2.resize(cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2GRAY), (height * 4 // 3, height))
            found = []
            for picture in (gray, cv2.merge([cv2.subtract(gray, 6), cv2.subtract(gray, 2), gray])):
                path = Path(scratch) / "in.jpg"
                cv2.imwrite(str(path), picture)
                found.append(
                    peak(["-m", "colorcli", "photo", str(path), "-o", str(Path(scratch) / "out.jpg"), "--overwrite",
                          "--quiet", "--model", options.model])
                )  # fmt: skip
            rows.append(found)
            out(f"| {megapixels} MP | {found[0]:.0f} | {found[1]:.0f} |\n")
    slope = np.polyfit(options.megapixels, rows, 1)[0]
    out(f"\nGrowth per megapixel: gray {slope[0]:.1f} MB, RGB {slope[1]:.1f} MB\n")


if __name__ == "__main__":
    main()
