"""How often the triage errs, and what it costs: confusion tables and milliseconds, as Markdown.

    python tests/bench/bench_triage.py [--shared ../shared] [--rounds 3] [--shard val-0000.tar]

Rows are what a picture is, columns what it was judged to be. Constructed prints come from scikit-image's pictures
(tests/engine/constructed_prints.py). The misjudged photos are listed by name. Times are of one thread.
"""

from __future__ import annotations

import argparse
import io
import sys
import tarfile
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "engine"))

import constructed_prints as prints

from colorcli.engine.triage import judge
from colorcli.media import photo as photos
from colorcli.media.photo import Photo

KINDS = ("neutral", "toned", "mixed", "color")


def show(title: str, confusion: Counter[tuple[str, str]]) -> None:
    print(f"\n| {title} | {' | '.join(KINDS)} |\n|---|{'---|' * len(KINDS)}")
    for truth in dict.fromkeys(truth for truth, _ in confusion):
        print(f"| {truth} | {' | '.join(str(confusion[truth, found]) for found in KINDS)} |")


def constructed(rounds: int) -> None:
    confusion: Counter[tuple[str, str]] = Counter()
    for i, (_, rgb) in enumerate(prints.pictures()):
        for seed in range(rounds):
            for kind, _, pixels in prints.prints(rgb, np.random.default_rng([i, seed])):
                confusion[kind, judge(Photo(pixels)).kind] += 1
    show("constructed", confusion)


def collected(shared: Path) -> None:
    confusion: Counter[tuple[str, str]] = Counter()
    odd = []
    for file in sorted((shared / "photos").glob("*/*.jpg")):
        folder, kind = file.parent.name, judge(photos.read(file)).kind
        confusion[folder, kind] += 1
        if kind not in (("neutral", "toned") if folder == "historic" else ("color",)):
            odd.append(f"{folder}/{file.name}: {kind}")
    show("photos", confusion)
    print("\nmisjudged:", *(odd or ["none"]), sep="\n  ")


def shard(path: Path) -> None:
    confusion: Counter[tuple[str, str]] = Counter()
    with tarfile.open(path) as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is not None:
                name = "muted" if "-m." in member.name else "others"
                confusion[name, judge(photos.read(io.BytesIO(file.read()), name=member.name)).kind] += 1
    show(path.name, confusion)


def speed() -> None:
    r = np.random.default_rng(0)
    pixels = cv2.blur(r.integers(0, 256, (3000, 4000, 3), np.uint8), (3, 3))
    alpha = np.full((3000, 4000), 255, np.uint8)
    alpha[:1000] = 0
    print("\n| 12 MP | ms |\n|---|---|")
    for name, photo in (
        ("8 bit", Photo(pixels)),
        ("16 bit", Photo(pixels.astype(np.uint16) * 257)),
        ("8 bit, partly transparent", Photo(pixels, alpha)),
    ):
        took = []
        for _ in range(15):
            start = time.thread_time()
            judge(photo)
            took.append(time.thread_time() - start)
        print(f"| {name} | {sorted(took)[7] * 1e3:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shard", default="val-0000.tar")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    speed()
    constructed(args.rounds)
    if args.shared.is_dir():
        collected(args.shared)
        shard(args.shared / "data" / args.shard)


if __name__ == "__main__":
    main()
