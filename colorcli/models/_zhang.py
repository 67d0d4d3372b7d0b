"""The body of Zhang, Isola and Efros 2016 ("Colorful Image Colorization", arXiv 1603.08511), with its heads.

Eight blocks of 3x3 convolutions, each closed by a batch norm: three strides of 2, then 1/8 of the resolution with
dilation in the fifth and sixth, then twofold enlargement. Blocks are called ``model1`` ... ``model8`` as in the
published code. Every batch norm follows a ReLU, so none can be folded: into the convolution before it not because of
the ReLU, into the one after it not because of the zeros that pad its input.

The student variant is that of mikcnt's aml-project (2021): a narrower end, nearest-neighbour enlargement instead of a
transposed convolution, and L that is not centred.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from colorcli.color import bins
from colorcli.models._blocks import he_init, quiet_head
from colorcli.models._detect import Shapes, channels

#: Facts the networks with this body share.
STRIDE, MULTIPLE_OF, MINIMUM = 4, 8, 8
#: ab is learnt in this unit (Zhang et al. 2016 and 2017).
AB_UNIT = 110.0
#: No colour has an a or b below this. The published regression ends in a ReLU there.
AB_LEAST = -128.0


def block(
    channels: int, out: int, count: int, dropout: float, *, stride: int = 1, dilation: int = 1, norm: bool = True
) -> nn.Sequential:
    """Return ``count`` convolutions with ReLU, the last with the stride, then batch norm and dropout."""
    layers: list[nn.Module] = []
    for index in range(count):
        step = stride if index == count - 1 else 1
        layers += [nn.Conv2d(channels, out, 3, step, dilation, dilation), nn.ReLU(inplace=True)]
        channels = out
    return nn.Sequential(*layers, *([nn.BatchNorm2d(out)] if norm else []), nn.Dropout(dropout))


class Zhang(nn.Module):
    """L ``(B, 1, H, W)`` in 0..100, H and W multiples of 8, to ab or logits at 1/4 of the resolution.

    Args:
        head: ``"ab"`` for ab ``(B, 2, H/4, W/4)`` in Lab units, ``"logits"`` for ``(B, 313, H/4, W/4)``.
        width: channels of the first block; 64 is the published size.
        student: the variant of aml-project.
        dropout: share of activations dropped at the end of each block while training.
    """

    def __init__(
        self, head: Literal["ab", "logits"], width: int = 64, *, student: bool = False, dropout: float = 0.0
    ) -> None:
        super().__init__()
        w, wide = width, 8 * width
        narrow = wide // 2 if student else wide
        self.center = 0.0 if student else 50.0
        self.model1 = block(1, w, 2, dropout, stride=2)
        self.model2 = block(w, 2 * w, 2, dropout, stride=2)
        self.model3 = block(2 * w, 4 * w, 3, dropout, stride=2)
        self.model4 = block(4 * w, wide, 3, dropout)
        self.model5 = block(wide, wide, 3, dropout, dilation=2)
        self.model6 = block(wide, wide, 3, dropout, dilation=2)
        self.model7 = block(wide, narrow, 3, dropout)
        up: list[nn.Module]
        if student:
            up = [nn.Upsample(scale_factor=2), *block(narrow, narrow // 2, 3, dropout)]
        else:
            first = nn.ConvTranspose2d(narrow, narrow // 2, 4, 2, 1)
            # The published end has neither batch norm nor dropout.
            up = [first, nn.ReLU(inplace=True), *block(narrow // 2, narrow // 2, 2, 0.0, norm=False)]
        self.model8 = nn.Sequential(*up)
        self.head = nn.Conv2d(narrow // 2, 2 if head == "ab" else bins.Q, 1)
        self.predicts_ab = head == "ab"
        if head == "logits":
            # How often each bin occurs in the training data; decoding needs it to rebalance.
            self.register_buffer("prior", torch.full((bins.Q,), 1 / bins.Q))
        he_init(self)
        quiet_head(self.head)

    def forward(self, L: Tensor) -> Tensor:
        """Return ab ``(B, 2, H/4, W/4)`` in Lab units or logits ``(B, 313, H/4, W/4)``."""
        x = (L - self.center) / 100
        for part in (self.model1, self.model2, self.model3, self.model4, self.model5, self.model6, self.model7):
            x = part(x)
        out: Tensor = self.head(self.model8(x))
        return (AB_UNIT * out).clamp_min(AB_LEAST) if self.predicts_ab else out


def sizes(shapes: Shapes, outputs: int) -> dict[str, Any] | None:
    """Return the sizes of a state of these shapes and so many outputs, None if it is none of :class:`Zhang`'s."""
    if "model1.0.weight" not in shapes or channels(shapes, "head.weight") != outputs:
        return None
    return {"width": channels(shapes, "model1.0.weight"), "student": "model8.1.weight" in shapes}
