"""Is a photo gray, toned, in colour, or a mixture? Judged on area averages, in Lab, with the numbers behind it.

In a print of one ink or toner the colour is a function of the lightness: all of it lies near one curve ab(L), be it
sepia, a cyanotype, yellowed paper or a split tone with one hue for the shadows and another for the lights. So a smooth
curve is fitted, robustly and on the inner part of the picture, because borders and captions are at its edges; what
counts is how far from it things lie, and how much of them:

* neutral: on the curve, and the curve is not visibly coloured (mean chroma below 2.3, a just noticeable difference).
  A faint cast of paper or scanner is neutral.
* toned: on the curve.
* mixed: most of it so closely on the curve as only a print can be, but parts far off: hand tints, a stamp, a chart.
* color: all else.

Distances along the tone's own hue count less than those across it: fading and stains change how strong a tone is, not
its hue. Averaging (a cell is a ten-thousandth of the picture, a distance the mean of 7 x 7) takes out grain, chroma
noise and JPEG's blocks.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
import torch

from colorcli.color.lab import rgb_to_lab
from colorcli.media.photo import Photo

__all__ = ["Kind", "Triage", "judge"]

Kind = Literal["neutral", "toned", "color", "mixed"]
Floats = npt.NDArray[np.float32]

#: Cells a photo is averaged to, about; rows of pixels that are read for a row of cells, at most.
_CELLS, _ROWS = 10_000, 4
#: Nodes of the curve over L.
_NODES = 20
#: Stiffness of the curve against the cells' pull.
_STIFFNESS = 0.02
#: No node counts more than this share of the cells, so that a white page does not hide a picture on it.
_NODE_SHARE = 0.15
#: Chroma of the curve from which distances along its hue count half.
_ALONG = 4.0
#: Cells a side that a distance is averaged over.
_WINDOW = 7
#: Mean chroma of the curve: a just noticeable difference (Mahy 1994); more than inks and toners give.
_VISIBLE, _TOO_STRONG = 2.3, 50.0
#: Distance from which a place counts as off the curve in the numbers.
_OFF = 5.0
#: Weights of (1, ln(0.3 + x) for the six numbers of `Triage._evidence`) for mixed and for color, against a print.
#: Multinomial logistic regression on prints constructed from 240 training pictures, and these pictures themselves.
_MIXED = (-8.96, -1.42, -0.11, 1.14, 3.24, -0.22, 0.20)
_COLOR = (1.25, 3.16, 0.64, 1.40, 1.84, -1.56, 0.96)
#: Finest step and end of the histograms that quantiles are taken from, Lab units.
_STEP, _END = 0.01, 150.0


@dataclass(frozen=True, kw_only=True)
class Triage:
    """What a photo was judged to be, and why. All lengths are CIE Lab units (D65).

    Attributes:
        kind: ``neutral``, ``toned``, ``color`` or ``mixed``.
        chroma: mean chroma.
        chroma_p95, chroma_p99: 95th and 99th percentile of chroma.
        tone: mean chroma of the tone curve.
        hue: hue of the tone curve's mean, degrees 0..360; None where that is nearly gray.
        bend: how far the tone curve goes from its mean, root of the mean square, along its main direction.
        lightness: range of L from the 2nd to the 98th percentile.
        off_p25, off_p75, off_p99: percentiles of the distance from the curve, in the inner part of the photo.
        off_p99_all: the same, in all of it.
        off_share: share of the photo that is farther than 5 from the curve.
        off_area: share of the photo in the largest connected part of that.
    """

    kind: Kind
    chroma: float = 0.0
    chroma_p95: float = 0.0
    chroma_p99: float = 0.0
    tone: float = 0.0
    hue: float | None = None
    bend: float = 0.0
    lightness: float = 0.0
    off_p25: float = 0.0
    off_p75: float = 0.0
    off_p99: float = 0.0
    off_p99_all: float = 0.0
    off_share: float = 0.0
    off_area: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the fields, numbers rounded to 4 digits after the point."""
        values = dataclasses.asdict(self)
        return {key: round(value, 4) if isinstance(value, float) else value for key, value in values.items()}

    def _evidence(self) -> Floats:
        """Return what :data:`_MIXED` and :data:`_COLOR` weigh, ``(7,)``."""
        numbers = (self.off_p25, self.off_p75, self.off_p99, self.off_p99_all, self.lightness, self.bend)
        return np.array([1.0, *np.log(0.3 + np.array(numbers))], np.float32)


