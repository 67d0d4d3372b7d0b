"""What goes into the network, and what comes out of it, of one photo."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from colorcli.engine.geometry import Geometry


@dataclass(frozen=True)
class Prepared:
    """A photo's lightness as the network wants it.

    Attributes:
        L: ``(1, H, W)`` float32, 0..100, padded; on the CPU.
        geometry: how it came about.
        size: the working size it was made for.
        whole: the photo at the size at which the network sums it up, where that is another one.
        hints: ``(3, h, w)`` float32: a, b (Lab units) and 1 where there is a hint, on the grid of ``L`` for a network
            that takes hints, on that of the logits for one whose decoder does; or None.
        views: for `colorcli.engine.ensemble`, the photo as each run wants it.
    """

    L: Tensor
    geometry: Geometry
    size: int
    whole: Prepared | None = None
    hints: Tensor | None = None
    views: tuple[Prepared, ...] = ()

    @property
    def L_small(self) -> Tensor:
        """``(1, h, w)`` float32, 0..100: the lightness without the padding."""
        height, width = self.geometry.inner
        return self.L[:, :height, :width]

    @property
    def hints_padded(self) -> Tensor:
        """The hints ``(3, H, W)`` of a photo that has some, with none in the padding."""
        assert self.hints is not None
        height, width = self.geometry.padded
        return F.pad(self.hints, (0, width - self.hints.shape[2], 0, height - self.hints.shape[1]))


@dataclass(frozen=True)
class Prediction:
    """What network and decoder say about a photo.

    Attributes:
        ab: ``(2, h, w)`` float32, Lab units, on the CPU, without padding; where the published pipeline is followed,
            what that hands on.
        uncertainty: 0..1, see `colorcli.engine.uncertainty`; None where a single run gives no distribution.
    """

    ab: Tensor
    uncertainty: float | None = None
