"""Warping error of a clip's colours: how much they change on what has only moved, in Lab units.

Each frame's ab is compared with that of the frame before, carried along the optical flow between the two (DIS flow of
lightness, :mod:`colorcli.motion`): the mean distance over the pixels that can be seen in both frames and do not lie
where the flow has an edge. Mean over pairs of frames that show any such pixel, then over clips. The flow and its masks
come from the true clip where there is one, else from the result, whose lightness a colorizer should have kept.

Lai et al. 2018 (arXiv 1808.00449) measure the squared difference of RGB so; here it is the distance in ab, as
lightness is given. Shadows, reflections and what the flow gets wrong change colours on the true clip as well, so its
score is not 0. Gray scores best: see ``cf`` beside it. NaN for a single frame.
"""

from __future__ import annotations

import math

from torch import Tensor

from colorcli.metrics._batch import Batch
from colorcli.metrics._video import VideoMetric
from colorcli.motion.flow import boundary, flow, visible, warp


def steady(L_before: Tensor, L: Tensor) -> tuple[Tensor, Tensor]:
    """Return the flow from a frame to the one before, ``(2, h, w)``, and where it can be trusted, bool ``(h, w)``.

    Args:
        L_before: lightness of the frame before, ``(1, h, w)``, 0..100.
        L: lightness of the frame, same shape.
    """
    there = flow(L, L_before)
    return there, visible(there, flow(L_before, L)) & ~boundary(there)


class WarpingError(VideoMetric):
    """Mean change of ab along the optical flow, where it is not occluded; gray scores best."""

    name = "warping-error"
    unit = "Lab"
    source = "after Lai et al. 2018: distance in ab along DIS flow of L, occlusions of Ruder et al. 2016 left out"

    def start(self) -> None:
        """Forget the last frame."""
        self._last: tuple[Tensor, Tensor] | None = None
        self._sum, self._count = 0.0, 0

    def see(self, batch: Batch) -> None:
        """Compare each frame with the one before."""
        guide = batch.result if batch.reference is None else batch.reference
        for L, ab in zip(guide.L.cpu(), batch.result.ab.cpu(), strict=True):
            if self._last is not None:
                there, counts = steady(self._last[0], L)
                if counts.any():
                    change = (ab - warp(self._last[1], there)).norm(dim=0)
                    self._sum += float(change[counts].double().mean())
                    self._count += 1
            self._last = L.clone(), ab.clone()  # not the whole batch

    def value(self) -> float:
        """Return the mean over the pairs."""
        return self._sum / self._count if self._count else math.nan


METRIC = WarpingError
