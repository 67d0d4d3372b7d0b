"""Where pictures come from, and the decoded cache they are trained from.

Sources are folders of pictures (any depth), tar shards in WebDataset style (one member per picture), or folders of
such shards; in the latter, shards called ``val-*`` are for validation and never trained on. Every picture is decoded
once, scaled to a short side of at most ``side`` pixels and appended to one memory-mapped file of bytes: 54,000
pictures of 160 pixels are 4.5 GB on disk and almost nothing in memory, and an epoch costs no decoding.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from colorcli.color import lab
from colorcli.errors import ColorcliError, MediaError, UsageError
from colorcli.media.discover import discover
from colorcli.media.photo import read

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Source:
    """A tar shard, or a folder of pictures."""

    path: Path

    @property
    def is_shard(self) -> bool:
        """Whether this is a tar file."""
        return self.path.suffix == ".tar"

    def members(self) -> Iterator[tuple[str, Path | tuple[Path, int, int]]]:
        """Yield (name, where) of each picture: a path, or (tar, offset, bytes) inside a shard."""
        if not self.is_shard:
            for path in discover(self.path):
                yield str(path.relative_to(self.path)), path
            return
        try:
            with tarfile.open(self.path) as shard:
                for member in shard:
                    if member.isfile():
                        yield member.name, (self.path, member.offset_data, member.size)
        except (tarfile.TarError, OSError) as error:
            raise MediaError(f"{self.path}: not a readable tar file: {error}") from error

    def fingerprint(self) -> list[Any]:
        """Return what changes when the pictures do: names, sizes and times."""
        if self.is_shard:
            facts = self.path.stat()
            return [str(self.path.resolve()), facts.st_size, facts.st_mtime_ns]
        rows = ((name, Path(str(path)).stat()) for name, path in self.members())
        return [str(self.path.resolve()), *((name, facts.st_size, facts.st_mtime_ns) for name, facts in rows)]


def sources(paths: Iterable[Path]) -> tuple[list[Source], list[Source]]:
    """Return (training, validation) sources of what the user named.

    Raises:
        UsageError: a path does not exist, or is neither a folder nor a tar file.
    """
    train: list[Source] = []
    val: list[Source] = []
    for path in paths:
        if path.is_dir():
            shards = sorted(path.glob("*.tar"))
            train += [Source(shard) for shard in shards if not shard.name.startswith("val")]
            val += [Source(shard) for shard in shards if shard.name.startswith("val")]
            if not shards:
                train.append(Source(path))
        elif path.suffix == ".tar" and path.is_file():
            train.append(Source(path))
        else:
            what = "is not a folder or a tar file" if path.exists() else "does not exist"
            raise UsageError(f"{path}: {what}", hint="give a folder of pictures, a .tar shard or a folder of shards")
    return train, val


@dataclass(frozen=True)
class Pictures:
    """Decoded pictures in one memory-mapped file.

    Attributes:
        pixels: all bytes, one picture after the other.
        offsets: where each begins.
        shapes: ``(N, 2)`` height and width of each.
        names: the name each had in its source; the folder part is a weak label.
        report: how many were kept and how many left out, with the reason.
    """

    pixels: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]
    shapes: npt.NDArray[np.int64]
    names: Sequence[str]
    report: dict[str, int]

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
        return Pictures(self.pixels, self.offsets[indices], self.shapes[indices], names, self.report)


def split(pictures: Pictures, share: float, seed: int) -> tuple[Pictures, Pictures]:
    """Divide into (training, validation) at random, reproducibly; at least one picture goes to each side."""
    if len(pictures) < 2:
        raise UsageError(
            f"found {len(pictures)} usable picture(s), and training needs at least 2", hint=_left_out(pictures.report)
        )
    order = np.random.default_rng(seed).permutation(len(pictures))
    held = min(max(1, round(share * len(pictures))), len(pictures) - 1)
    return pictures.subset(np.sort(order[held:])), pictures.subset(np.sort(order[:held]))


def _left_out(report: dict[str, int]) -> str:
    reasons = [f"{count} {reason}" for reason, count in report.items() if reason != "kept" and count]
    return f"left out: {', '.join(reasons)}" if reasons else "add pictures to the folder"


def cache_root() -> Path:
    """Return where decoded pictures are kept: ``$COLORCLI_CACHE``, else ``colorcli`` in the user's cache folder."""
    own = os.environ.get("COLORCLI_CACHE")
    return Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "colorcli"


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
    facts = json.dumps([[source.fingerprint() for source in found], side, gray, 1])
    folder = cache_root() / "pictures" / hashlib.sha256(facts.encode()).hexdigest()[:16]
    if not (folder / "index.npz").exists():
        _build(found, folder, side, gray, workers or os.cpu_count() or 1)
    with np.load(folder / "index.npz") as index:
        offsets, shapes = index["offsets"], index["shapes"]
        names = [name.decode("utf-8", "surrogateescape") for name in index["names"].tobytes().split(b"\0")[:-1]]
    report = json.loads((folder / "report.json").read_text())
    if not len(offsets):
        where = ", ".join(str(source.path) for source in found)
        raise UsageError(f"{where}: no usable colour picture", hint=_left_out(report))
    pixels = np.memmap(folder / "pixels.u8", np.uint8, mode="r")
    return Pictures(pixels, offsets, shapes, names, report)


