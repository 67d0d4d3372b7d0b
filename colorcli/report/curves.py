"""Training curves from a run's JSON lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import BinaryIO


def read_log(path: Path) -> list[dict[str, float]]:
    """Read a JSON-lines log; a last line cut short by a crash is left out."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows


def smooth(values: list[float], *, share: float = 0.02) -> list[float]:
    """Return an exponential average that follows ``values`` over about ``share`` of their number."""
    keep = max(0.0, 1 - 1 / max(1.0, share * len(values)))
    result, level = [], 0.0
    for count, value in enumerate(values, 1):
        level = keep * level + (1 - keep) * value
        result.append(level / (1 - keep**count))  # as in Adam: the zero it began with is taken out
    return result


def plot_curves(log: Path, target: Path | BinaryIO) -> None:
    """Draw loss (training, also smoothed, and validation) and AuC (against gray) of ``log`` as a PNG.

    Args:
        log: JSON lines of a run.
        target: the PNG, a path or a file open for binary writing.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    rows = read_log(log)
    train = [row for row in rows if "loss" in row]
    val = [row for row in rows if "val_loss" in row]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    steps, losses = [row["step"] for row in train], [row["loss"] for row in train]
    left.plot(steps, losses, lw=0.6, alpha=0.35, color="C0")
    left.plot(steps, smooth(losses), color="C0", label="training")
    left.plot(
        [row["step"] for row in val], [row["val_loss"] for row in val], "o-", ms=3, color="C1", label="validation"
    )
    left.set(xlabel="step", ylabel="loss", title="Loss")
    left.legend()
    right.plot([row["step"] for row in val], [row["val_auc"] for row in val], "o-", ms=3, label="network")
    right.plot([row["step"] for row in val], [row["val_gray"] for row in val], "--", color="gray", label="gray")
    right.set(xlabel="step", ylabel="AuC of ab error, %", title="Validation")
    right.legend()
    figure.savefig(target, dpi=120, format="png")
    plt.close(figure)
