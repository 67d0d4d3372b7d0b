"""Flicker of a clip: how much the mean colour jumps from frame to frame and back, in Lab units.

The mean of a and of b over each frame are two signals in time. The filter (-1/2, 1, -1/2) takes steady colours and
even changes, such as a fade, out of them and doubles what alternates from frame to frame; the score is the root of the
mean square of what is left, both signals together. So it is 0 for a still picture and for a gray one, and D for a clip
whose mean colour alternates between two that are D apart. A cut inside a clip counts as flicker: measure shots. What
moves through the picture changes the mean, too, so the true clip's score is not 0. Gray scores best: see ``cf`` beside
it. NaN for clips of fewer than three frames.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from colorcli.metrics._batch import Batch
from colorcli.metrics._video import VideoMetric


class Flicker(VideoMetric):
    """High-pass energy of the mean colour of frames, as a root mean square; gray scores best."""

    name = "flicker"
    unit = "Lab"
    source = "definition: RMS of m(t) - (m(t-1) + m(t+1)) / 2, m the mean ab of a frame"

    def start(self) -> None:
        """Forget the last frames."""
        self._last: Tensor = torch.zeros(0, 2, dtype=torch.float64)
        self._energy, self._count = 0.0, 0

    def see(self, batch: Batch) -> None:
        """Filter the means of the frames, and of the two before them."""
        means = torch.cat((self._last, batch.result.ab.double().mean((2, 3)).cpu()))
        jumps = means[1:-1] - (means[:-2] + means[2:]) / 2
        self._energy += float(jumps.square().sum())
        self._count += len(jumps)
        self._last = means[-2:]

    def value(self) -> float:
        """Return the root of the mean square."""
        return math.sqrt(self._energy / self._count) if self._count else math.nan


METRIC = Flicker
