"""The network alone: one 256 x 256 picture, fp32, all cores.

python tests/bench/bench_network.py [--model NAME] [--size 256] [--rounds 50]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from colorcli.engine.device import select
from colorcli.weights.load import load
from colorcli.weights.resolve import resolve


def main() -> None:
    """Run and print one line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="default")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=50)
    options = parser.parse_args()
    network = load(resolve(options.model), select("cpu"))
    picture = torch.rand(1, 1, options.size, options.size) * 100
    with torch.inference_mode():
        with FlopCounterMode(display=False) as flops:
            network(picture)
        times = []
        for _ in range(options.rounds):
            start = time.perf_counter()
            network(picture)
            times.append(time.perf_counter() - start)
    parameters = sum(p.numel() for p in network.parameters())
    sys.stdout.write(
        f"{options.model}: {parameters / 1e6:.2f} M parameters, {flops.get_total_flops() / 1e9:.2f} GFLOP, "
        f"{statistics.median(times) * 1e3:.1f} ms at {options.size} x {options.size} "
        f"on {torch.get_num_threads()} threads\n"
    )


if __name__ == "__main__":
    main()
