"""The published network of Zhang, Zhu et al. 2017 (github.com/richzhang/colorization, BSD-2-Clause), with hints.

A U-Net that sees L, the colours a person gave and where they were given. Without hints it colorizes by itself. It
gets smaller by leaving out every second row and column, not by strides or pools. Every batch norm follows a ReLU and
most stand before a padded convolution, so they are not folded; see :mod:`colorcli.models._zhang`.

    >>> net = build(width=8).eval()
    >>> L, ab, mask = torch.full((1, 1, 16, 24), 50.0), torch.zeros(1, 2, 16, 24), torch.zeros(1, 1, 16, 24)
    >>> ab[:, 0, :2, :2], mask[:, :, :2, :2] = 60.0, 1.0  # a reddish first corner
    >>> net(L).shape, net.forward_with_hints(L, ab, mask).shape
    (torch.Size([1, 2, 16, 24]), torch.Size([1, 2, 16, 24]))
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from colorcli.models._blocks import he_init, quiet_head
from colorcli.models._detect import Shapes, channels
from colorcli.models._frozen import HasFrozenParts
from colorcli.models._info import NetworkInfo
from colorcli.models._zhang import AB_UNIT, block

INFO = NetworkInfo(
    output="ab",
    stride=1,
    multiple_of=8,
    minimum=8,
    hints=True,
    pipeline="zhang",
    heavy=True,
    paper="Zhang, Zhu, Isola, Geng, Lin, Yu and Efros 2017, arXiv 1705.02999",
    licence="BSD-2-Clause",
)
#: Colours of the class head: a and b from -110 to 110 in steps of 10, b running fastest, in or out of sRGB.
CLASSES = 23 * 23


class SIGGRAPH17(HasFrozenParts):
    """L ``(B, 1, H, W)`` in 0..100, H and W multiples of 8, to ab ``(B, 2, H, W)`` in Lab units.

    The class head is not trained: nothing of it reaches the colours.

    Args:
        width: channels of the first block; 64 is the published size.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        w, wide = width, 8 * width
        self.model1 = block(4, w, 2, 0.0)
        self.model2 = block(w, 2 * w, 2, 0.0)
        self.model3 = block(2 * w, 4 * w, 3, 0.0)
        self.model4 = block(4 * w, wide, 3, 0.0)
        self.model5 = block(wide, wide, 3, 0.0, dilation=2)
        self.model6 = block(wide, wide, 3, 0.0, dilation=2)
        self.model7 = block(wide, wide, 3, 0.0)
        self.up8 = nn.ConvTranspose2d(wide, 4 * w, 4, 2, 1)
        self.short8 = nn.Conv2d(4 * w, 4 * w, 3, 1, 1)
        self.model8 = nn.Sequential(nn.ReLU(inplace=True), *block(4 * w, 4 * w, 2, 0.0))
        self.up9 = nn.ConvTranspose2d(4 * w, 2 * w, 4, 2, 1)
        self.short9 = nn.Conv2d(2 * w, 2 * w, 3, 1, 1)
        self.model9 = nn.Sequential(nn.ReLU(inplace=True), *block(2 * w, 2 * w, 1, 0.0))
        self.up10 = nn.ConvTranspose2d(2 * w, 2 * w, 4, 2, 1)
        self.short10 = nn.Conv2d(w, 2 * w, 3, 1, 1)
        self.model10 = nn.Sequential(
            nn.ReLU(inplace=True), nn.Conv2d(2 * w, 2 * w, 3, 1, 1), nn.LeakyReLU(0.2, inplace=True)
        )
        self.head = nn.Conv2d(2 * w, 2, 1)
        self.classes = nn.Conv2d(4 * w, CLASSES, 1)
        he_init(self)
        quiet_head(self.head)
        quiet_head(self.classes)
        self.classes.requires_grad_(False)

    def forward(self, L: Tensor) -> Tensor:
        """Return ab ``(B, 2, H, W)`` in Lab units without any hints."""
        return self._colors(*self._trunk(L, None, None))

    def forward_with_hints(self, L: Tensor, ab: Tensor, mask: Tensor) -> Tensor:
        """Return ab ``(B, 2, H, W)`` in Lab units that follows hints.

        Args:
            L: ``(B, 1, H, W)`` in 0..100.
            ab: colours of the hints, ``(B, 2, H, W)`` in Lab units, 0 where there is none.
            mask: ``(B, 1, H, W)``, 1 where there is a hint, else 0. (The authors' retrained weights, unlike
                the released ones, want half of one taken off everywhere.)

        Raises:
            ValueError: a shape that does not go with that of L.
        """
        return self._colors(*self._trunk(L, ab, mask))

    def class_logits(self, L: Tensor, ab: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return logits ``(B, 529, H/4, W/4)`` of the published class head over :data:`CLASSES`, with or without hints.

        Raises:
            ValueError: a shape that does not go with that of L, or only one of ``ab`` and ``mask``.
        """
        logits: Tensor = self.classes(self._trunk(L, ab, mask)[-1])
        return logits

    def _trunk(self, L: Tensor, ab: Tensor | None, mask: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return the maps of blocks 1, 2 and 8, at 1, 1/2 and 1/4 of the size."""
        count, _, height, width = L.shape
        if ab is None and mask is None:
            hints = L.new_zeros(count, 3, height, width)
        elif ab is None or mask is None:
            raise ValueError("hints are colours and a mask, got only one of them")
        elif ab.shape != (count, 2, height, width) or mask.shape != L.shape:
            raise ValueError(f"hints of shape {tuple(ab.shape)}, mask {tuple(mask.shape)} for L {tuple(L.shape)}")
        else:
            hints = torch.cat((ab / AB_UNIT, mask), 1)
        one = self.model1(torch.cat(((L - 50) / 100, hints), 1))
        two = self.model2(one[:, :, ::2, ::2])
        three = self.model3(two[:, :, ::2, ::2])
        x = self.model4(three[:, :, ::2, ::2])
        x = self.model7(self.model6(self.model5(x)))
        return one, two, self.model8(self.up8(x) + self.short8(three))

    def _colors(self, one: Tensor, two: Tensor, eight: Tensor) -> Tensor:
        x = self.model9(self.up9(eight) + self.short9(two))
        x = self.model10(self.up10(x) + self.short10(one))
        return AB_UNIT * torch.tanh(self.head(x))


def build(width: int = 64) -> SIGGRAPH17:
    """Return a network with random weights; 64 is the published width."""
    return SIGGRAPH17(width)


def detect(shapes: Shapes) -> dict[str, Any] | None:
    """Return what :func:`build` takes for a network of these shapes, None for another architecture's."""
    if not {"model1.0.weight", "short8.weight", "classes.weight"} <= shapes.keys():
        return None
    return {"width": channels(shapes, "model1.0.weight")}
