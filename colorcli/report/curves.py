"""Training curves from a run's JSON lines."""

from __future__ import annotations

import json
from pathlib import Path


def read_log(path: Path) -> list[dict[str, float]]:
    """Read a JSON-lines log; a last line cut short by a crash is left out."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows


def plot_curves(log: Path, path: Path) -> None:
    """Draw losses, validation AuC (against gray) and learning rate of ``log`` into the PNG ``path``."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    rows = read_log(log)
    train = [row for row in rows if "loss" in row]
    val = [row for row in rows if "val_loss" in row]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    left.plot([row["step"] for row in train], [row["loss"] for row in train], lw=0.8, label="training")
    left.plot([row["step"] for row in val], [row["val_loss"] for row in val], "o-", ms=3, label="validation")
    left.set(xlabel="step", ylabel="loss", title="Loss")
    left.legend()
    right.plot([row["step"] for row in val], [row["val_auc"] for row in val], "o-", ms=3, label="network")
    right.plot([row["step"] for row in val], [row["val_gray"] for row in val], "--", color="gray", label="gray")
    right.set(xlabel="step", ylabel="AuC of ab error, %", title="Validation")
    right.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)
