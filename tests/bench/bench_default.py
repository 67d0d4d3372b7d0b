"""What a shipped network is held to: gain over gray by source, on aged pictures, and how it keeps at other sizes.

    python tests/bench/bench_default.py SHARD.tar [--model default cautious ...] [--count 1200] [--wear 0.35]

The models are cards of one network (``extends``): it runs once for all. Pictures are the shard's centre squares at 256
x 256, shrunk to the card's size for the network; its ab is enlarged (bicubic) to 256 x 256 before it is compared. No
gamut mapping and no 8-bit rounding takes part. SHARD's members are called ``<source>/<class>/<picture>``.

Columns of the first table:

* AuC and gain: per cent, thresholds 0..150, pixels of all pictures in one pot; above gray's.
* rebal.: gain over gray with pixels weighted by the inverse frequency of their true bin.
* colourfulness: Hasler and Suesstrunk 2003, mean over pictures, as a share of the truth's.
* aged: gain where the network sees the picture damaged by ``training/ageing.py`` (each kind with chance ``--wear``),
  and the share of the gain that is lost.
* 0.5x, 2x: mean distance in ab from the answer at the card's size, with the network seeing half or twice of it, but
  summing the picture up at the card's size, as the colorizer has it do.

The second has the gain of each source, and how many pictures it has.
"""

from __future__ import annotations

import argparse
import statistics
import tarfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np
import torch
from bench_decoders import Picture, parse, pictures, table, to_lab
from torch import Tensor
from torch.nn.functional import interpolate

from colorcli.color import lab, prior
from colorcli.decoders._options import DecodeOptions
from colorcli.engine.contrast import spread
from colorcli.metrics._batch import Pictures
from colorcli.metrics._colourfulness import colourfulness
from colorcli.metrics.auc import AuC
from colorcli.metrics.auc_rebalanced import AuCRebalanced
from colorcli.training.ageing import age
from colorcli.weights.load import load
from colorcli.weights.resolve import resolve

CROP = 256


def shrunk(L: Tensor, size: int) -> Tensor:
    """Return L ``(1, 1, size, size)`` as a network sees it."""
    if size <= L.shape[-1]:
        return interpolate(L, (size, size), mode="area")
    return interpolate(L, (size, size), mode="bicubic", align_corners=False).clamp(0, 100)


@dataclass
class Row:
    """Scores of one card."""

    rare: AuCRebalanced
    auc: AuC = field(default_factory=AuC)
    aged: AuC = field(default_factory=AuC)
    sources: dict[str, AuC] = field(default_factory=lambda: defaultdict(AuC))
    colors: list[float] = field(default_factory=list)
    moved: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


def colors_of(L: Tensor, ab: Tensor) -> float:
    """Return the colourfulness of L ``(1, 1, H, W)`` and ab ``(1, 2, H, W)``, not rounded to 8 bits."""
    return float(colourfulness(Pictures(rgb=lab.lab_to_rgb(torch.cat((L, ab), 1)).clamp(0, 1))))


