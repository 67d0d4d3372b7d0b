"""Pictures and profiles made on the spot."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data


@pytest.fixture(scope="session")
def rgb() -> NDArray[np.uint8]:
    """A colour picture with odd sides, (101, 67, 3)."""
    return np.ascontiguousarray(data.astronaut()[60:161, 180:247])


@pytest.fixture(scope="session")
def gray() -> NDArray[np.uint8]:
    return np.ascontiguousarray(data.camera()[60:161, 180:247])


@pytest.fixture(scope="session")
def deepen() -> Callable[[NDArray[np.uint8]], NDArray[np.uint16]]:
    """Make 16 bits of 8, with something to lose in the lower half."""
    low = np.random.default_rng(0)

    def deepened(pixels: NDArray[np.uint8]) -> NDArray[np.uint16]:
        found = pixels.astype(np.uint16) * 257
        return found ^ low.integers(0, 256, found.shape).astype(np.uint16)

    return deepened


def _profile(space: bytes, tags: dict[bytes, bytes], pcs: bytes = b"XYZ ") -> bytes:
    """Assemble a version 2 ICC profile."""
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(4 + 4 + 2 + 1 + 67),
        b"cprt": b"text" + bytes(4) + b"none\0",
        b"wtpt": b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061),
    } | tags
    table, body, start = b"", b"", 132 + 12 * len(tags)
    for name, value in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    head = bytearray(128)
    struct.pack_into(">I4sI4s4s4s", head, 0, start + len(body), b"lcms", 0x02400000, b"mntr", space, pcs)
    head[36:40] = b"acsp"
    struct.pack_into(">3i", head, 68, 63190, 65536, 54061)
    return bytes(head) + struct.pack(">I", len(tags)) + table + body


@pytest.fixture(scope="session")
def make_profile() -> Callable[..., bytes]:
    """Assemble a profile of any colour space from tags."""
    return _profile


def _curve(values: list[int]) -> bytes:
    return b"curv" + bytes(4) + struct.pack(f">I{len(values)}H", len(values), *values)


@pytest.fixture(scope="session")
def gray_profile() -> bytes:
    """Gray, gamma 1.8 (far enough from sRGB to tell)."""
    return _profile(b"GRAY", {b"kTRC": _curve([int(1.8 * 256)])})


@pytest.fixture(scope="session")
def dot_gain_profile() -> bytes:
    """Gray with a measured curve of 64 points."""
    points = [round(65535 * (i / 63) ** 1.5) for i in range(64)]
    return _profile(b"GRAY", {b"kTRC": _curve(points)})


@pytest.fixture(scope="session")
def wide_profile() -> bytes:
    """Adobe RGB (1998): its primaries adapted to D50, gamma 2.2."""
    columns = {b"rXYZ": (39989, 20395, 1275), b"gXYZ": (13453, 41003, 3990), b"bXYZ": (9778, 4138, 48821)}
    tags = {name: b"XYZ " + bytes(4) + struct.pack(">3i", *values) for name, values in columns.items()}
    return _profile(b"RGB ", tags | {name: _curve([563]) for name in (b"rTRC", b"gTRC", b"bTRC")})


@pytest.fixture(scope="session")
def srgb_profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
