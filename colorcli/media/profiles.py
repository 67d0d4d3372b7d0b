"""ICC profiles: pixels in any of them become sRGB values, so that lightness means what it should.

Three ways: a picture whose profile is sRGB in all but name stays as it is; colour goes through LittleCMS; gray of any
depth goes through a table made from the profile's own tone curve, exact for 16 bits too.
"""

from __future__ import annotations

import io
import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from PIL import ImageCms

_STRIP = 1 << 20  # pixels that are converted at once
_SAME = 2  # levels of 255 by which an sRGB-like profile may differ (rounding, primaries in other digits)
_CREATED = slice(24, 36)  # the header's date, which would make equal pictures into different files
_A_DATE = struct.pack(">6H", 2024, 1, 1, 0, 0, 0)


class BrokenProfileError(ValueError):
    """The profile cannot be used."""


def space(icc: bytes) -> str:
    """Return the colour space of a profile's pixels: ``RGB``, ``GRAY``, ``CMYK``, ``Lab``, ..., or empty."""
    return icc[16:20].decode("latin-1").strip() if len(icc) > 132 and icc[36:40] == b"acsp" else ""


@lru_cache(maxsize=1)
def srgb() -> bytes:
    """Return an sRGB profile, always the same bytes."""
    from PIL import ImageCms

    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    data[_CREATED] = _A_DATE
    return bytes(data)


@lru_cache(maxsize=16)
def is_srgb(icc: bytes) -> bool:
    """Tell whether an RGB profile gives the colours of sRGB, whatever it calls itself.

    Raises:
        BrokenProfileError: LittleCMS cannot use it.
    """
    if icc == srgb():
        return True
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    patches = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
    found = np.asarray(to_srgb(Image.fromarray(patches), icc))
    return bool(np.abs(found.astype(int) - patches).max() <= _SAME)


def to_srgb(image: Image.Image, icc: bytes) -> Image.Image:
    """Convert an 8-bit picture from its profile to sRGB, relative colorimetric with black-point compensation.

    Args:
        image: of mode RGB, CMYK or LAB, whatever the profile is for.
        icc: its profile.

    Returns:
        A picture of mode RGB.

    Raises:
        BrokenProfileError: the profile is broken or for another kind of picture.
    """
    return _applied(image, icc, None)


def _applied(image: Image.Image, source: bytes | None, target: bytes | None) -> Image.Image:
    from PIL import ImageCms

    try:
        transform = _transform(source, target, image.mode)
        found = ImageCms.applyTransform(image, transform)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        raise BrokenProfileError(str(error)) from error
    if found is None:  # only when working in place
        raise BrokenProfileError("LittleCMS gave nothing back")
    return found


@lru_cache(maxsize=16)
def _transform(source: bytes | None, target: bytes | None, mode: str) -> ImageCms.ImageCmsTransform:
    from PIL import ImageCms

    return ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(source)) if source else ImageCms.createProfile("sRGB"),
        ImageCms.ImageCmsProfile(io.BytesIO(target)) if target else ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )


def colors_to_srgb(pixels: NDArray[Any], icc: bytes) -> NDArray[Any]:
    """Bring colour from its profile to sRGB: relative colorimetric with black-point compensation, neutrals neutral.

    Args:
        pixels: ``(H, W, 3)`` RGB, or ``(H, W, 4)`` CMYK (0 is no ink), uint8 or uint16.
        icc: its profile.

    Returns:
        ``(H, W, 3)`` RGB of the same type. For 16 bits it is within 1 of 65535 of exact arithmetic.

    Raises:
        BrokenProfileError: the profile is broken or for another kind of picture.
    """
    return _converted(pixels, icc, None)


def from_srgb(pixels: NDArray[Any], icc: bytes) -> NDArray[Any]:
    """Bring sRGB colour into an RGB profile, the way back of `colors_to_srgb`.

    Raises:
        BrokenProfileError: the profile is broken, or can only be read from, as those of scanners may be.
    """
    return _converted(pixels, None, icc)


