"""What hints are worth: ab error against the number of points whose true colour is given, by decoder.

    python tests/bench/bench_hints.py MODEL SHARD.tar [--count 100] [--decoder NAME ...] [--points 0 1 5 20]

MODEL predicts distributions. Points lie anywhere, drawn with a fixed seed, each a patch of 1/50 of the side with the
true mean colour; pictures, sizes and AuC are those of bench_decoders.py. PSNR is that of the RGB pictures with the true
L (256 x 256), as in Zhang et al. 2017, who report 1000 ImageNet pictures; the mean over pictures.
"""

from __future__ import annotations

import argparse
import sys

import torch
from bench_decoders import Picture, pictures, predict, to_lab
from torch import Tensor
from torch.nn.functional import interpolate

from colorcli.color import lab, prior
from colorcli.decoders._options import DecodeOptions
from colorcli.metrics.auc import AuC
from colorcli.registry import DECODERS
from colorcli.weights.load import load
from colorcli.weights.resolve import resolve

_PATCH = 1 / 50


def hints_of(truth: Tensor, count: int, grid: tuple[int, int], seed: int) -> Tensor | None:
    """Return ``(3, h, w)`` hints with the true ab ``(1, 2, H, W)`` of ``count`` random patches."""
    if not count:
        return None
    draw = torch.Generator().manual_seed(seed)
    side = truth.shape[-1]
    half = max(1, round(side * _PATCH / 2))
    out = torch.zeros(3, *grid)
    for _ in range(count):
        y, x = (int(torch.randint(half, side - half, (1,), generator=draw)) for _ in range(2))
        color = truth[0, :, y - half : y + half, x - half : x + half].mean((1, 2))
        out[:, y * grid[0] // side, x * grid[1] // side] = torch.cat((color, torch.ones(1)))
    return out


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("shard")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--crop", type=int, default=256)
    parser.add_argument("--decoder", nargs="+", default=["mrf", "annealed", "mean"])
    parser.add_argument("--points", nargs="+", type=int, default=[0, 1, 5, 20])
    options = parser.parse_args()
    model = resolve(options.model)
    network = load(model)
    weights = model.card.rebalance * prior.rebalancing(network.get_buffer("prior")).log()
    images = list(pictures(options.shard, options.crop, options.count))
    found: list[Picture] = list(predict(network, iter(images), model.card.size))
    L_full = [to_lab(image)[:, :1] for image in images]
    sys.stdout.write("| decoder | points | AuC | PSNR |\n|---|---:|---:|---:|\n")
    for name in options.decoder:
        temperature = model.card.temperature if name == model.card.decoder else None
        for points in options.points:
            auc, psnr = AuC(), []
            for seed, (picture, L) in enumerate(zip(found, L_full, strict=True)):
                hints = hints_of(picture.truth, points, (*picture.logits.shape[2:],), seed)
                told = DecodeOptions(temperature=temperature, log_weights=weights, hints=hints)
                ab = DECODERS.load(name).decode(picture.logits, picture.L_small, told)
                ab = interpolate(ab, (*picture.truth.shape[2:],), mode="bicubic", align_corners=False)
                auc.update_ab(ab, picture.truth)
                got, true = (lab.lab_to_rgb(torch.cat((L, part), 1)).clamp(0, 1) for part in (ab, picture.truth))
                psnr.append(-10 * (got - true).square().mean().log10().item())
            sys.stdout.write(f"| {name} | {points} | {auc.compute():.2f} | {sum(psnr) / len(psnr):.2f} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
