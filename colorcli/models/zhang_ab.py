"""Zhang-style body that regresses ab: the baseline with L2 loss of Zhang et al. 2016."""

from __future__ import annotations

from typing import Any

from colorcli.models._detect import Shapes
from colorcli.models._info import NetworkInfo
from colorcli.models._zhang import MINIMUM, MULTIPLE_OF, STRIDE, Zhang, sizes

INFO = NetworkInfo(
    output="ab",
    stride=STRIDE,
    multiple_of=MULTIPLE_OF,
    minimum=MINIMUM,
    precisions=("fp32", "bf16"),
    paper="Zhang et al. 2016, arXiv 1603.08511",
)


def build(width: int = 64, *, student: bool = False, dropout: float = 0.0) -> Zhang:
    """Return a network with random weights; the sizes are those of :class:`~colorcli.models._zhang.Zhang`."""
    return Zhang("ab", width, student=student, dropout=dropout)


def detect(shapes: Shapes) -> dict[str, Any] | None:
    """Return what :func:`build` takes for a network of these shapes, None for another architecture's."""
    return sizes(shapes, 2)