@torch.inference_mode()
def main() -> None:
    """Read the command line, measure, print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shard")
    parser.add_argument("--model", nargs="+", default=["default", "cautious", "mrf"])
    parser.add_argument("--count", type=int, default=1200)
    parser.add_argument("--wear", type=float, default=0.35)
    options = parser.parse_args()

    torch.set_num_threads(1)
    models = {name: resolve(name) for name in options.model}
    one = next(iter(models.values()))
    if any(model.weights != one.weights for model in models.values()):
        parser.error("--model: cards of one network, please; it runs once for all")
    first, network = one.card, load(one)
    weights = prior.rebalancing(network.get_buffer("prior")).log()
    decoders = {}
    for name, model in models.items():
        card = model.card
        asked = DecodeOptions(temperature=card.temperature, log_weights=card.rebalance * weights, form=card.form)
        decoders[name] = parse(card.decoder, asked)
    with tarfile.open(options.shard) as tar:
        names = [member.name for member in tar if member.isfile()]
    names = names[:: max(1, len(names) // options.count)][: options.count]

    sizes = {"": first.size, "0.5x": -(-first.size // 2 // 32) * 32, "2x": 2 * first.size}
    truths = (to_lab(image)[:, 1:] for image in pictures(options.shard, CROP, options.count))
    frequency = prior.smooth(torch.stack([prior.histogram(truth) for truth in truths]).mean(0))
    rows = {name: Row(AuCRebalanced(frequency)) for name in models}
    gray, real = Row(AuCRebalanced(frequency)), []

    for index, (name, image) in enumerate(zip(names, pictures(options.shard, CROP, options.count), strict=True)):
        source = name.split("/")[0]
        L, truth = to_lab(image).split((1, 2), 1)
        for score in (gray.auc, gray.rare, gray.sources[source]):
            score.update_ab(torch.zeros_like(truth), truth)
        real.append(colors_of(L, truth))
        old = age(L, np.random.default_rng((7, index)), wear=options.wear)
        seen = {tag: shrunk(L, size) for tag, size in sizes.items()} | {"aged": shrunk(old, first.size)}
        answers: dict[str, dict[str, Tensor]] = {name: {} for name in rows}
        whole = network.summary(seen[""])
        for tag, small in seen.items():
            logits = (network(small, whole) if tag in ("0.5x", "2x") else network(small)).float()
            picture = Picture(logits, interpolate(small, logits.shape[2:], mode="area"), truth)
            for card, decode in decoders.items():
                ab = models[card].card.strength * spread(decode(picture)[0], models[card].card.contrast)[None]
                answers[card][tag] = interpolate(ab, truth.shape[2:], mode="bicubic", align_corners=False)
        for card, row in rows.items():
            answer = answers[card]
            row.aged.update_ab(answer["aged"], truth)
            for score in (row.auc, row.rare, row.sources[source]):
                score.update_ab(answer[""], truth)
            row.colors.append(colors_of(L, answer[""]))
            for tag in ("0.5x", "2x"):
                row.moved[tag].append(float((answer[tag] - answer[""]).norm(dim=1).mean()))
    print(first_table(rows, gray, statistics.fmean(real)))
    print()
    print(by_source(rows, gray, Counter(name.split("/")[0] for name in names)))


def first_table(rows: dict[str, Row], gray: Row, real: float) -> str:
    """Return the scores of each card."""
    base, rare = gray.auc.compute(), gray.rare.compute()
    lines = [["gray", f"{base:.2f}", "", f"{rare:.2f}", "0 %", "", "", ""]]
    for name, row in rows.items():
        gain, aged = row.auc.compute() - base, row.aged.compute() - base
        moved = [f"{statistics.fmean(row.moved[tag]):.2f}" for tag in ("0.5x", "2x")]
        lines.append([
            name, f"{row.auc.compute():.2f}", f"{gain:+.2f}", f"{row.rare.compute() - rare:+.2f}",
            f"{100 * statistics.fmean(row.colors) / real:.0f} %", f"{aged:+.2f} ({100 * (1 - aged / gain):.0f} % lost)",
            *moved,
        ])  # fmt: skip
    return table(["", "AuC", "gain", "rebal.", "colourfulness", "aged", "0.5x", "2x"], lines)


def by_source(rows: dict[str, Row], gray: Row, counts: Counter[str]) -> str:
    """Return the gain of each source, that with most pictures first."""
    lines = []
    for source, count in counts.most_common():
        base = gray.sources[source].compute()
        gains = [f"{row.sources[source].compute() - base:+.2f}" for row in rows.values()]
        lines.append([source, str(count), f"{base:.2f}", *gains])
    return table(["source", "pictures", "gray", *rows], lines)


if __name__ == "__main__":
    main()
