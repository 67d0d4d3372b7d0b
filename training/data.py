"""The decoded cache that pictures are trained from.

Every picture of the sources (:mod:`colorcli.training.sources`) is decoded once, scaled to a short side of at most
``side`` pixels and appended to one memory-mapped file of bytes: 54,000 pictures of 160 pixels are 4.5 GB on disk and
almost nothing in memory, and an epoch costs no decoding. Corrupt, gray and nearly gray ones are left out and counted.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from colorcli.color import lab
from colorcli.errors import ColorcliError, UsageError
from colorcli.training.sources import Source, Where, pixels_of
from colorcli.weights.cache import cache_root

Pixels = npt.NDArray[np.uint8]
#: Why a picture is left out. A gray one has one channel, or chroma that only its compression gave it.
REASONS = ("corrupt", "gray", "nearly gray", "small")
#: Mean chroma, Lab units, below which a picture counts as gray, not as nearly gray.
GRAY = 0.5
#: How many names of pictures left out are kept for each reason.
_NAMED = 100


@dataclass(frozen=True)
class Pictures:
    """Decoded pictures in one memory-mapped file.

    Attributes:
        pixels: all bytes, one picture after the other.
        offsets: where each begins.
        shapes: ``(N, 2)`` height and width of each.
        names: the name each had in its source; the folder part is a weak label.
        report: how many were kept and how many left out, with the reason.
        without: names of those left out by reason, the first hundred of each.
        labels: ``(N,)`` int64, the number of each picture's class, -1 where unknown; see
            :mod:`colorcli.training.labels`. None where nobody asked.
    """

    pixels: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]
    shapes: npt.NDArray[np.int64]
    names: Sequence[str]
    report: dict[str, int]
    without: dict[str, list[str]] = field(default_factory=dict)
    labels: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.offsets)

    def __getitem__(self, index: int) -> Pixels:
        """Return picture ``index``, RGB uint8 ``(H, W, 3)``, a view of the file."""
        height, width = self.shapes[index]
        start = self.offsets[index]
        return self.pixels[start : start + height * width * 3].reshape(height, width, 3)

    def subset(self, indices: npt.NDArray[np.int64]) -> Pictures:
        """Return some of the pictures; the bytes are shared."""
        names = [self.names[index] for index in indices]
        labels = None if self.labels is None else self.labels[indices]
        return replace(self, offsets=self.offsets[indices], shapes=self.shapes[indices], names=names, labels=labels)


def left_out(report: dict[str, int]) -> str:
    """Return in words how many pictures were left out and why; nothing if none were."""
    reasons = [f"{count} {reason}" for reason, count in report.items() if reason != "kept" and count]
    return f"left out: {', '.join(reasons)}" if reasons else ""


def load(found: Sequence[Source], *, side: int, gray: float, workers: int | None = None) -> Pictures:
    """Decode the pictures of all sources into the cache, or open what an earlier run left there.

    Args:
        found: shards and folders.
        side: longest short side kept; smaller pictures are not enlarged.
        gray: pictures with a lower mean chroma are left out.
        workers: processes that decode; None takes one per core.

    Raises:
        UsageError: there is no usable picture.
    """
    facts = json.dumps([[source.fingerprint() for source in found], side, gray, 2])
    folder = cache_root() / "pictures" / hashlib.sha256(facts.encode()).hexdigest()[:16]
    if not (folder / "index.npz").exists():
        _build(found, folder, side, gray, workers or os.cpu_count() or 1)
    with np.load(folder / "index.npz") as index:
        offsets, shapes = index["offsets"], index["shapes"]
        names = [name.decode("utf-8", "surrogateescape") for name in index["names"].tobytes().split(b"\0")[:-1]]
    told = json.loads((folder / "report.json").read_text())
    report, without = told["report"], told["without"]
    if not len(offsets):
        where = ", ".join(str(source.path) for source in found)
        hint = left_out(report) or "add pictures to the folder"
        raise UsageError(f"{where}: no usable colour picture", hint=hint)
    pixels = np.memmap(folder / "pixels.u8", np.uint8, mode="r")
    return Pictures(pixels, offsets, shapes, names, report, without)


def _build(found: Sequence[Source], folder: Path, side: int, gray: float, workers: int) -> None:
    members = [member for source in found for member in source.members()]
    folder.parent.mkdir(parents=True, exist_ok=True)
    report = dict.fromkeys(("kept", *REASONS), 0)
    without: dict[str, list[str]] = {}
    offsets, shapes, names = [], [], bytearray()
    # A half-built cache never has the final name: the folder is renamed when it is complete.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".part-") as part:
        place = 0
        with (Path(part) / "pixels.u8").open("wb") as out, ProcessPoolExecutor(workers) as pool:
            tasks = ((where, side, gray) for _, where in members)
            for (name, _), result in zip(members, pool.map(_decode, tasks, chunksize=64), strict=True):
                if isinstance(result, str):
                    report[result] += 1
                    without.setdefault(result, []).append(name)
                    continue
                report["kept"] += 1
                out.write(result.data)
                offsets.append(place)
                shapes.append(result.shape[:2])
                names += name.encode("utf-8", "surrogateescape") + b"\0"
                place += result.size
        np.savez(
            Path(part) / "index.npz",
            offsets=np.array(offsets, np.int64),
            shapes=np.array(shapes, np.int64).reshape(-1, 2),
            names=np.frombuffer(bytes(names), np.uint8),
        )
        named = {reason: names[:_NAMED] for reason, names in without.items()}
        (Path(part) / "report.json").write_text(json.dumps({"report": report, "without": named}))
        ready = Path(part).rename(folder.parent / f"{folder.name}.{os.getpid()}")
        try:
            ready.rename(folder)
        except OSError:  # another process built the same cache meanwhile; both are complete and equal
            for left in ready.iterdir():
                left.unlink()
            ready.rmdir()
        Path(part).mkdir()  # what TemporaryDirectory expects to remove


def _decode(task: tuple[Where, int, float]) -> Pixels | str:
    """Return the small RGB picture, or the reason why it is left out. Runs in a worker process."""
    where, side, gray = task
    torch.set_num_threads(1)
    try:
        pixels = _pixels(pixels_of(where))
    except ColorcliError:
        return "corrupt"
    if pixels.ndim == 2:
        return "gray"
    if min(pixels.shape[:2]) < 16:
        return "small"
    pixels = shrink(pixels, side)
    sample = torch.from_numpy(np.ascontiguousarray(pixels[::4, ::4])).movedim(-1, 0).float() / 255
    chroma = float(lab.rgb_to_lab(sample)[1:].norm(dim=0).mean())
    if chroma < gray:
        return "gray" if chroma < GRAY else "nearly gray"
    return np.ascontiguousarray(pixels)


def _pixels(found: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> Pixels:
    return (found // 257 if found.dtype == np.uint16 else found).astype(np.uint8, copy=False)


def shrink(pixels: Pixels, side: int) -> Pixels:
    """Scale RGB ``(H, W, 3)`` down by area averaging until its short side is at most ``side``; never enlarge."""
    import cv2

    height, width = pixels.shape[:2]
    scale = side / min(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
