"""Whether the uncertainty of a photo tells its error: rank correlation over the pictures of a shard.

    python tests/bench/bench_uncertainty.py SHARD.tar [--model default] [--count 240]

Each picture (bench_decoders.py) goes through the engine as a gray photo, once alone (entropy) and once with --tta
(spread of the runs). The error is the mean distance of predicted and true ab. Spearman's rho, its 95 % interval by
bootstrap over pictures, and the errors of the surest and the least sure quarter.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
import torch
from bench_decoders import pictures, to_lab
from torch.nn.functional import interpolate

from colorcli.color.lab import L_to_gray
from colorcli.engine import ensemble
from colorcli.engine.options import ColorizeOptions
from colorcli.media.photo import Photo


def ranks(values: np.ndarray) -> np.ndarray:
    """Return the place of each value among all."""
    return np.argsort(np.argsort(values)).astype(float)


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shard")
    parser.add_argument("--model", default="default")
    parser.add_argument("--count", type=int, default=240)
    options = parser.parse_args()
    sys.stdout.write(
        "| score | error | rho | 95 % | surest quarter | least sure quarter | confidence, 1 % to 99 % |\n"
        "|---|---:|---:|---|---:|---:|---|\n"
    )
    for tta in (False, True):
        color = ensemble.load(ColorizeOptions(model=options.model, tta=tta))
        rows = []
        for image in pictures(options.shard, 256, options.count):
            truth = to_lab(image)
            gray = (L_to_gray(truth[0, 0]) * 255).round().clamp(0, 255).to(torch.uint8).numpy()
            found = color.predict_all([color.prepare(Photo(gray))])[0]
            ab = interpolate(found.ab[None], truth.shape[-2:], mode="bicubic", align_corners=False)
            rows.append((found.uncertainty, float((ab - truth[:, 1:]).norm(dim=1).mean())))
        score, error = np.array(rows, dtype=float).T
        rng = np.random.default_rng(0)
        draws = [rng.integers(0, len(score), len(score)) for _ in range(1000)]
        rho = [float(np.corrcoef(ranks(score[pick]), ranks(error[pick]))[0, 1]) for pick in draws]
        low, high = np.percentile(rho, [2.5, 97.5])
        order, quarter = np.argsort(score), len(score) // 4
        sure = 1 - np.percentile(score, [99, 1])
        sys.stdout.write(
            f"| {'spread' if tta else 'entropy'} | {error.mean():.2f} "
            f"| {np.corrcoef(ranks(score), ranks(error))[0, 1]:.2f} | {low:.2f} to {high:.2f} "
            f"| {error[order[:quarter]].mean():.2f} | {error[order[-quarter:]].mean():.2f} "
            f"| {sure[0]:.2f} to {sure[1]:.2f} |\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