def _converted(pixels: NDArray[Any], source: bytes | None, target: bytes | None) -> NDArray[Any]:
    """Convert strip by strip, so that nothing but the result is as large as the picture; None is sRGB."""
    deep = pixels.dtype == np.uint16
    convert, near = (_deep_strip, 257) if deep else (_strip, 1)
    out = np.empty((*pixels.shape[:2], 3), pixels.dtype)
    rows = max(1, _STRIP // max(pixels.shape[1], 1))
    for top in range(0, len(pixels), rows):
        strip, found = pixels[top : top + rows], out[top : top + rows]
        found[:] = convert(strip, source, target)
        if strip.shape[2] == 3:
            # LittleCMS leaves neutral pixels a hair beside neutral (its matrices have 16 bits behind the point).
            neutral = (strip[..., 0] == strip[..., 1]) & (strip[..., 1] == strip[..., 2])
            if neutral.any():
                neutral &= found.max(axis=-1) - found.min(axis=-1) <= near
                found[neutral] = found[neutral][:, 1:2]
    return out


def _strip(pixels: NDArray[Any], source: bytes | None, target: bytes | None) -> NDArray[Any]:
    image = Image.fromarray(np.ascontiguousarray(pixels), "CMYK" if pixels.shape[2] == 4 else "RGB")
    return np.asarray(_applied(image, source, target))


def _deep_strip(pixels: NDArray[Any], source: bytes | None, target: bytes | None) -> NDArray[Any]:
    import imagecodecs

    flags = imagecodecs.CMS.FLAGS
    try:
        found: NDArray[Any] = imagecodecs.cms_transform(
            np.ascontiguousarray(pixels),
            source or srgb(),
            target or srgb(),
            colorspace="cmyk" if pixels.shape[2] == 4 else "rgb",
            outcolorspace="rgb",
            intent=imagecodecs.CMS.INTENT.RELATIVE_COLORIMETRIC,
            # Optimized, it interpolates in a cube of 33 steps: up to 5,000 of 65535 off in dark colours.
            flags=flags.BLACKPOINTCOMPENSATION | flags.NOOPTIMIZE,
        )
    except (RuntimeError, ValueError, TypeError) as error:
        raise BrokenProfileError(str(error)) from error
    return found


@lru_cache(maxsize=16)
def gray_table(icc: bytes, levels: int) -> NDArray[np.uint16] | None:
    """Make the table that turns gray pixels of a profile into sRGB gray.

    For a gray profile this is its tone curve (dot gain, gamma 2.2, ...); for the neutral pixels of an RGB profile it is
    the curve of green, which the other two equal in every profile whose R = G = B is neutral.

    Args:
        icc: a gray or an RGB profile.
        levels: 256 or 65536.

    Returns:
        ``(levels,)`` uint16, values 0..levels-1; or None where the table would change nothing to speak of.

    Raises:
        BrokenProfileError: it has no such curve.
    """
    wanted = {"GRAY": b"kTRC", "RGB": b"gTRC"}.get(space(icc))
    if wanted is None:
        raise BrokenProfileError(f"not a profile for gray pixels: {space(icc) or 'no profile at all'}")
    try:
        found = _curve(_tag(icc, wanted), np.linspace(0.0, 1.0, levels))
    except (struct.error, ValueError, IndexError, KeyError) as error:
        raise BrokenProfileError(f"no usable tone curve: {error}") from error
    if not np.isfinite(found).all():
        raise BrokenProfileError("the tone curve is not finite")
    if icc[20:24] == b"Lab ":  # the curve then gives lightness, not luminance
        found = np.where(found > 0.08, ((found + 0.16) / 1.16) ** 3, found * 100 / 903.3)
    found = found.clip(0.0, 1.0)
    encoded = np.where(found <= 0.0031308, found * 12.92, 1.055 * found ** (1 / 2.4) - 0.055)
    table = (encoded * (levels - 1)).round().astype(np.uint16)
    off = np.abs(table.astype(int) - np.arange(levels)).max()
    return None if off * 255 <= _SAME * (levels - 1) else table


def _tag(icc: bytes, name: bytes) -> bytes:
    (count,) = struct.unpack_from(">I", icc, 128)
    for entry in range(132, 132 + 12 * min(count, 1000), 12):
        signature, start, size = struct.unpack_from(">4sII", icc, entry)
        if signature == name:
            return icc[start : start + size]
    raise KeyError(name.decode())


def _curve(data: bytes, x: NDArray[Any]) -> NDArray[Any]:
    """Evaluate a ``curv`` or ``para`` element (ICC.1:2022, 10.6 and 10.18) at ``x``, both 0..1."""
    found: NDArray[Any]
    if data[:4] == b"curv":
        (count,) = struct.unpack_from(">I", data, 8)
        values = np.frombuffer(data, ">u2", count, 12) if count else np.empty(0)
        if count < 2:
            found = x ** (values[0] / 256) if count else x
        else:
            found = np.interp(x, np.linspace(0.0, 1.0, count), values / 65535)
        return found
    if data[:4] != b"para":
        raise ValueError("unknown kind of curve")
    (kind,) = struct.unpack_from(">H", data, 8)
    numbers = (1, 3, 4, 5, 7)[kind]
    given = [value / 65536 for value in struct.unpack_from(f">{numbers}i", data, 12)]
    g, a, b, c, d, e, f = given + [0.0] * (7 - numbers)
    if kind == 0:
        found = x**g
    elif kind in (1, 2):
        shift = c if kind == 2 else 0.0
        found = np.where(x >= -b / a, np.maximum(a * x + b, 0.0) ** g + shift, shift)
    else:
        found = np.where(x >= d, np.maximum(a * x + b, 0.0) ** g + e, c * x + f)
    return found
