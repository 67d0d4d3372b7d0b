"""What a network says about itself, so that nothing else has to know it by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class NetworkInfo:
    """Facts about an architecture; every module in ``colorcli.models`` has one as ``INFO``.

    Attributes:
        output: what ``forward`` returns: ``"ab"`` (B, 2, h, w) in Lab units, or ``"logits"`` (B, Q, h, w) over
            ``colorcli.color.bins``.
        stride: input pixels per output pixel; sizes fed to the network are multiples of it before padding.
        multiple_of: H and W of the input must be multiples of this (the caller pads).
        minimum: the smallest H and W accepted.
        gray: what a training picture's gray version is made of, for the L the network is shown: its ``"lightness"``
            (L of Lab), or its ``"luma"``, 0.299 R + 0.587 G + 0.114 B of the sRGB values. Of a gray photo both are
            the same.
        also: what ``forward_training(L)``, where a network has one, gives besides ``output``; see
            ``colorcli.training.task``.
        hints: the network itself takes hints, by ``forward_with_hints(L, ab, mask)``.
        whole: the network sums the whole picture up, by ``summary(L)``, and takes a summary made from another view of
            it: ``forward(L, summary)``.
        pipeline: the authors' own way from photo to photo, a name in ``colorcli.registry.PUBLISHED``; "" for none.
        precisions: names of the dtypes the network is known to be good in.
        heavy: a picture takes seconds on a CPU. Then the network has all cores for itself, and ``--precision auto``
            means bf16 on CPUs that compute in it, if the network is known to be good in it.
        paper: where it comes from.
        licence: licence of the architecture's code.
    """

    output: Literal["ab", "logits"]
    stride: int
    multiple_of: int
    minimum: int
    gray: Literal["lightness", "luma"] = "lightness"
    also: tuple[str, ...] = ()
    hints: bool = False
    whole: bool = False
    pipeline: str = ""
    precisions: tuple[str, ...] = field(default=("fp32",))
    heavy: bool = False
    paper: str = ""
    licence: str = "Apache-2.0"
