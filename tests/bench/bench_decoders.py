"""What each decoder gives and costs on the pictures of a shard, as a Markdown table.

    python tests/bench/bench_decoders.py MODEL SHARD.tar [--count 300] [--rebalance BETA] [--decoder NAME[:T] ...]

MODEL is whatever ``colorcli --model`` takes; without --size, --rebalance, --strength and --contrast the card's values
hold.
Pictures are cropped to their centre square and scaled to 256x256 (``--crop``), shrunk to ``--size`` for the network,
and its ab is enlarged (bicubic) to the crop before it is compared. No gamut mapping and no 8-bit rounding takes part:
this is about decoders.

Columns:

* AuC: per cent, thresholds 0..150, pixels of all pictures in one pot; the first row is gray.
* rebal. AuC: the same with pixels weighted by the inverse frequency of their true bin.
* chroma: mean chroma of the prediction, and as a share of the truth's.
* flat var.: chroma variation inside flat regions. Standard deviation of ab (root of summed variances) inside blocks
  of 8x8 network-output pixels whose L varies by less than 3 (standard deviation), averaged over them; the truth's
  own stands in the truth row. Blotches and speckle raise it.
* ms: median time for one picture's logits, one thread.
"""

from __future__ import annotations

import argparse
import io
import statistics
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from colorcli.color import lab, prior
from colorcli.decoders._options import DecodeOptions
from colorcli.engine.contrast import spread
from colorcli.metrics.auc import AuC
from colorcli.metrics.auc_rebalanced import AuCRebalanced
from colorcli.registry import DECODERS

BLOCK = 8
FLAT_L = 3.0
DEFAULT = ["mean", "median", "annealed", "mode", "sample", "mrf", "mrf-report"]


@dataclass
class Picture:
    """One picture's logits ``(1, 313, h, w)``, small L ``(1, 1, h, w)`` and true ab ``(1, 2, H, W)``."""

    logits: Tensor
    L_small: Tensor
    truth: Tensor