def judge(photo: Photo) -> Triage:
    """Judge a photo; a few milliseconds, whatever its size.

    Pixels that are more than half transparent do not count. A picture of very few pixels can hardly leave the curve:
    it is neutral or toned unless its colour is stronger than any tone.

    Args:
        photo: pixels ``(H, W)``, neutral at once, or ``(H, W, 3)`` RGB; uint8 or uint16, any size from 1 x 1.

    Returns:
        The kind, with the numbers behind it.
    """
    if photo.pixels.ndim == 2:
        return Triage(kind="neutral")
    cells, seen = _cells(photo.pixels, photo.alpha)
    if not seen.any():
        return Triage(kind="neutral")
    found = _measure(cells, seen)
    return dataclasses.replace(found, kind=_kind(found))


def _kind(found: Triage) -> Kind:
    evidence = found._evidence()
    mixed, color = float(evidence @ np.array(_MIXED)), float(evidence @ np.array(_COLOR))
    if found.tone > _TOO_STRONG or color > max(0.0, mixed):
        return "color"
    if mixed > 0:
        return "mixed"
    return "toned" if found.tone >= _VISIBLE else "neutral"


def _cells(pixels: npt.NDArray[Any], alpha: npt.NDArray[Any] | None) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Average a photo over equal squares, of which a few rows are read.

    Returns:
        ``(h, w, 3)`` float32 0..1, and where cells are opaque, ``(h, w)``.
    """
    height, width = pixels.shape[:2]
    side = max(1, int(np.ceil(np.sqrt(height * width / _CELLS))))
    tall, wide = min(side, height), min(side, width)
    h, w = height // tall, width // wide
    step = max(1, tall // _ROWS)
    top = float(np.iinfo(pixels.dtype).max)

    def read(plane: npt.NDArray[Any]) -> npt.NDArray[Any]:
        bands = plane[: h * tall].reshape(h, tall, *plane.shape[1:])[:, step // 2 :: step, : w * wide]
        return np.ascontiguousarray(bands).reshape(-1, w * wide, *plane.shape[2:])

    def average(rows: npt.NDArray[Any]) -> Floats:
        small = cv2.resize(rows, (w, h), interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.float32) / top

    rows = read(pixels)
    if alpha is None:
        return average(rows), np.ones((h, w), np.bool_)
    see_through = read(alpha)
    if see_through.min() > top / 2:
        return average(rows), np.ones((h, w), np.bool_)
    opaque = np.where(see_through > top / 2, pixels.dtype.type(top), pixels.dtype.type(0))
    share = average(opaque)
    colours = average(np.asarray(cv2.copyTo(rows, (opaque > 0).astype(np.uint8))))
    return (colours / share.clip(1e-3, 1)[..., None]).clip(0, 1), share >= 0.5


def _measure(cells: Floats, seen: npt.NDArray[np.bool_]) -> Triage:
    """Measure everything; the kind is left open."""
    h, w = seen.shape
    planes = rgb_to_lab(torch.from_numpy(np.ascontiguousarray(np.moveaxis(cells, -1, 0)))).numpy().reshape(3, -1)
    lightness, ab = planes[0], planes[1:]
    inner = np.zeros((h, w), np.bool_)
    inner[h // 10 : h - h // 10, w // 10 : w - w // 10] = True
    flat = seen.ravel()
    within = inner.ravel() & flat
    if not within.any():
        within = flat
    nodes = _fit(lightness[within], ab[:, within])
    curve = _at(nodes, lightness)
    bins = (lightness * (_NODES / 100)).astype(np.intp).clip(0, _NODES - 1)
    counts = np.bincount(bins[flat], minlength=_NODES) / np.count_nonzero(flat)
    weights = (np.minimum(1, _NODE_SHARE / np.maximum(counts, 1e-9))[bins] * flat).astype(np.float32)

    def blur(values: Floats, window: int) -> Floats:
        plane = np.ascontiguousarray(values * flat).reshape(h, w)
        kind = cv2.BORDER_REFLECT_101 if min(h, w) > window else cv2.BORDER_REPLICATE
        return np.asarray(cv2.blur(plane, (window, window), borderType=kind), np.float32).ravel()

    a, b = blur(ab[0] - curve[0], _WINDOW), blur(ab[1] - curve[1], _WINDOW)
    tone = np.hypot(curve[0], curve[1])
    safe = np.maximum(tone, 1e-6)
    across = (a * curve[1] - b * curve[0]) / safe
    along = (a * curve[0] + b * curve[1]) / safe / (1 + tone / _ALONG)
    off = np.hypot(across, along)
    chroma = np.hypot(blur(ab[0], 3), blur(ab[1], 3))

    far = ((off > _OFF) & flat).astype(np.uint8).reshape(h, w)
    _, _, parts, _ = cv2.connectedComponentsWithStats(far, connectivity=8)
    share = np.minimum(counts, 0.1) / np.minimum(counts, 0.1).sum()
    middle = share @ nodes
    spread = ((nodes - middle) * share[:, None]).T @ (nodes - middle)
    total = float(weights.sum())
    mean_tone = float(weights[within] @ tone[within] / weights[within].sum())
    low, high = _quantiles(lightness, weights, (0.02, 0.98))
    p95, p99 = _quantiles(chroma, weights, (0.95, 0.99))
    p25, p75, far99 = _quantiles(off[within], weights[within], (0.25, 0.75, 0.99))
    gray = float(np.hypot(*middle)) < 1
    return Triage(
        kind="neutral",
        chroma=float(weights @ chroma) / total,
        chroma_p95=p95,
        chroma_p99=p99,
        tone=mean_tone,
        hue=None if gray else float(np.degrees(np.arctan2(middle[1], middle[0])) % 360),
        bend=float(np.sqrt(max(np.linalg.eigvalsh(spread)[1], 0.0))),
        lightness=high - low,
        off_p25=p25,
        off_p75=p75,
        off_p99=far99,
        off_p99_all=_quantiles(off, weights, (0.99,))[0],
        off_share=float(weights @ (off > _OFF)) / total,
        off_area=float(parts[1:, cv2.CC_STAT_AREA].max(initial=0) / np.count_nonzero(flat)),
    )


def _fit(lightness: Floats, ab: Floats) -> npt.NDArray[np.float64]:
    """Fit a smooth curve ab(L) to most of the cells, whatever the others do; ``(NODES, 2)``.

    A smoothing spline (Whittaker 1923: second differences are penalized) to the cells' medians, then to means that
    leave out what is far from it (iteratively reweighted).
    """
    bins = (lightness * (_NODES / 100)).astype(np.intp).clip(0, _NODES - 1)
    counts = np.bincount(bins, minlength=_NODES)
    ordered = ab[:, np.argsort(bins, kind="stable")]
    values = np.zeros((_NODES, 2))
    for node, part in enumerate(np.split(ordered, np.cumsum(counts)[:-1], axis=1)):
        if part.size:
            values[node] = np.median(part, axis=1)
    nodes = _smooth(values, counts / len(lightness))
    for _ in range(3):
        curve = _at(nodes, lightness)
        distance = np.hypot(ab[0] - curve[0], ab[1] - curve[1])
        trust = 1 / (1 + (distance / max(1.0, 1.5 * float(np.median(distance)))) ** 2) ** 2
        weights = np.bincount(bins, trust, _NODES)
        sums = np.stack([np.bincount(bins, trust * plane, _NODES) for plane in ab], axis=1)
        nodes = _smooth(sums / np.maximum(weights, 1e-9)[:, None], weights / len(lightness))
    return nodes


def _smooth(values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    weights = np.minimum(weights, 0.1)
    second = np.diff(np.eye(_NODES), 2, axis=0)
    pull = _STIFFNESS * weights.sum() / _NODES * (second.T @ second)
    system = np.diag(weights) + pull + 1e-9 * np.eye(_NODES)
    return np.asarray(np.linalg.solve(system, weights[:, None] * values))


def _at(nodes: npt.NDArray[np.float64], lightness: Floats) -> Floats:
    """Return the curve at each cell's lightness, ``(2, N)``; constant beyond the outer nodes."""
    where = (np.arange(_NODES) + 0.5) * (100 / _NODES)
    return np.stack([np.interp(lightness, where, nodes[:, i]) for i in range(2)]).astype(np.float32)


def _quantiles(values: Floats, weights: Floats, shares: tuple[float, ...]) -> list[float]:
    """Return weighted quantiles of values 0..150, to a hundredth."""
    codes = (values.clip(0, _END) * (1 / _STEP)).astype(np.intp)
    below = np.cumsum(np.bincount(codes, weights))
    return [float(np.searchsorted(below, share * below[-1])) * _STEP for share in shares]
