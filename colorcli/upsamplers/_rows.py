"""The shape of an upsampler: prepare once at small size, then give rows of the full picture strip by strip."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Rows(Protocol):
    """Full-size ab, a few rows at a time, so that a picture's colours are never held whole in float.

    Made by the ``prepare(ab_small, L_small, size)`` of a module in ``colorcli.upsamplers``:

    - ab_small ``(2, h, w)`` float32, L_small ``(1, h2, w2)`` in 0..100 (h2 >= h, w2 >= w, the same picture), size the
      full (H, W). Pixel centres align as in ``interpolate(align_corners=False)``.
    - The two channels are handled alike and homogeneously: scaling a channel of ab_small by k scales it in the rows
      by k. Strength and the scale of Lab are therefore applied to the small picture, where they cost nothing.
    - Constant ab stays that constant.

    Not for use by several threads at once.

    Attributes:
        needs_lightness: whether calls must bring ``L_rows``.
    """

    needs_lightness: bool

    def __call__(self, y0: int, y1: int, L_rows: Tensor | None = None) -> Tensor:
        """Return rows y0..y1 (excluded) of ab.

        Args:
            y0: first row.
            y1: row after the last.
            L_rows: ``(y1 - y0, W)`` float32 lightness of these rows, 0..100, or None if ``needs_lightness`` is false.

        Returns:
            ``(2, y1 - y0, W)`` float32, possibly a view into a buffer that the next call overwrites.
        """
        ...
