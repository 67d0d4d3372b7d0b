"""Dense optical flow of lightness, pictures carried along it, and the places where it does not hold.

A flow from one picture to another says, for each pixel p of the first, where p has gone: p of the first and
p + flow(p) of the second show the same thing. So the colours of a frame's neighbour come to the frame by
``warp(neighbour, flow(frame, neighbour))``, and two flows, there and back, tell what can be seen in both: a pixel that
does not come back to where it started is covered in the other picture, or its motion was not found.

    >>> there, back = flow(L, L_next), flow(L_next, L)      # doctest: +SKIP
    >>> error = (ab - warp(ab_next, there)).norm(dim=0)[visible(there, back)]      # doctest: +SKIP

Sources: Kroeger et al. 2016 (dense inverse search, arXiv 1603.03590), in OpenCV's form; Sundaram, Brox and Keutzer
2010 (the check there and back); Ruder, Dosovitskiy and Brox 2016 (arXiv 1604.08610, section 3.3: both masks, as Lai et
al. 2018 use them for their warping error).
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["PRESETS", "Preset", "boundary", "confidence", "flow", "inside", "resize", "scale", "visible", "warp"]

Preset = Literal["ultrafast", "fast", "medium"]
#: From quick and rough to slow and good; on 213 x 120 pixels 0.2, 0.5 and 2 ms.
PRESETS: tuple[str, ...] = get_args(Preset)
#: Pixels a side below which OpenCV refuses; smaller pictures are continued with their edge.
_LEAST = 16
#: Side of the patches that are compared, in all presets.
_PATCH = 8


def flow(first: Tensor, second: Tensor, *, preset: Preset = "medium") -> Tensor:
    """Find where each pixel of one picture is in another.

    The result does not depend on the number of threads. A change of brightness over the whole picture does not matter
    much, as patches are compared without their means.

    Args:
        first: lightness, ``(h, w)`` or ``(1, h, w)``, 0..100, any size from 1 x 1.
        second: lightness of another picture of that size.
        preset: one of :data:`PRESETS`.

    Returns:
        ``(2, h, w)`` float32 on the CPU, pixels: how far each one of ``first`` has gone to the right (0) and down (1).

    Raises:
        ValueError: the sizes differ or are not those of pictures, or the preset is unknown.
    """
    if preset not in PRESETS:
        raise ValueError(f"preset must be one of {', '.join(PRESETS)}, got {preset!r}")
    pictures = [_bytes(first), _bytes(second)]
    if pictures[0].shape != pictures[1].shape:
        raise ValueError(f"pictures must have one size, got {(*first.shape,)} and {(*second.shape,)}")
    height, width = pictures[0].shape
    short = max(_LEAST - height, 0), max(_LEAST - width, 0)
    if any(short):
        pictures = [np.pad(picture, ((0, short[0]), (0, short[1])), "edge") for picture in pictures]
    # Made anew each time: it keeps buffers, so threads could not share one, and making it takes microseconds.
    search = cv2.DISOpticalFlow.create(getattr(cv2, f"DISOPTICAL_FLOW_PRESET_{preset.upper()}"))
    search.setFinestScale(min(search.getFinestScale(), _coarsest(*pictures[0].shape)))
    start = np.zeros((*pictures[0].shape, 2), np.float32)  # the search begins without motion
    found = np.asarray(search.calc(pictures[0], pictures[1], start))[:height, :width]
    return torch.from_numpy(np.ascontiguousarray(found.transpose(2, 0, 1)))


def warp(picture: Tensor, flow: Tensor) -> Tensor:
    """Bring a picture to where a flow starts: each pixel p takes the value of ``picture`` at p + flow(p).

    Values between pixels are interpolated bilinearly, those outside are the nearest of the edge.

    Args:
        picture: ``(C, h, w)`` float, in what the flow leads to.
        flow: ``(2, h, w)``, pixels.

    Returns:
        ``(C, h, w)``, dtype and device as ``picture``.

    Raises:
        ValueError: the sizes differ.
    """
    _check(flow)
    if picture.ndim != 3 or picture.shape[1:] != flow.shape[1:]:
        raise ValueError(f"picture must be (C, h, w) with the flow's size, got {(*picture.shape,)}, {(*flow.shape,)}")
    height, width = flow.shape[1:]
    place = _targets(flow.to(picture)) * 2
    size = torch.tensor([width, height]).to(place)[:, None, None]
    grid = ((place + 1) / size - 1).permute(1, 2, 0)[None]
    return F.grid_sample(picture[None], grid, mode="bilinear", padding_mode="border", align_corners=False)[0]


def inside(flow: Tensor) -> Tensor:
    """Say which pixels of a flow stay in the picture, bool ``(h, w)``.

    Raises:
        ValueError: it is not a flow.
    """
    _check(flow)
    place = _targets(flow)
    last = torch.tensor([flow.shape[2] - 1, flow.shape[1] - 1]).to(place)[:, None, None]
    # Half a pixel, where the edge's own square ends.
    return ((place >= -0.5) & (place <= last + 0.5)).all(0)


def visible(forward: Tensor, backward: Tensor) -> Tensor:
    """Say which pixels of the first picture can be seen in the second: those that come back to where they started.

    The square of the miss may be 0.01 (forward² + back²) + 0.5 square pixels (Sundaram et al. 2010).

    Args:
        forward: ``(2, h, w)`` from the first picture to the second, pixels.
        backward: ``(2, h, w)`` from the second to the first.

    Returns:
        ``(h, w)`` bool; False where a pixel leaves the picture.

    Raises:
        ValueError: the sizes differ.
    """
    return _miss(forward, backward) < 1


def confidence(forward: Tensor, backward: Tensor) -> Tensor:
    """Say how far each pixel of a flow can be trusted: :func:`visible` without its hard edge.

    Args:
        forward: ``(2, h, w)`` from the first picture to the second, pixels.
        backward: ``(2, h, w)`` from the second to the first.

    Returns:
        ``(h, w)`` float32, 0..1: e to the power of -miss²/limit², 0 where a pixel leaves the picture; 0.37 where
        :func:`visible` changes.

    Raises:
        ValueError: the sizes differ.
    """
    return torch.exp(-_miss(forward, backward))


def boundary(flow: Tensor) -> Tensor:
    """Say where a flow has an edge, along which it belongs to neither side.

    Args:
        flow: ``(2, h, w)``, pixels.

    Returns:
        ``(h, w)`` bool: ∇u² + ∇v² > 0.01 (u² + v²) + 0.002, with central differences (Ruder et al. 2016).

    Raises:
        ValueError: it is not a flow.
    """
    _check(flow)
    ends = F.pad(flow[None], (1, 1, 1, 1), mode="replicate")[0]
    across, down = (ends[:, 1:-1, 2:] - ends[:, 1:-1, :-2]) / 2, (ends[:, 2:, 1:-1] - ends[:, :-2, 1:-1]) / 2
    steepness = across.square().sum(0) + down.square().sum(0)
    return steepness > 0.01 * flow.square().sum(0) + 0.002


def scale(flow: Tensor, size: tuple[int, int]) -> Tensor:
    """Return a flow for the same pictures at another size.

    Args:
        flow: ``(2, h, w)``, pixels.
        size: (height, width) wanted.

    Returns:
        ``(2, height, width)``, in pixels of that size.

    Raises:
        ValueError: it is not a flow, or the size is below 1 x 1.
    """
    _check(flow)
    height, width = size
    factor = torch.tensor([width / flow.shape[2], height / flow.shape[1]]).to(flow)[:, None, None]
    return resize(flow, size) * factor


def resize(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """Return ``(C, h, w)`` as ``(C, height, width)``: averaged over areas where it shrinks, else bilinear.

    Raises:
        ValueError: the size is below 1 x 1.
    """
    height, width = size
    if height < 1 or width < 1:
        raise ValueError(f"size must be at least 1 x 1, got {size}")
    if height <= picture.shape[1] and width <= picture.shape[2]:
        return F.interpolate(picture[None], size, mode="area")[0]
    return F.interpolate(picture[None], size, mode="bilinear", align_corners=False)[0]


def _bytes(L: Tensor) -> np.ndarray:
    """Return lightness as the bytes ``(h, w)`` that OpenCV's flow takes."""
    if L.ndim not in (2, 3) or (L.ndim == 3 and L.shape[0] != 1) or L.numel() == 0:
        raise ValueError(f"lightness must be (h, w) or (1, h, w), got {(*L.shape,)}")
    plane = L.detach().reshape(L.shape[-2:]).float()
    return (plane * 2.55).round().clamp(0, 255).to("cpu", torch.uint8).numpy()


