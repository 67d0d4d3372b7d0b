"""A picture of how often colours occur: the empirical prior over ab bins, in log scale."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from colorcli.color import bins, lab
from colorcli.color.prior import rebalancing


def plot_prior(prior: Tensor, target: Path | BinaryIO, *, mix: float = 0.5) -> None:
    """Draw a prior as a PNG: its bins' log frequencies, what colours they are, and the weights of rebalancing.

    Args:
        prior: ``(Q,)``, summing to 1.
        target: the PNG, a path or a file open for binary writing.
        mix: lambda of the rebalancing.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    prior = prior.detach().cpu().float()
    points = bins.centers()
    grey = torch.full((1, 1, 1, bins.Q), 65.0)
    color = lab.lab_to_rgb(torch.cat((grey, points.T[None, :, None]), 1)).clamp(0, 1)[0, :, 0].T
    # A bin that never occurs has a smoothed frequency of 0 now and then, and log 0 has no place on the page.
    logs = prior.clamp_min(1e-10).log10()
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
    weights = rebalancing(prior, mix=mix).log10()
    shown = ((logs, "frequency, log10"), (color, "bins at L = 65"), (weights, f"weight at lambda {mix:g}, log10"))
    for axis, (values, title) in zip(axes, shown, strict=True):
        cmap = None if values is color else "viridis"
        marks = axis.scatter(points[:, 1], points[:, 0], c=values.numpy(), marker="s", s=75, cmap=cmap)
        axis.set(xlabel="b", ylabel="a", title=title, aspect="equal")
        axis.invert_yaxis()
        if cmap is not None:
            figure.colorbar(marks, ax=axis, shrink=0.8)
    figure.savefig(target, dpi=100, format="png")
    plt.close(figure)
