"""README's table of models: size, licence, download, seconds and memory for a photo, distance from the published code.

    python tests/bench/bench_models.py [NAME ...] [--parity ../shared/parity] [--rounds 3]

Seconds are the median for one 2-megapixel photo (1600 x 1250, the astronaut of scikit-image in gray) through a loaded
`Colorizer` as the card says, on all cores; peak memory is that of the process. Published weights are not at hand: the
networks have those of the parity fixtures, or random ones of the true shapes, for which time and memory are the same.
Parity is the largest difference from the authors' output over its standard deviation, folded as for inference, fp32.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skimage import color, data, transform

from colorcli.engine.colorizer import ColorizeOptions, Colorizer
from colorcli.media.photo import Photo
from colorcli.registry import NETWORKS
from colorcli.weights.card import Card, Source
from colorcli.weights.load import load
from colorcli.weights.resolve import Model, resolve
from colorcli.weights.save import write_run

SHARED = Path(__file__).resolve().parents[3] / "shared" / "parity"
NAMES = ("default", "eccv16", "siggraph17", "ddcolor-tiny", "ddcolor", "deoldify-artistic", "deoldify-stable")
#: Fixture, and how input becomes output in it.
FIXTURES = {
    "eccv16": ("eccv16", "in.l", "out.ab", lambda net, x: net.answer(x)),
    "siggraph17": ("siggraph17", "in.l", "out.ab", lambda net, x: net(x)),
    "ddcolor-tiny": ("ddcolor-tiny", "in.rgb", "out.ab", lambda net, x: net.from_gray(x[:, :1])),
    "ddcolor": ("ddcolor-large", "in.rgb", "out.ab", lambda net, x: net.from_gray(x[:, :1])),
    "deoldify-artistic": ("deoldify-artistic", "in.x", "out.y", lambda net, x: net.forward_normalized(x)),
    "deoldify-stable": ("deoldify-stable", "in.x", "out.y", lambda net, x: net.forward_normalized(x)),
}


def stand_in(name: str, card: Card, parity: Path) -> dict[str, torch.Tensor]:
    """Return weights of the true shapes: the fixture's, or random ones."""
    if name in FIXTURES and (parity / "fill.py").is_file():
        spec = importlib.util.spec_from_file_location("parity_fill", parity / "fill.py")
        assert spec is not None and spec.loader is not None
        rule = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(rule)
        convert = importlib.import_module(f"colorcli.weights.convert.{card.network}").convert
        state: dict[str, torch.Tensor] = convert(rule.load(parity / f"{FIXTURES[name][0]}.json"))
        return state
    network: torch.nn.Module = NETWORKS.load(card.network).build(**card.sizes)
    return network.state_dict()


def measure(name: str, parity: Path, rounds: int) -> dict[str, Any]:
    """Return one model's numbers; in a process of its own."""
    found = resolve(name)
    card = found.card
    row: dict[str, Any] = {"name": name, "licence": card.licence, "megabytes": getattr(card.source, "megabytes", None)}
    with tempfile.TemporaryDirectory() as folder:
        if card.source.kind != "embedded":
            values = {**vars(card), "source": Source(kind="file", file="x"), "sha256": None}
            write_run(Path(folder), stand_in(name, card, parity), Card(**values))
            found = resolve(folder)
        row |= timed(found, rounds)
        network: Any = load(found)
        row["parameters"] = sum(p.numel() for p in NETWORKS.load(card.network).build(**card.sizes).parameters())
        if name in FIXTURES and (parity / "fill.py").is_file():
            fixture, given, wanted, answer = FIXTURES[name]
            with np.load(parity / f"{fixture}.npz") as arrays, torch.inference_mode():
                want = torch.from_numpy(arrays[wanted])
                row["parity"] = float(
                    (answer(network, torch.from_numpy(arrays[given])) - want).abs().max() / want.std()
                )
    return row


def timed(found: Model, rounds: int) -> dict[str, Any]:
    """Return seconds for a photo, precision and peak memory."""
    gray = transform.resize(color.rgb2gray(data.astronaut()), (1250, 1600), anti_aliasing=True)
    photo = Photo((gray * 255).round().astype(np.uint8))
    colorizer = Colorizer(ColorizeOptions(device="cpu"), model=found)
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        colorizer(photo)
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {
        "seconds": statistics.median(seconds),
        "precision": colorizer.precision,
        "gib": peak,
        "size": colorizer.size,
    }


def main() -> None:
    """Print a Markdown table, each model measured in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(NAMES))
    parser.add_argument("--parity", type=Path, default=SHARED)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        sys.stdout.write(json.dumps(measure(options.names[0], options.parity, options.rounds)) + "\n")
        return
    sys.stdout.write(
        "| model | parameters | licence | download | 2-megapixel photo | peak memory | parity |\n"
        "|---|---:|---|---:|---:|---:|---:|\n"
    )
    for name in options.names:
        command = [sys.executable, __file__, name, "--one", "--parity", str(options.parity)]
        command += ["--rounds", str(options.rounds)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        row = json.loads(done.stdout)
        download = f"{row['megabytes']} MB" if row["megabytes"] else "none"
        licence = row["licence"].partition(";")[0].partition(" (")[0]
        parity = f"{row['parity']:.0e}" if "parity" in row else ""
        sys.stdout.write(
            f"| `{name}` | {row['parameters'] / 1e6:.1f} M | {licence} | {download} "
            f"| {row['seconds']:.2f} s ({row['size']}, {row['precision']}) | {row['gib']:.1f} GiB | {parity} |\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
