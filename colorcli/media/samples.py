"""Samples of every kind as 8 or 16 bits: whole numbers of any width, floating point, ink, Lab, multiplied alpha."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]

_OVERSHOOT = 0.1  # how far beyond 0..1 a few sharpened edges may reach
_FEW = 0.01  # share of the samples that may lie farther out
_STRIP = 1 << 22  # samples that are worked on at once


class UnsupportedError(ValueError):
    """A sound file of a kind that is not supported; the message says which, without the file's name."""


def levels(array: Pixels, bits: int, notes: list[str]) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Turn samples into levels of 8 or 16 bits, 0 being black and the highest white.

    Args:
        array: whole numbers or floating point.
        bits: bits per sample in the file; what the type of ``array`` holds may be more.
        notes: gets a sentence where the scale had to be guessed, or values had to be cut off.

    Returns:
        An array of the same shape: uint8 for up to 8 bits, else uint16.

    Raises:
        UnsupportedError: no picture can be made of these numbers.
    """
    match array.dtype.kind:
        case "b":
            return array.astype(np.uint8) * np.uint8(255)
        case "u" if array.dtype.itemsize <= 2:
            narrow = array.astype(array.dtype.newbyteorder("="), copy=False)
            return full_range(narrow, bits) if bits not in (8, 16) else narrow
        case "u" | "i":
            return _from_wide(array, bits, notes)
        case "f":
            return _from_float(array, notes)
    raise UnsupportedError(f"pixels of type {array.dtype} are not supported")


def full_range(array: Pixels, bits: int) -> Pixels:
    """Stretch samples of 1 to 7 bits to 8 (as uint8), of 9 to 15 bits to 16 (as uint16)."""
    if bits >= 16 or bits == 8:
        return array
    kind, most = (np.uint8, 255) if bits < 8 else (np.uint16, 65535)
    return scaled(array, (1 << bits) - 1, kind, most)


def scaled(array: Pixels, top: int, kind: Any = np.uint16, most: int = 65535) -> Pixels:
    """Stretch unsigned samples of 0..``top`` to 0..``most``; what lies above is cut off."""
    entries = np.arange(int(np.iinfo(array.dtype).max) + 1)
    table = (np.minimum(entries, top) * most + top // 2) // top
    found: Pixels = table.astype(kind)[array]
    return found


def _from_wide(array: Pixels, bits: int, notes: list[str]) -> NDArray[np.uint16]:
    """Signed numbers, and those of 32 and 64 bits: on the scale of 16 bits where they fit it, else on their own."""
    least, most = int(array.min()), int(array.max())
    if least < 0:
        raise UnsupportedError(f"whole-number pixels below 0 (down to {least}) are not supported")
    if array.dtype.itemsize == 1:
        raise UnsupportedError("signed 8-bit pixels are not supported")
    if most <= 65535:
        if bits != 16 or array.dtype.kind == "i":
            notes.append(f"{bits}-bit pixels of at most {most} are read on the scale of 0..65535")
        return array.astype(np.uint16)
    top = (1 << (bits - (array.dtype.kind == "i"))) - 1
    notes.append(f"{bits}-bit pixels are reduced to 16 bits")
    out = np.empty(array.shape, np.uint16)
    for strip, found in _strips(array, out):
        found[:] = np.rint(strip.astype(np.float64) * (65535 / top))
    return out


def _from_float(array: Pixels, notes: list[str]) -> NDArray[np.uint16]:
    """Floating point: 0..1, or 0..255, or 0..65535, whichever holds nearly all samples."""
    least, most = float(array.min()), float(array.max())
    if not (np.isfinite(least) and np.isfinite(most)):  # NaN goes through min() and max()
        raise UnsupportedError("the picture holds NaN or infinite values")
    top = _scale(array, least, most)
    if top != 1:
        notes.append(f"floating-point pixels of up to {most:.6g} are read on the scale of 0..{top}")
    if least < 0 or most > top:
        notes.append(f"floating-point pixels outside of 0..{top} ({least:.4g}..{most:.4g}) are cut off")
    out = np.empty(array.shape, np.uint16)
    for strip, found in _strips(array, out):
        # In double precision: 16 bits of single precision are not exact to the last level.
        found[:] = np.rint(strip.astype(np.float64).clip(0, top) * (65535 / top))
    return out


def _scale(array: Pixels, least: float, most: float) -> int:
    for top in (1, 255, 65535):
        # A few far-off samples (a specular light, a sharpened edge) do not make another scale.
        if most <= (1 + _OVERSHOOT) * top or (most <= 4 * top and _share(array > top) <= _FEW):
            if least >= -_OVERSHOOT * top or (least >= -top and _share(array < 0) <= _FEW):
                return top
            break
    raise UnsupportedError(
        f"floating-point pixels of {least:.4g}..{most:.4g} fit none of the scales 0..1, 0..255 and 0..65535"
    )


def _share(which: Pixels) -> float:
    return float(np.count_nonzero(which) / which.size)


def _strips(array: Pixels, out: Pixels) -> Any:
    rows = max(1, _STRIP // max(array[:1].size, 1))
    for start in range(0, len(array), rows):
        yield array[start : start + rows], out[start : start + rows]


def unmultiplied(color: Pixels, alpha: Pixels) -> Pixels:
    """Take alpha out of colour that was multiplied by it.

    Args:
        color: ``(H, W)`` or ``(H, W, 3)``, uint8 or uint16.
        alpha: ``(H, W)`` of the same type.
    """
    most = int(np.iinfo(color.dtype).max)
    out = np.empty_like(color)
    over = alpha if color.ndim == 2 else alpha[..., None]
    rows = max(1, _STRIP // max(color[:1].size, 1))
    for start in range(0, len(color), rows):
        part = np.maximum(over[start : start + rows], 1).astype(np.uint64)
        ink = color[start : start + rows].astype(np.uint64)
        out[start : start + rows] = np.minimum((ink * most + part // 2) // part, most)
    return out


def from_ink(ink: Pixels) -> Pixels:
    """CMYK to RGB without a profile: (1 - C)(1 - K) and so on, as Pillow does it for 8 bits.

    Args:
        ink: ``(H, W, 4)``, uint8 or uint16, 0 being no ink.
    """
    most = int(np.iinfo(ink.dtype).max)
    out = np.empty((*ink.shape[:2], 3), ink.dtype)
    for strip, found in _strips(ink, out):
        paper = most - strip.astype(np.uint64)
        found[:] = (paper[..., :3] * paper[..., 3:] + most // 2) // most
    return out


def from_lab(array: Pixels, *, icc_encoded: bool) -> NDArray[np.uint16]:
    """CIE L*a*b* (D50) of 16 bits to sRGB (TIFF 6.0, section 23; ICC.1:2001-04, 6.3.4.2).

    Args:
        array: ``(H, W, 3)`` uint16.
        icc_encoded: as in ICC profiles (a* and b* moved up by 128, L* of 100 at 65280); otherwise as in TIFF's own
            CIELab (a* and b* signed, L* of 100 at 65535).
    """
    out = np.empty(array.shape, np.uint16)
    for strip, found in _strips(array, out):
        if icc_encoded:
            lab = strip / np.array([652.8, 256, 256]) - np.array([0, 128, 128])
        else:
            lab = np.dstack((strip[..., :1] / 655.35, strip[..., 1:].view(np.int16) / 256))
        fy = (lab[..., 0] + 16) / 116
        f = np.stack((fy + lab[..., 1] / 500, fy, fy - lab[..., 2] / 200), axis=-1)
        xyz = np.where(f > 6 / 29, f**3, (f - 4 / 29) * (108 / 841))
        linear = (xyz @ _LINEAR_OF_LAB).clip(0, 1)
        encoded = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
        found[:] = np.rint(encoded * 65535)
    return out


# XYZ, as shares of the white of D50, to linear sRGB, whose white is then (1, 1, 1); Bradford's adaptation. Transposed.
_LINEAR_OF_LAB = np.linalg.inv(
    np.array([[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]])
    / np.array([[0.9642200], [1.0], [0.8252100]])
).T
