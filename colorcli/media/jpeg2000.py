"""JPEG 2000 of more than 8 bits per sample, in and out, through imagecodecs (OpenJPEG); lossless."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from colorcli.media import jp2, samples
from colorcli.media.samples import UnsupportedError

_SIZ = b"\xff\x4f\xff\x51"  # the codestream's first two markers


def bits(stream: BinaryIO) -> int:
    """Return the bits of the first component, from the codestream's SIZ marker; 8 where it cannot be found."""
    stream.seek(0)
    found, before = b"", 0
    for _ in range(64):  # metadata may stand before the codestream, up to 4 MB of them
        part = stream.read(1 << 16)
        found = found[-64:] + part
        place = found.find(_SIZ)
        if 0 <= place < len(found) - 42:
            return (found[place + 42] & 0x7F) + 1
        before += len(part)
        if not part:
            break
    return 8


def decode(stream: BinaryIO) -> NDArray[np.uint16]:
    """Decode a picture of 9 to 16 bits: ``(H, W)`` or ``(H, W, channels)``, full range.

    Raises:
        UnsupportedError: its samples are signed, or wider.
    """
    import imagecodecs

    profile = jp2.gather(stream).icc
    stream.seek(0)
    data = stream.read()
    if profile:  # imagecodecs would convert to sRGB by it, in 8 bits; of the codestream alone it knows no profile
        data = data[data.index(_SIZ) :]
    found = imagecodecs.jpeg2k_decode(data, numthreads=1)
    if found.dtype != np.uint16:
        raise UnsupportedError(f"JPEG 2000 of type {found.dtype} is not supported")
    return samples.full_range(found, bits(stream))


def encode(pixels: NDArray[Any], alpha: NDArray[Any] | None) -> bytes:
    """Encode a JP2 file without loss.

    Args:
        pixels: ``(H, W)`` or ``(H, W, 3)``, uint16.
        alpha: ``(H, W)`` of the same type, or None.
    """
    import imagecodecs

    array = np.ascontiguousarray(pixels if alpha is None else np.dstack((pixels, alpha)))
    data = bytes(imagecodecs.jpeg2k_encode(array, level=0, codecformat="jp2", reversible=True, numthreads=1))
    return data if alpha is None else _with_alpha_named(data, array.shape[2])


def _with_alpha_named(file: bytes, channels: int) -> bytes:
    """Say in the header which channel is transparency (ISO/IEC 15444-1, I.5.3.6); OpenJPEG's encoder does not."""
    entries = [struct.pack(">3H", channel, 0, channel + 1) for channel in range(channels - 1)]
    entries.append(struct.pack(">3H", channels - 1, 1, 0))
    box = struct.pack(">I4sH", 10 + 6 * channels, b"cdef", channels) + b"".join(entries)
    start = file.index(b"jp2h") - 4
    (size,) = struct.unpack_from(">I", file, start)
    header = struct.pack(">I", size + len(box)) + file[start + 4 : start + size] + box
    return file[:start] + header + file[start + size :]
