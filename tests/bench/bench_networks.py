"""DDColor through colorcli against DDColor written down straightforwardly, at equal input size, on all cores.

    python tests/bench/bench_networks.py [tiny large] [--size 512] [--rounds 5] [--parity ../shared/parity]

Both get the same weights: those of the parity fixture if it is there (the straightforward one is then checked against
the authors' output first), else random ones. Ours runs as ``colorcli photo`` runs it, in fp32 and in what ``--precision
auto`` is here; the two take turns, and what counts is the median of the ratios. The ab differences are given for an
output scaled to a standard deviation of 20 Lab units, as that of colourful pictures, because the stand-in weights give
0.3. With the real weights nothing of this has been measured: they are not at hand.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from plain_ddcolor import PlainDDColor
from skimage import data
from torch import Tensor

from colorcli.color import lab
from colorcli.engine import device, merge, threads
from colorcli.models import ddcolor
from colorcli.weights.convert.ddcolor import convert

SHARED = Path(__file__).resolve().parents[3] / "shared" / "parity"
STD = 20.0


def weights(encoder: str, parity: Path) -> dict[str, Tensor] | None:
    """Return the fixture's published state dict, or None."""
    if not (parity / "fill.py").is_file():
        return None
    spec = importlib.util.spec_from_file_location("parity_fill", parity / "fill.py")
    assert spec is not None and spec.loader is not None
    rule = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rule)
    state: dict[str, Tensor] = rule.load(parity / f"ddcolor-{encoder}.json")
    return state


def timed(work: Callable[[], Tensor]) -> tuple[float, Tensor]:
    """Run and return seconds and result."""
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


@torch.inference_mode()
def measure(encoder: str, size: int, rounds: int, parity: Path) -> None:
    """Print a line for each precision."""
    plain = PlainDDColor(encoder)
    state = weights(encoder, parity)
    if state is not None:
        plain.load_state_dict(state)
    plain.eval()
    if state is not None:
        with np.load(parity / f"ddcolor-{encoder}.npz") as arrays:
            want = torch.from_numpy(arrays["out.ab"])
            error = (plain(torch.from_numpy(arrays["in.rgb"])) - want).abs().max() / want.std()
        assert error < 1e-4, f"the straightforward network is not the published one: {error}"
    with torch.device("meta"):
        ours = ddcolor.build("tiny" if encoder == "tiny" else "large")
    ours.load_state_dict(convert(state or plain.state_dict()), assign=True)
    ours.eval().fuse()
    cpu = torch.device("cpu")
    auto = device.precision("auto", cpu, ddcolor.INFO)
    L = merge.lightness(data.astronaut(), (size, size))[None]
    rgb = lab.L_to_gray(L).expand(-1, 3, -1, -1).contiguous()
    for precision in dict.fromkeys(("fp32", auto)):
        rows = []
        for number in range(rounds + 1):
            with threads.for_network(cpu, heavy=True):
                theirs, expected = timed(lambda: plain(rgb))
                with torch.autocast("cpu", device.DTYPES[precision], enabled=precision != "fp32"):
                    mine, got = timed(lambda: ours(L))
            if number:  # the first of each is slow
                rows.append((theirs, mine))
        off = (got.float() - expected).abs() * (STD / expected.std())
        sys.stdout.write(
            f"ddcolor {encoder}, {size} x {size}, {torch.get_num_threads()} threads: straightforward "
            f"{statistics.median(t for t, _ in rows):.2f} s, ours in {precision} "
            f"{statistics.median(m for _, m in rows):.2f} s, ratio "
            f"{statistics.median(m / t for t, m in rows):.2f}; ab off by {off.mean():.3f} on average, "
            f"{off.max():.2f} at most\n"
        )
        sys.stdout.flush()


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder", nargs="*", default=["tiny", "large"])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parity", type=Path, default=SHARED)
    options = parser.parse_args()
    for encoder in options.encoder:
        measure(encoder, options.size, options.rounds, options.parity)


if __name__ == "__main__":
    main()
