"""What metrics look at: pictures and, mostly, the truth beside them, with Lab computed once for all metrics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from colorcli.color import bins, lab


@dataclass(frozen=True, eq=False, kw_only=True)
class Pictures:
    """Pictures of one size.

    Attributes:
        rgb: ``(B, 3, H, W)`` sRGB, float 0..1 or uint8 0..255 (kept as float32 0..1). Not clipped.

    Raises:
        ValueError: another shape, or a value that is not a finite number.
    """

    rgb: Tensor
    _kept: dict[str, Tensor] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.rgb.ndim != 4 or self.rgb.shape[1] != 3:
            raise ValueError(f"rgb must be (B, 3, H, W), got {tuple(self.rgb.shape)}")
        whole = self.rgb.dtype == torch.uint8
        rgb = self.rgb / 255 if whole else self.rgb.float()
        if not whole and not rgb.isfinite().all():
            raise ValueError("a picture has a value that is not a number")
        object.__setattr__(self, "rgb", rgb)

    @cached_property
    def lab(self) -> Tensor:
        """Lab, float32 ``(B, 3, H, W)``: L 0..100, a and b in Lab units."""
        return lab.rgb_to_lab(self.rgb)

    @property
    def L(self) -> Tensor:
        """Lightness, ``(B, 1, H, W)``, 0..100."""
        return self.lab[:, :1]

    @property
    def ab(self) -> Tensor:
        """Colour, ``(B, 2, H, W)``, Lab units."""
        return self.lab[:, 1:]

    @cached_property
    def chroma(self) -> Tensor:
        """Distance from gray, ``(B, H, W)``, Lab units."""
        return length(self.ab)

    @cached_property
    def bins(self) -> Tensor:
        """The nearest of the 313 ab bins, int64 ``(B, H, W)``."""
        return bins.nearest(self.ab)

    def once(self, key: str, compute: Callable[[], Tensor]) -> Tensor:
        """Return what ``compute`` gives, computed once per ``key``: of the truth also for all that compare with it."""
        return _once(self._kept, key, compute)


@dataclass(frozen=True, eq=False, kw_only=True)
class Batch:
    """Results and, for metrics that compare, their truths: one size, same order.

    Attributes:
        result: what is measured.
        reference: the true pictures, or None.
        names: of the pictures, folder part and all, where somebody knows them; empty otherwise.

    Raises:
        ValueError: the two differ in shape.
    """

    result: Pictures
    reference: Pictures | None = None
    names: tuple[str, ...] = ()
    _kept: dict[str, Tensor] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.reference is not None and self.result.rgb.shape != self.reference.rgb.shape:
            shapes = tuple(self.result.rgb.shape), tuple(self.reference.rgb.shape)
            raise ValueError(f"prediction {shapes[0]} and truth {shapes[1]} differ in shape")

    @classmethod
    def of(cls, rgb: Tensor, truth: Tensor | None = None) -> Batch:
        """Return a batch of RGB tensors as :class:`Pictures` takes them."""
        return cls(result=Pictures(rgb=rgb), reference=None if truth is None else Pictures(rgb=truth))

    @property
    def truth(self) -> Pictures:
        """The true pictures.

        Raises:
            ValueError: there are none.
        """
        if self.reference is None:
            raise ValueError("this metric compares with the truth, and the batch has none")
        return self.reference

    def once(self, key: str, compute: Callable[[], Tensor]) -> Tensor:
        """Return what ``compute`` gives, computed once per batch and ``key``: metrics share costly steps so."""
        return _once(self._kept, key, compute)

    @cached_property
    def ab_error(self) -> Tensor:
        """Distance between predicted and true ab, ``(B, H, W)``, Lab units."""
        return length(self.result.ab - self.truth.ab)


def length(ab: Tensor) -> Tensor:
    """Return the length of each pixel's vector: ``(B, 2, H, W)`` to ``(B, H, W)``.

    ``norm(dim=1)`` gives the same, but in twenty times the time, as it reduces along a strided axis.
    """
    return torch.hypot(*ab.unbind(1))


def _once(kept: dict[str, Tensor], key: str, compute: Callable[[], Tensor]) -> Tensor:
    if key not in kept:
        kept[key] = compute()
    return kept[key]
