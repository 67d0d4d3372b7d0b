"""A film as a folder of numbered pictures: a folder of pictures out, with the same steady colours.

Pictures are photos: depth, transparency and metadata stay as they do for photos, and each gets its name once it is
complete. Which of them are done for good is written down as for films (`colorcli.engine.clip.work`).
"""

from __future__ import annotations

import itertools
import re
import shutil
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from colorcli.color.lab import rgb_to_lab
from colorcli.engine import _shrink
from colorcli.engine.clip import known
from colorcli.engine.clip.frames import Colors, Frame
from colorcli.engine.clip.options import SteadyOptions
from colorcli.engine.clip.passage import Passage
from colorcli.engine.clip.result import FilmResult, result_of
from colorcli.engine.clip.segments import Steadying
from colorcli.engine.clip.steady import Steady
from colorcli.engine.clip.work import Workplace
from colorcli.engine.colorizer import Colorizer
from colorcli.engine.options import RunOptions
from colorcli.engine.prepared import Prepared
from colorcli.engine.stamp import Stamp
from colorcli.errors import MediaError, SomeFailedError, UsageError
from colorcli.media import photo as photos
from colorcli.media._messages import from_os_error, printable
from colorcli.media.atomic import writing
from colorcli.media.formats import READ_SUFFIXES, output_suffix
from colorcli.media.photo import Photo
from colorcli.media.video import spool
from colorcli.media.video.picture import Point

#: Frames a second that times of a sequence are reckoned with; nothing else depends on it.
RATE = 24


@dataclass(frozen=True)
class Still:
    """A picture of a sequence.

    Attributes:
        number: its place, from 0.
        path: its file.
        photo: what is in it.
    """

    number: int
    path: Path
    photo: Photo

    @property
    def point(self) -> Point:
        """How to find it again."""
        return Point(self.number, self.number, 0)


