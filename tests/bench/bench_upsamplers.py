"""Which upsampler is closest to the truth, on predicted ab and on the truth made small; as Markdown tables.

    python tests/bench/bench_upsamplers.py MODEL SHARD.tar|DIR [--count 100] [--largest 2.0]

MODEL is whatever ``colorcli --model`` takes, or ``-`` for the truth alone. Every picture is made gray by its L, small
ab is found for it, and every upsampler brings it to the picture's size; the error is the distance in the ab plane,
averaged over all pixels and over the twentieth of pixels with the steepest L. The truth made small is shrunk to the
size of the network's output (eight times without a network) and disturbed by noise of ``--noise`` units.

The ab are compared as they leave the upsampler: neither gamut nor 8 bits take part. Differences to bicubic come with
their standard error over pictures; a difference of less than two of them says nothing.
"""

from __future__ import annotations

import argparse
import io
import statistics
import tarfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, pad

from colorcli.color import lab
from colorcli.engine.colorizer import ColorizeOptions, Colorizer
from colorcli.engine.merge import lightness
from colorcli.media.metadata import Metadata
from colorcli.media.photo import Photo
from colorcli.registry import UPSAMPLERS

#: From RGB pixels to small ab and the small L that goes with it.
Predict = Callable[[np.ndarray], tuple[Tensor, Tensor]]
#: Pictures are reported by size: up to so many megapixels.
CLASSES = (0.25, 1.0, 100.0)


def pictures(source: Path, count: int, largest: float) -> Iterator[np.ndarray]:
    """Yield RGB pictures of a shard or folder, made no larger than ``largest`` megapixels."""
    if source.is_dir():
        files: Iterator[io.BytesIO] = (io.BytesIO(path.read_bytes()) for path in sorted(source.iterdir()))
    else:
        shard = tarfile.open(source)  # noqa: SIM115  read as the pictures are
        files = (io.BytesIO(part.read()) for member in shard if (part := shard.extractfile(member)))
    for file in files:
        if count == 0:
            return
        try:
            pixels = np.asarray(Image.open(file).convert("RGB"))
        except UnidentifiedImageError:
            continue
        scale = (largest * 1e6 / (pixels.shape[0] * pixels.shape[1])) ** 0.5
        yield cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else pixels
        count -= 1


def by_network(model: str) -> Predict:
    """Return a predictor that runs a model."""
    colorizer = Colorizer(ColorizeOptions(model=model, device="cpu"))

    def predict(pixels: np.ndarray) -> tuple[Tensor, Tensor]:
        photo = Photo(pixels, None, "PNG", Metadata(), "-")
        prepared = colorizer.prepare(photo)
        return colorizer.predict([prepared])[0], prepared.L_small

    return predict


def by_truth(size_of: Predict | None, noise: float) -> Predict:
    """Return a "predictor" that shrinks the truth, to the size another gives, and disturbs it."""
    generator = torch.Generator().manual_seed(0)

    def predict(pixels: np.ndarray) -> tuple[Tensor, Tensor]:
        if size_of is not None:
            ab, L = size_of(pixels)
            size = (ab.shape[1], ab.shape[2])
        else:
            size = (-(-pixels.shape[0] // 8), -(-pixels.shape[1] // 8))
            L = lightness(pixels, (size[0] * 4, size[1] * 4))
        small = adaptive_avg_pool2d(to_lab(pixels)[1:], size)
        return small + torch.randn(small.shape, generator=generator) * noise, L

    return predict


def to_lab(pixels: np.ndarray) -> Tensor:
    """Return Lab ``(3, H, W)`` of RGB pixels."""
    return lab.rgb_to_lab(torch.from_numpy(pixels).movedim(-1, 0).float() / 255)


def errors(pixels: np.ndarray, predict: Predict) -> dict[str, tuple[float, float]]:
    """Return for each upsampler the mean error of ab, over all pixels and over those at strong edges of L."""
    truth = to_lab(pixels)
    L = truth[0]
    slope = pad(torch.hypot(L[1:-1, 2:] - L[1:-1, :-2], L[2:, 1:-1] - L[:-2, 1:-1]), (1, 1, 1, 1))
    edges = slope >= slope.flatten().kthvalue(int(slope.numel() * 0.95)).values
    ab, L_small = predict(pixels)
    found = {}
    for name in UPSAMPLERS.names():
        rows = UPSAMPLERS.load(name).prepare(ab, L_small, (L.shape[0], L.shape[1]))
        error = (rows(0, len(L), L) - truth[1:]).norm(dim=0)
        found[name] = (float(error.mean()), float(error[edges].mean()))
    return found


def report(title: str, results: dict[float, list[dict[str, tuple[float, float]]]]) -> None:
    """Print one table."""
    print(f"\n### {title}\n\n| megapixels | pictures | upsampler | all | - bicubic | at edges | - bicubic |")
    print("|---|---|---|---|---|---|---|")
    for limit, found in sorted(results.items()):
        for name in UPSAMPLERS.names():
            cells = []
            for part in (0, 1):
                own = [result[name][part] for result in found]
                less = [result[name][part] - result["bicubic"][part] for result in found]
                spread = statistics.stdev(less) / len(less) ** 0.5 if len(less) > 1 else float("nan")
                cells += [f"{statistics.mean(own):.3f}", f"{statistics.mean(less):+.3f} +- {spread:.3f}"]
            print(f"| up to {limit} | {len(found)} | {name} | {' | '.join(cells)} |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("source", type=Path)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--largest", type=float, default=2.0, help="megapixels; larger pictures are shrunk")
    parser.add_argument("--noise", type=float, default=1.5)
    options = parser.parse_args()

    network = None if options.model == "-" else by_network(options.model)
    ways: dict[str, Predict] = {} if network is None else {"predicted ab": network}
    ways[f"true ab, reduced, noise {options.noise}"] = by_truth(network, options.noise)
    results: dict[str, dict[float, list[dict[str, tuple[float, float]]]]] = {title: defaultdict(list) for title in ways}
    for pixels in pictures(options.source, options.count, options.largest):
        if min(pixels.shape[:2]) < 16:
            continue
        limit = next(limit for limit in CLASSES if pixels.shape[0] * pixels.shape[1] <= limit * 1e6)
        for title, predict in ways.items():
            results[title][limit].append(errors(pixels, predict))
    for title, found in results.items():
        report(title, found)


if __name__ == "__main__":
    main()
