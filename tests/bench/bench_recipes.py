"""Every recipe trained for the same time on the same pictures, and scored alike, as a Markdown table.

    python tests/bench/bench_recipes.py DATA -o OUT [--minutes 10] [--threads 2] [--pictures 1200] [--recipe NAME ...]

DATA is what ``colorcli train --data`` takes and brings its own validation pictures (``val-*`` shards), or --val does.
Recipes are trained one after the other, each in a process of its own. Short timing runs of all of them come first,
while the machine is quiet: they say how many steps of each fit into the time, so that every schedule comes to its end,
and work that runs beside the training later makes the table late but not unfair. Warm-up is at most a twentieth of the
steps, and nothing is measured before the end. Pictures are kept at a short side of at most --side pixels for all. What
is done is kept in OUT, and the same command goes on where it was interrupted.

Columns, over centre crops of 256 x 256, each network seeing what its card's size says, decoded as its card says:

* AuC: of ab error, per cent, thresholds 0..150, pixels of all pictures in one pot; of the mean: with the plain mean of
  the distribution instead of the card's decoder.
* rebal. AuC: the same with pixels weighted by the inverse frequency of their true bin.
* PSNR: of 8-bit RGB against the truth, dB, mean over pictures. Lightness is the truth's own.
* chroma: mean chroma, and as a share of the truth's. Colourfulness: Hasler and Suesstrunk 2003, mean over pictures.
* pictures/s: by the timing run; minutes: what the training takes at that speed, without decoding and measuring.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from colorcli.color import prior
from colorcli.engine import merge
from colorcli.engine.colorizer import ColorizeOptions, Colorizer
from colorcli.media.photo import Photo
from colorcli.metrics._batch import Batch
from colorcli.metrics.auc import AuC
from colorcli.metrics.auc_rebalanced import AuCRebalanced
from colorcli.metrics.cf import CF
from colorcli.metrics.psnr import PSNR
from colorcli.models._info import NetworkInfo
from colorcli.training import data, recipe, sources
from colorcli.training.batches import to_lab
from colorcli.training.task import centre_crop
from colorcli.weights.package import parameters

CROP = 256
HEAD = ["recipe", "AuC", "of the mean", "rebal. AuC", "PSNR", "chroma", "colourfulness", "parameters", "steps",
        "pictures/s", "minutes"]  # fmt: skip


def run_training(options: argparse.Namespace, name: str, folder: Path, *settings: str) -> list[dict[str, Any]]:
    """Train, or go on; return the rows of the log. What the command says goes to a file beside the run."""
    go_on = ["--resume"] if (folder / "last.pt").exists() else ["--recipe", name]
    words = [part for setting in settings for part in ("--set", setting)]
    command = [
        sys.executable,
        "-m",
        "colorcli",
        "train",
        "--data",
        str(options.data),
        "-o",
        str(folder),
        *go_on,
        *words,
    ]
    command += [part for path in options.val or () for part in ("--val", str(path))]
    command += ["--device", "cpu", "--precision", options.precision]
    environment = {**os.environ, "OMP_NUM_THREADS": str(options.threads)}
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.txt").open("a") as said:
        subprocess.run(command, env=environment, stdout=said, stderr=said, check=True)
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def shared(options: argparse.Namespace, chosen: recipe.Recipe) -> list[str]:
    """Return the settings that all recipes share."""
    return [f"data.side={min(options.side, chosen.data.side)}", "validation.pictures=240", *options.set]


def seconds(rows: list[dict[str, Any]], batch: int) -> tuple[int, float]:
    """Return how many pictures a run has learnt from, and for how long, by its log."""
    pictures, time, before = 0, 0.0, 0
    for row in rows:
        if "pictures_per_second" in row:
            count = (row["step"] - before) * batch
            pictures, time, before = pictures + count, time + count / row["pictures_per_second"], row["step"]
    return pictures, time


def plan(options: argparse.Namespace, name: str) -> dict[str, Any]:
    """Return the settings that make a run last as long as asked, and its pictures/s; a timing run decides, once."""
    kept = options.out / f"{name}.plan.json"
    if kept.exists():
        known: dict[str, Any] = json.loads(kept.read_text())
        return known
    chosen = recipe.load(name)
    few = options.timing_steps
    rows = run_training(
        options, name, options.out / "timing" / name, *shared(options, chosen), f"optimizer.steps={few}",
        f"validation.every={few}", "validation.pictures=1", f"checkpoint={few}",
    )  # fmt: skip
    pictures, time = seconds(rows, chosen.data.batch)
    steps = max(few, int(60 * options.minutes * pictures / time / chosen.data.batch))
    settings = [
        *shared(options, chosen), f"optimizer.steps={steps}", f"validation.every={steps}",
        f"optimizer.warmup={min(chosen.optimizer.warmup, steps // 20)}", f"checkpoint={max(1, steps // 5)}",
    ]  # fmt: skip
    made = {"settings": settings, "speed": pictures / time}
    kept.write_text(json.dumps(made))
    return made


class Scores:
    """One row of the table."""

    def __init__(self, frequency: Tensor) -> None:
        self.auc, self.rare = AuC(), AuCRebalanced(frequency)
        self.psnr, self.colors = PSNR(), CF()
        self.chroma: list[float] = []

    def update(self, ab: Tensor, out: np.ndarray, truth: Tensor, rgb: np.ndarray) -> None:
        """Add a picture: ab and true ab ``(1, 2, h, w)``, ab enlarged if need be; answer and truth in 8-bit RGB."""
        full = interpolate(ab, truth.shape[2:], mode="bicubic", align_corners=False)
        self.auc.update_ab(full, truth)
        self.rare.update_ab(full, truth)
        self.chroma.append(float(full.norm(dim=1).mean()))
        batch = Batch.of(*(torch.from_numpy(x).movedim(-1, 0)[None] for x in (out, rgb)))
        self.psnr.update(batch)
        self.colors.update(batch)

    def row(self) -> dict[str, float]:
        """Return the numbers."""
        means = {"psnr": self.psnr.compute(), "chroma": float(np.mean(self.chroma)), "colors": self.colors.compute()}
        return {"auc": self.auc.compute(), "rare": self.rare.compute(), **means}


Answer = Callable[[Photo], tuple[Tensor, np.ndarray]]


def answer_of(colorizer: Colorizer) -> Answer:
    """Return what a model says of a photo: ab at the network's size, and the finished RGB."""

    def answer(photo: Photo) -> tuple[Tensor, np.ndarray]:
        prepared = colorizer.prepare(photo)
        ab = colorizer.predict([prepared])[0]
        return colorizer.strength * ab[None], colorizer.finish(photo, prepared, ab).pixels

    return answer


