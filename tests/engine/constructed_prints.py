"""Prints made by code from colour pictures: gray, toned, partly coloured, and colour photos of several kinds.

Every maker takes float32 RGB ``(H, W, 3)`` or gray ``(H, W)`` in 0..1 and a generator, and gives RGB in 0..1.
"""

from __future__ import annotations

import colorsys
import io
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from PIL import Image
from skimage import color, data

Picture = np.ndarray[Any, Any]
Random = np.random.Generator

PICTURES = ("astronaut", "chelsea", "coffee", "rocket")
TONES = ("hue", "sepia", "ink", "cyanotype", "cream", "faded", "split", "selenium", "gold")
PARTS = ("tint", "stamp", "border", "caption", "chart", "inset")
COLOURS = ("as is", "muted", "faded", "dark", "hazy")


def pictures() -> Iterator[tuple[str, Picture]]:
    """Give scikit-image's colour photographs, float32."""
    for name in PICTURES:
        yield name, np.asarray(getattr(data, name)(), np.float32)[..., :3] / 255


def gray(rgb: Picture) -> Picture:
    return np.asarray(rgb @ np.float32([0.299, 0.587, 0.114]), np.float32)


def neutral(rgb: Picture, r: Random) -> Picture:
    tint = r.uniform(-0.012, 0.012, 3) * (r.random() < 0.6)
    return np.asarray((gray(rgb)[..., None] * (1 + tint)).clip(0, 1), np.float32)


def toned(rgb: Picture, r: Random, how: str) -> Picture:
    g = gray(rgb)[..., None]
    density = -np.log10(g.clip(0.01, 1))
    lightness = color.rgb2lab(np.repeat(g, 3, -1))[..., 0]
    t = lightness / 100
    hue, chroma, power = r.uniform(0, 2 * np.pi), r.uniform(6, 35), r.uniform(0.4, 1.6)
    if how == "sepia":  # the matrix that editors use, clipped in the lights
        out = g * (1 + (np.array([1.351, 1.203, 0.937]) - 1) * r.uniform(0.3, 1))
    elif how == "ink":
        out = [1, r.uniform(0.93, 1), r.uniform(0.75, 0.98)] * 10 ** (
            -density * [r.uniform(0.7, 1), 1, r.uniform(1, 1.5)]
        )
    elif how == "cyanotype":
        ink = np.array([r.uniform(1.3, 1.9), r.uniform(0.85, 1.05), r.uniform(0.4, 0.7)])
        out = [1, r.uniform(0.97, 1), r.uniform(0.88, 1)] * 10 ** (-density * ink)
    elif how == "cream":
        out = g * [1, r.uniform(0.93, 0.98), r.uniform(0.75, 0.93)]
    elif how == "faded":
        paper = np.array([r.uniform(0.88, 0.98), r.uniform(0.8, 0.9), r.uniform(0.5, 0.72)])
        ink = np.array([r.uniform(0.3, 0.4), r.uniform(0.2, 0.3), r.uniform(0.1, 0.2)])
        out = ink + (paper - ink) * g
    else:
        body = (4 * t * (1 - t)) ** power
        lights = np.zeros_like(t)
        if how == "split":
            chroma, body = r.uniform(4, 16), (4 * t * (1 - t)) ** 0.5
            lights = 1 / (1 + np.exp(-(t - 0.5) * r.uniform(4, 12)))
        elif how == "selenium":
            hue, chroma = r.uniform(-1, 0.3), r.uniform(4, 12)
        elif how == "gold":
            hue, chroma = r.uniform(3.9, 4.6), r.uniform(4, 10)
        other = r.uniform(0, 2 * np.pi)
        ab = [chroma * body * ((1 - lights) * f(hue) + lights * f(other)) for f in (np.cos, np.sin)]
        out = color.lab2rgb(np.stack([lightness, *ab], -1))
    return np.asarray(np.clip(out, 0, 1), np.float32)