def find(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the numbered pictures of a folder in order, and what should be known about them.

    Raises:
        MediaError: it cannot be listed, or there are none.
        UsageError: two pictures have one number.
    """
    try:
        paths = [path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file()]
    except OSError as error:
        raise from_os_error(error, folder) from error
    numbered: dict[int, Path] = {}
    for path in sorted(paths):
        digits = re.search(r"(\d+)\D*$", path.stem)
        if path.suffix.lower() not in READ_SUFFIXES or digits is None:
            continue
        number = int(digits[1])
        if number in numbered:
            both = f"{printable(numbered[number].name)} and {printable(path.name)}"
            raise UsageError(f"two pictures of the sequence have one number: {both}", hint="take one of them away")
        numbered[number] = path
    if not numbered:
        raise MediaError(
            f"{printable(folder)}: no numbered pictures in it",
            hint="`colorcli video` takes frames such as 0001.png; `colorcli folder` takes photos",
        )
    numbers = sorted(numbered)
    gaps = [(a + 1, b - 1) for a, b in itertools.pairwise(numbers) if b > a + 1]
    notes = []
    if gaps:
        told = ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in gaps[:3]) + (" ..." if len(gaps) > 3 else "")
        notes.append(f"numbers are missing in the sequence: {told}")
    return [numbered[number] for number in numbers], notes


class SequenceRun:
    """A sequence that is about to be colorized.

    Args:
        folder: of its pictures.
        output: folder that takes the results; made if it is not there.
        colorizer: the model.
        how: how photos are written; ``overwrite``, ``force``, ``quality``, ``profile``, ``provenance`` count.
        steady: how colours are held still.

    Attributes:
        total: how many pictures there are.
        safe: how many are done for good.
        warnings: what should be known.
        failed: sentences about pictures that could not be read.

    Raises:
        MediaError: there are no pictures, or the output cannot be made or holds files that are not to be replaced.
        UsageError: input and output are one folder; two pictures have one number.
    """

    def __init__(
        self,
        folder: Path,
        output: Path,
        colorizer: Colorizer,
        how: RunOptions,
        steady: SteadyOptions,
    ) -> None:
        if folder.resolve() == output.resolve():
            raise UsageError(f"{str(folder)!r} is both input and output", hint="name another folder with -o")
        self._paths, self.warnings = find(folder)
        self._folder, self._output, self._colorizer, self._how = folder, output, colorizer, how
        self._steady = steady
        if steady.keyframes is not None:
            raise UsageError("--keyframes is for films in files", hint="leave it out")
        self._steadying()  # so that what is wrong with a list of shots is told now
        self._plan = {
            "settings": known.decisive(colorizer),
            "weights": colorizer.weights_sha256,
            "steadying": known.settings_of(steady),
            "sequence": _known(self._paths),
            "written": [how.quality, how.profile, how.provenance],
        }
        self._stamp = Stamp(colorizer, how)
        self._size: tuple[int, int] | None = None
        self.total, self.safe = len(self._paths), 0
        self.failed: list[str] = []

    @property
    def output(self) -> str:
        """The output's name."""
        return str(self._output)

    def plan(self) -> dict[str, Any]:
        """Return what would be done, JSON-able."""
        return {"frames": self.total, "notes": self.warnings, "rate": None, "seconds": None}

    def close(self) -> None:
        """Do nothing: a sequence holds no file open."""

    def run(self) -> Generator[tuple[int, FilmResult | None]]:
        """Colorize; yield the number of pictures done as they come, and with the last one the result.

        Raises:
            ColorcliError: what is wrong with the disk, the device or the output.
            SomeFailedError: some pictures could not be read; all others are done.
        """
        begun = time.perf_counter()
        try:
            self._output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise from_os_error(error, self._output, doing="write") from error
        work = Workplace(self._output, self._plan, afresh=self._how.force)
        self.warnings += [work.warning] if work.warning else []
        before = self.safe = sum(segment.frames for segment in work.segments)
        passage = Passage(
            self._pictures, self._eye, self._steadying, lambda file: _Stills(self, file), work, lambda: (*self.failed,)
        )
        done = False
        try:
            if not work.segments and not self._how.overwrite:
                self._check_free()
            if not work.done:
                for count in passage.run():
                    self.safe = sum(segment.frames for segment in work.segments)
                    yield count, None
            self.safe = sum(segment.frames for segment in work.segments)
            failed = list(dict.fromkeys(note for segment in work.segments for note in segment.notes))
            seconds, fresh = time.perf_counter() - begun, self.safe - before
            done = True
            result = result_of(
                self._folder,
                self._output,
                self._colorizer,
                work.segments,
                seconds=seconds,
                rate=fresh / seconds if fresh else None,
                stages=passage.stages,
                film={"frames": self.total, "size": [*self._size] if self._size else None},
                warnings=failed,
            )
            yield self.safe, result
            if failed:
                raise SomeFailedError(
                    f"{len(failed)} of {self.total} pictures of the sequence are left out: {failed[0]}",
                    hint="mend or take away what cannot be read, then run it again with --overwrite",
                )
        finally:
            work.close(remove=done)

    def _steadying(self) -> Steadying:
        """Return a steadying that knows nothing yet."""
        return Steady(self._colorizer, self._steady).colors

    def target(self, path: Path) -> Path:
        """Return the name of a picture's result."""
        return self._output / f"{path.stem}{output_suffix(path)}"

    def write(self, still: Still, colors: Colors, frame: Frame) -> None:
        """Give a picture its colours and write it, or copy it where it was in colour already."""
        target = self.target(still.path)
        if colors.keep:
            with writing(target, overwrite=True) as file, still.path.open("rb") as source:
                shutil.copyfileobj(source, file)
            return
        colored = self._stamp(self._colorizer.finish(still.photo, frame.prepared, colors.ab), frame.prepared)
        photos.write(colored, target, overwrite=True, quality=self._how.quality, profile=self._how.profile)

    def _check_free(self) -> None:
        for path in self._paths:
            target = self.target(path)
            if target.exists():
                raise MediaError(f"the output exists already: {printable(target)}", hint="--overwrite replaces it")

    def _pictures(self, at: Point | None, run_up: int) -> Iterator[Still]:
        first = 0 if at is None else at.number - run_up
        for number in range(first, len(self._paths)):
            path = self._paths[number]
            try:
                photo = photos.read(path)
            except MediaError as error:
                self.failed.append(str(error.message))
                continue
            size = photo.pixels.shape[:2]
            self._size = self._size or (size[0], size[1])
            if size != self._size:
                self.failed.append(
                    f"{printable(path)}: {size[1]} x {size[0]} pixels, where the others have"
                    f" {self._size[1]} x {self._size[0]}"
                )
                continue
            yield Still(number, path, photo)

    def _eye(self, still: Still) -> Frame:
        prepared = self._colorizer.prepare(still.photo)
        return Frame(still.number, still.number / RATE, prepared, _own_colors(still.photo, prepared))


class _Stills:
    """Writes the pictures of a segment; the segment's own file only marks that it is complete."""

    def __init__(self, run: SequenceRun, file: BinaryIO | None) -> None:
        self._run = run
        self.stages = {"merge and encode": 0.0}
        if file is None:
            raise ValueError("a segment needs a file")
        self._file = file
        spool.begin(file, {})

    def add(self, picture: Still, colors: Colors, frame: Frame) -> None:
        begun = time.perf_counter()
        self._run.write(picture, colors, frame)
        self.stages["merge and encode"] += time.perf_counter() - begun

    def finish(self) -> None:
        spool.end(self._file)


def _own_colors(photo: Photo, prepared: Prepared) -> Tensor | None:
    """Return the picture's own ab ``(2, h, w)`` at the network's size, None of a gray one."""
    if photo.pixels.ndim == 2:
        return None
    small = torch.from_numpy(_shrink.resize(photo.pixels, prepared.geometry.inner))
    return rgb_to_lab(small.movedim(-1, 0))[1:].contiguous()


def _known(paths: Sequence[Path]) -> list[list[Any]]:
    """Return what the pictures are known by: names, sizes and times of change; not their content, which may be much."""
    found = []
    for path in paths:
        status = path.stat()
        found.append([path.name, status.st_size, status.st_mtime_ns])
    return found