def constant(a: float, b: float) -> Answer:
    """Return the answer of one colour for everything."""
    ab = torch.tensor([a, b])[:, None, None].expand(2, 8, 8)
    return lambda photo: (ab[None], merge.merge(photo.pixels, ab, torch.full((1, 8, 8), 50.0)))


def measure(answer: Answer, crops: Callable[[], Iterator[np.ndarray]], frequency: Tensor) -> dict[str, float]:
    """Score an answer on all crops."""
    scores = Scores(frequency)
    for rgb in crops():
        _, truth = to_lab(torch.from_numpy(rgb).movedim(-1, 0)[None])
        ab, out = answer(Photo(pixels=rgb))
        scores.update(ab, out, truth, rgb)
    return scores.row()


def score(folder: Path, crops: Callable[[], Iterator[np.ndarray]], frequency: Tensor) -> dict[str, float]:
    """Score a run, as its card says and, if it predicts distributions, by their mean."""
    colorizer = Colorizer(ColorizeOptions(model=str(folder), device="cpu", precision="fp32"))
    row = measure(answer_of(colorizer), crops, frequency)
    info: NetworkInfo = colorizer.info
    mean = row["auc"]
    if info.output == "logits":
        plain = Colorizer(ColorizeOptions(model=str(folder), device="cpu", precision="fp32", decoder="mean"))
        mean = measure(answer_of(plain), crops, frequency)["auc"]
    return {**row, "mean": mean, "parameters": parameters(colorizer.model)}