def _field(r: Random, height: int, width: int) -> Picture:
    return cv2.resize(r.normal(0, 1, (3, 3)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)


def aged(rgb: Picture, r: Random, *, uneven: bool = True) -> Picture:
    """Fade, vignette, grain, colour noise and channels out of register: each on some of the pictures."""
    height, width = rgb.shape[:2]
    out = rgb
    if r.random() < 0.5:
        low, high = r.uniform(0, 0.15), r.uniform(0.8, 1)
        out = low + (high - low) * out
    if r.random() < 0.4:
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        out = out * (1 - r.uniform(0.1, 0.5) * (x * x + y * y) / 2)[..., None]
    if uneven and r.random() < 0.4:
        mean = out.mean(-1, keepdims=True)
        out = mean + (out - mean) * (1 + 0.25 * _field(r, height, width)).clip(0.3, 1.6)[..., None]
    if uneven and r.random() < 0.3:
        stain = _field(r, height, width).clip(0, 1.5)[..., None] * r.uniform(0.01, 0.05)
        out = out * (1 - stain * [0, 0.4, 1])
    if r.random() < 0.6:
        out = out + r.normal(0, r.uniform(0.005, 0.05), (height, width, 1))
    if r.random() < 0.6:
        out = out + r.normal(0, r.uniform(0.002, 0.02), (height, width, 3))
    out = np.array(out, np.float32)
    if r.random() < 0.3:
        shift = r.uniform(0.3, 1.2)
        for channel, d in ((0, shift), (2, -shift)):
            move = np.array([[1, 0, d], [0, 1, d / 2]], np.float32)
            plane = np.ascontiguousarray(out[..., channel])
            out[..., channel] = cv2.warpAffine(plane, move, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return out.clip(0, 1)


def stored(rgb: Picture, r: Random, *, least: int = 20) -> Picture:
    """Encode and decode as a lossy format, or not at all; uint8."""
    pixels = (rgb * 255 + 0.5).astype(np.uint8)
    form = r.choice(["PNG", "JPEG", "JPEG", "JPEG", "WEBP", "AVIF"])
    buffer = io.BytesIO()
    image = Image.fromarray(pixels)
    if form == "JPEG":
        quality = int(r.choice([q for q in (20, 35, 50, 75, 90, 95) if q >= least]))
        image.save(buffer, "JPEG", quality=quality, subsampling=int(r.choice([0, 2])))
    elif form == "AVIF":
        image.save(buffer, "AVIF", quality=int(r.choice([35, 50, 70])), speed=8)
    elif form == "WEBP":
        image.save(buffer, "WEBP", quality=int(r.choice([40, 60, 80])))
    else:
        return pixels
    return np.asarray(Image.open(buffer).convert("RGB"))


def _vivid(hue: float) -> Picture:
    return np.array(colorsys.hsv_to_rgb(hue, 0.8, 0.75), np.float32)


def _text(height: int, width: int, text: str, at: tuple[int, int], scale: float, thick: int) -> Picture:
    plane = np.zeros((height, width), np.uint8)
    cv2.putText(plane, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thick)
    return plane / np.float32(255)


def mixed(base: Picture, rgb: Picture, r: Random, how: str) -> Picture:
    """Add a coloured part to a gray or toned picture."""
    height, width = base.shape[:2]
    out = np.array(base, np.float32)
    hue = float(r.choice([0, 0.35, 0.6, 0.8]))
    if how == "tint":
        lab = color.rgb2lab(out)
        for _ in range(r.integers(1, 4)):
            mask = np.zeros((height, width), np.float32)
            middle = (int(r.uniform(0.2, 0.8) * width), int(r.uniform(0.2, 0.8) * height))
            axes = (int(r.uniform(0.08, 0.25) * width), int(r.uniform(0.08, 0.25) * height))
            cv2.ellipse(mask, middle, axes, r.uniform(0, 180), 0, 360, 1, -1)
            mask = cv2.GaussianBlur(mask, (0, 0), 2 + 0.01 * width)[..., None]
            angle, chroma = r.uniform(0, 2 * np.pi), r.uniform(15, 35)
            paint = chroma * np.array([np.cos(angle), np.sin(angle)])
            lab[..., 1:] = lab[..., 1:] * (1 - 0.5 * mask) + mask * paint
        out = color.lab2rgb(lab)
    elif how == "stamp":
        radius = int(0.12 * min(height, width))
        x, y = int(r.uniform(0.2, 0.8) * width), int(r.uniform(0.2, 0.8) * height)
        mask = _text(height, width, "ARCHIV", (x - radius + 4, y), radius / 55, max(1, radius // 14))
        cv2.circle(mask, (x, y), radius, 1, max(2, radius // 8))
        mask = cv2.GaussianBlur(mask, (0, 0), 0.7)[..., None] * 0.85
        out = out * (1 - mask) + mask * _vivid(hue) * out.clip(0.5, 1)
    elif how == "border":
        wide = int(r.uniform(0.03, 0.08) * min(height, width))
        out[:] = _vivid(hue)
        out[wide : height - wide, wide : width - wide] = base[wide : height - wide, wide : width - wide]
    elif how == "caption":
        tall = max(12, height // 10)
        ink = _text(tall, width, "Greetings from Vienna 1908", (4, int(tall * 0.75)), tall / 30, max(2, tall // 10))
        out[height - tall :] = 0.95 * (1 - ink[..., None]) + ink[..., None] * _vivid(hue)
    elif how == "chart":
        for i in range(12):
            patch = _vivid(i / 12) if i < 8 else (i - 8) / 3
            out[height - height // 10 :, i * width // 12 : (i + 1) * width // 12] = patch
    else:
        share = r.uniform(0.25, 0.6)
        tall, wide = int(height * share), int(width * share)
        y, x = int(r.uniform(0, height - tall)), int(r.uniform(0, width - wide))
        out[y : y + tall, x : x + wide] = cv2.resize(rgb, (wide, tall), interpolation=cv2.INTER_AREA)
    return np.asarray(out, np.float32).clip(0, 1)


def coloured(rgb: Picture, r: Random, how: str) -> Picture:
    out = rgb
    if how == "muted":
        lab = color.rgb2lab(rgb)
        lab[..., 1:] *= r.uniform(0.4, 0.8)
        out = color.lab2rgb(lab)
    elif how == "faded":  # as prints of the 1970s, towards magenta
        gain = np.array([1, r.uniform(0.75, 0.9), r.uniform(0.8, 0.95)])
        low = np.array([0.2, 0.08, 0.12]) * r.uniform(0.4, 1)
        out = low + (gain - low) * rgb ** np.array([0.8, 1.1, 1])
    elif how == "dark":
        out = rgb ** r.uniform(1.5, 2.5) * r.uniform(0.4, 0.8)
    elif how == "hazy":
        clear = r.uniform(0.5, 0.8)
        out = rgb * clear + (1 - clear) * np.array([0.8, 0.82, 0.85])
    return np.asarray(out, np.float32).clip(0, 1)


def prints(rgb: Picture, r: Random) -> Iterator[tuple[str, str, Picture]]:
    """Make one print of every sort: (kind, how, uint8 RGB)."""
    yield "neutral", "gray", stored(aged(neutral(rgb, r), r, uneven=False), r)
    for how in TONES:
        yield "toned", how, stored(aged(toned(rgb, r, how), r), r)
    for how in PARTS:
        base = neutral(rgb, r) if r.random() < 0.5 else toned(rgb, r, str(r.choice(TONES)))
        yield "mixed", how, stored(mixed(aged(base, r), rgb, r, how), r, least=35)
    for how in COLOURS:
        yield "color", how, stored(coloured(rgb, r, how), r)
