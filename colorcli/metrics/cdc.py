"""Colour distribution consistency index of a clip (Zhao et al. 2022, TCVC; also of the NTIRE 2023 challenge).

For each channel of 8-bit sRGB, the Jensen-Shannon divergence (natural logarithm) between the histograms of 256 values
of the frames t and t + d; mean over t, then over the gaps d = 1, 2, 4, then over the channels, then over the clips.
Motion and light change histograms, too, so the true clip's score is not 0. Gray scores best: see ``cf`` beside it.
NaN for clips of fewer than five frames.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from colorcli.metrics._batch import Batch
from colorcli.metrics._video import VideoMetric
from colorcli.metrics.auc import count

GAPS = (1, 2, 4)
VALUES = 256


def divergence(p: Tensor, q: Tensor) -> Tensor:
    """Return the Jensen-Shannon divergence of distributions along the last dimension, 0..ln 2."""
    of_mixture, of_p, of_q = (torch.special.entr(one).sum(-1) for one in ((p + q) / 2, p, q))
    apart: Tensor = of_mixture - (of_p + of_q) / 2
    return apart.clamp_min(0)


class CDC(VideoMetric):
    """Divergence of colour histograms between frames, gaps 1, 2 and 4; gray scores best."""

    name = "cdc"
    range = (0.0, math.log(2))
    source = "Zhao et al. 2022 (TCVC), as in its evaluation code"

    def start(self) -> None:
        """Forget the last frames."""
        self._last: Tensor = torch.zeros(0, 3, VALUES, dtype=torch.float64)
        self._sums: Tensor = torch.zeros(len(GAPS), 2, dtype=torch.float64)

    def see(self, batch: Batch) -> None:
        """Compare each frame with those 1, 2 and 4 before it."""
        levels = (255 * batch.result.rgb).round().clamp(0, 255).long().flatten(2)
        channel = VALUES * torch.arange(3, device=levels.device)[:, None]
        counts = count(levels + channel, 3 * VALUES).cpu().reshape(-1, 3, VALUES)
        known = len(self._last)
        all_of_them = torch.cat((self._last, counts / levels.shape[-1]))
        found = []
        for gap in GAPS:
            new = all_of_them[max(known, gap) :]
            old = all_of_them[max(known, gap) - gap : len(all_of_them) - gap] if len(new) else new
            found.append(torch.tensor([float(divergence(new, old).mean(1).sum()), len(new)], dtype=torch.float64))
        self._sums = self._sums + torch.stack(found)
        self._last = all_of_them[-max(GAPS) :]

    def value(self) -> float:
        """Return the mean over the gaps."""
        return float((self._sums[:, 0] / self._sums[:, 1]).mean())


METRIC = CDC