def pictures(shard: str, crop: int, count: int) -> Iterator[Image.Image]:
    """Yield ``count`` pictures spread evenly over the shard: RGB, ``crop`` x ``crop``."""
    with tarfile.open(shard) as tar:
        members = [member for member in tar if member.isfile()]
        for member in members[:: max(1, len(members) // count)][:count]:
            file = tar.extractfile(member)
            assert file is not None
            image = Image.open(io.BytesIO(file.read())).convert("RGB")
            side = min(image.size)
            left, top = ((whole - side) // 2 for whole in image.size)
            box = (left, top, left + side, top + side)
            yield image.resize((crop, crop), Image.Resampling.BICUBIC, box=box)


def to_lab(image: Image.Image) -> Tensor:
    """Return Lab ``(1, 3, H, W)``."""
    rgb = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).view(image.height, image.width, 3)
    return lab.rgb_to_lab(rgb.movedim(-1, 0)[None].float() / 255)


@torch.no_grad()
def predict(network: torch.nn.Module, images: Iterator[Image.Image], size: int) -> Iterator[Picture]:
    """Yield pictures with what the network says about them when it sees them at ``size``."""
    for image in images:
        L = to_lab(image.resize((size, size), Image.Resampling.BOX))[:, :1]
        logits = network(L).float()
        yield Picture(logits, interpolate(L, logits.shape[2:], mode="area"), to_lab(image)[:, 1:])


def flat_variation(ab: Tensor, L: Tensor) -> Tensor:
    """Return the spread of ab in each flat block: ab ``(1, 2, h, w)``, L ``(1, 1, h, w)`` to ``(blocks,)``."""

    def variance(x: Tensor) -> Tensor:
        blocks = x.unfold(2, BLOCK, BLOCK).unfold(3, BLOCK, BLOCK).flatten(4)
        return blocks.var(-1, correction=0).sum(1).flatten()

    return variance(ab).sqrt()[variance(L).sqrt() < FLAT_L]


@dataclass
class Row:
    """What one decoder (or gray, or the truth) scored."""

    name: str
    decode: Callable[[Picture], Tensor]
    rare: AuCRebalanced
    auc: AuC = field(default_factory=AuC)
    chroma: list[float] = field(default_factory=list)
    variation: list[Tensor] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def update(self, picture: Picture, strength: float = 1.0, contrast: float = 1.0) -> None:
        """Decode a picture, apply the factors, and measure the result."""
        began = time.perf_counter()
        ab = self.decode(picture)
        self.seconds.append(time.perf_counter() - began)
        ab = spread(ab[0], contrast)[None] * strength
        self.variation.append(flat_variation(ab, picture.L_small))
        full = interpolate(ab, picture.truth.shape[2:], mode="bicubic", align_corners=False)
        self.chroma.append(full.norm(dim=1).mean().item())
        self.auc.update_ab(full, picture.truth)
        self.rare.update_ab(full, picture.truth)

    def cells(self, true_chroma: float, *, timed: bool = True) -> list[str]:
        """Return the row of the table."""
        chroma = statistics.fmean(self.chroma)
        return [
            self.name, f"{self.auc.compute():.2f}", f"{self.rare.compute():.2f}",
            f"{chroma:.1f} ({100 * chroma / true_chroma:.0f} %)", f"{torch.cat(self.variation).mean():.2f}",
            f"{1000 * statistics.median(self.seconds):.1f}" if timed else "",
        ]  # fmt: skip


def parse(name: str, options: DecodeOptions) -> Callable[[Picture], Tensor]:
    """Return the decoder that ``NAME[:T]`` means; ``mrf-report`` is ``mrf`` in the report's form."""
    name, _, temperature = name.partition(":")
    if temperature:
        options = replace(options, temperature=float(temperature))
    if name.endswith("-report"):
        name, options = name.removesuffix("-report"), replace(options, form="report")
    decode = DECODERS.load(name).decode
    return lambda picture: decode(picture.logits, picture.L_small, options)


def measure(
    source: Iterator[Picture], names: list[str], options: DecodeOptions, strength: float, contrast: float
) -> str:
    """Return the Markdown table of the decoders on the pictures."""
    held = list(source)  # about 5 MB each at a size of 256
    frequency = prior.smooth(torch.stack([prior.histogram(picture.truth) for picture in held]).mean(0))
    small = [interpolate(picture.truth, picture.L_small.shape[2:], mode="area") for picture in held]
    truth = statistics.fmean(picture.truth.norm(dim=1).mean().item() for picture in held)
    own = torch.cat([flat_variation(ab, picture.L_small) for ab, picture in zip(small, held, strict=True)]).mean()

    rows = [Row("gray", lambda picture: torch.zeros(1, 2, *picture.L_small.shape[2:]), AuCRebalanced(frequency))]
    rows += [Row(name, parse(name, options), AuCRebalanced(frequency)) for name in names]
    for row in rows:
        row.decode(held[0])  # warm-up
        for picture in held:
            row.update(picture, strength, contrast)
    lines = [
        *(row.cells(truth, timed=row is not rows[0]) for row in rows),
        ["truth", "100", "100", f"{truth:.1f}", f"{own:.2f}", ""],
    ]
    return table(["decoder", "AuC", "rebal. AuC", "chroma", "flat var.", "ms"], lines)


def table(head: list[str], lines: list[list[str]]) -> str:
    """Return a Markdown table whose first column holds names and the others numbers."""
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *lines))


def main() -> None:
    """Read the command line, print the table."""
    from colorcli.weights.load import load, resolve

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("shard")
    parser.add_argument("--count", type=int, default=300, help="pictures, spread over the shard")
    parser.add_argument("--crop", type=int, default=256)
    parser.add_argument("--size", type=int, help="side of what the network sees, a multiple of 32")
    parser.add_argument("--rebalance", type=float, help="exponent on the class rebalancing weights")
    parser.add_argument("--strength", type=float, help="factor on the chroma")
    parser.add_argument("--contrast", type=float, help="factor on distances from the mean colour")
    parser.add_argument("--decoder", nargs="+", default=DEFAULT, help="NAME or NAME:TEMPERATURE")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    model = resolve(arguments.model)
    network = load(model)
    beta = model.card.rebalance if arguments.rebalance is None else arguments.rebalance
    strength = model.card.strength if arguments.strength is None else arguments.strength
    contrast = model.card.contrast if arguments.contrast is None else arguments.contrast
    weights = beta * prior.rebalancing(network.prior).log() if beta else None
    images = pictures(arguments.shard, arguments.crop, arguments.count)
    source = predict(network, images, arguments.size or model.card.size)
    print(measure(source, arguments.decoder, DecodeOptions(log_weights=weights), strength, contrast))


if __name__ == "__main__":
    main()