def _build(found: Sequence[Source], folder: Path, side: int, gray: float, workers: int) -> None:
    members = [member for source in found for member in source.members()]
    folder.parent.mkdir(parents=True, exist_ok=True)
    report: Counter[str] = Counter(kept=0, corrupt=0, gray=0, small=0)
    offsets, shapes, names = [], [], bytearray()
    # A half-built cache never has the final name: the folder is renamed when it is complete.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".part-") as part:
        place = 0
        with (Path(part) / "pixels.u8").open("wb") as out, ProcessPoolExecutor(workers) as pool:
            tasks = ((where, side, gray) for _, where in members)
            for (name, _), result in zip(members, pool.map(_decode, tasks, chunksize=64), strict=True):
                if isinstance(result, str):
                    report[result] += 1
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
        (Path(part) / "report.json").write_text(json.dumps(report))
        ready = Path(part).rename(folder.parent / f"{folder.name}.{os.getpid()}")
        try:
            ready.rename(folder)
        except OSError:  # another process built the same cache meanwhile; both are complete and equal
            for left in ready.iterdir():
                left.unlink()
            ready.rmdir()
        Path(part).mkdir()  # what TemporaryDirectory expects to remove


def _decode(task: tuple[Path | tuple[Path, int, int], int, float]) -> Pixels | str:
    """Return the small RGB picture, or the reason why it is left out. Runs in a worker process."""
    where, side, gray = task
    torch.set_num_threads(1)
    try:
        if isinstance(where, tuple):
            path, offset, length = where
            with path.open("rb") as shard:
                shard.seek(offset)
                photo = read(io.BytesIO(shard.read(length)), name=str(path))
        else:
            photo = read(where)
    except (ColorcliError, OSError):
        return "corrupt"
    if photo.pixels.ndim == 2:
        return "gray"
    deep = photo.pixels.dtype == np.uint16
    pixels = (photo.pixels // 257 if deep else photo.pixels).astype(np.uint8, copy=False)
    if min(pixels.shape[:2]) < 16:
        return "small"
    pixels = shrink(pixels, side)
    sample = torch.from_numpy(np.ascontiguousarray(pixels[::4, ::4])).movedim(-1, 0).float() / 255
    if lab.rgb_to_lab(sample)[1:].norm(dim=0).mean() < gray:
        return "gray"
    return np.ascontiguousarray(pixels)


def shrink(pixels: Pixels, side: int) -> Pixels:
    """Scale RGB ``(H, W, 3)`` down by area averaging until its short side is at most ``side``; never enlarge."""
    import cv2

    height, width = pixels.shape[:2]
    scale = side / min(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