def _coarsest(height: int, width: int) -> int:
    """Return how often the search halves pictures of this size, as OpenCV reckons.

    Where a preset's finest scale is beyond that, OpenCV 5.0 picks other scales by the width alone, and crashes on
    pictures much wider than high.
    """
    by_length = int(math.log2(max(height, width) / (4 * _PATCH)) + 0.5)
    return max(min(by_length, int(math.log2(min(height, width) // _PATCH))), 0)


def _check(flow: Tensor) -> None:
    if flow.ndim != 3 or flow.shape[0] != 2 or flow.numel() == 0:
        raise ValueError(f"a flow must be (2, h, w), got {(*flow.shape,)}")


def _targets(flow: Tensor) -> Tensor:
    """Return p + flow(p), ``(2, h, w)``: column and row."""
    height, width = flow.shape[1:]
    rows = torch.arange(height).to(flow)[:, None].expand(height, width)
    columns = torch.arange(width).to(flow)[None, :].expand(height, width)
    return torch.stack((columns, rows)) + flow


def _miss(forward: Tensor, backward: Tensor) -> Tensor:
    """Return miss²/limit² of the way there and back, ``(h, w)``; infinite where it leaves the picture."""
    _check(forward)
    _check(backward)
    back = warp(backward, forward)
    limit = 0.01 * (forward.square().sum(0) + back.square().sum(0)) + 0.5
    return ((forward + back).square().sum(0) / limit).masked_fill(~inside(forward), torch.inf)