def line(name: str, row: dict[str, Any], truth: dict[str, float]) -> str:
    """Return a row of the table."""
    trained = "steps" in row
    cells = [
        name, f"{row['auc']:.2f}", f"{row['mean']:.2f}" if trained else "", f"{row['rare']:.2f}",
        f"{row['psnr']:.2f}" if np.isfinite(row["psnr"]) and row["psnr"] < 90 else "",
        f"{row['chroma']:.1f} ({row['chroma'] / truth['chroma']:.0%})", f"{row['colors']:.1f}",
        f"{row['parameters'] / 1e6:.2f} M" if trained else "", f"{row['steps']:,}" if trained else "",
        f"{row['speed']:.0f}" if trained else "", f"{row['minutes']:.1f}" if trained else "",
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Read the command line, train what is not trained yet, write and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--val", type=Path, action="append")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pictures", type=int, default=1200)
    parser.add_argument("--side", type=int, default=160)
    parser.add_argument("--timing-steps", type=int, default=40)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--recipe", action="append", help="may be repeated; all of them")
    parser.add_argument("--set", action="append", default=[], help="a setting for all recipes")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)

    here, held = sources.find([options.data])
    held = [found for path in options.val or () for found in sources.find([path])[0]] or held
    if not held:
        parser.error("no validation pictures: --val")
    val = data.load(held, side=CROP, gray=2.0)
    count = min(options.pictures, len(val))

    def crops() -> Iterator[np.ndarray]:
        return (centre_crop(val[index], CROP) for index in range(count))

    def ab_of(rgb: np.ndarray) -> Tensor:
        return to_lab(torch.tensor(rgb).movedim(-1, 0)[None])[1]

    frequency = prior.smooth(torch.stack([prior.histogram(ab_of(rgb)) for rgb in crops()]).mean(0))
    train = data.load(here, side=options.side, gray=2.0)
    some = np.linspace(0, len(train) - 1, min(4000, len(train))).astype(int)
    mean = torch.stack([ab_of(train[index]).mean((0, 2, 3)) for index in some]).mean(0).tolist()

    def truth(photo: Photo) -> tuple[Tensor, np.ndarray]:
        return ab_of(photo.pixels), photo.pixels

    real = measure(truth, crops, frequency)
    lines = [HEAD, ["---", *["---:"] * (len(HEAD) - 1)]]
    text = ["| " + " | ".join(cells) + " |" for cells in lines]
    text.append(line("truth", real, real))
    text.append(line("gray", measure(constant(0.0, 0.0), crops, frequency), real))
    said = f"mean colour ({mean[0]:.1f}, {mean[1]:.1f})"
    text.append(line(said, measure(constant(*mean), crops, frequency), real))
    plans = {name: plan(options, name) for name in options.recipe or recipe.names()}
    for name, planned in plans.items():
        kept = options.out / f"{name}.json"
        if not kept.exists():
            rows = run_training(options, name, options.out / name, *planned["settings"])
            steps, speed = rows[-1]["step"], planned["speed"]
            row = score(options.out / name, crops, frequency)
            row |= {"steps": steps, "speed": speed, "minutes": steps * recipe.load(name).data.batch / speed / 60}
            kept.write_text(json.dumps(row))
        text.append(line(name, json.loads(kept.read_text()), real))
        (options.out / "table.md").write_text("\n".join(text) + "\n")
    print("\n".join(text))


if __name__ == "__main__":
    main()
