"""A look through a film before anything is coloured: its shots, and a still of each to be coloured by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from colorcli.color.lab import L_to_gray
from colorcli.color.ycbcr import lightness
from colorcli.engine.clip import keyframes
from colorcli.engine.clip.frames import Frame
from colorcli.engine.clip.job import FilmOptions
from colorcli.engine.clip.options import SteadyOptions
from colorcli.engine.clip.shotlist import Shot
from colorcli.engine.clip.sight import Eye, coding_of
from colorcli.engine.clip.steady import Steady
from colorcli.engine.colorizer import Colorizer
from colorcli.media import photo
from colorcli.media._messages import from_os_error
from colorcli.media.photo import Photo
from colorcli.media.video.picture import Picture
from colorcli.media.video.reader import Reader

__all__ = ["Survey"]

#: The still of a shot is its frame of this number, counted from 0, or its last: a shot that fades in begins dark.
_STILL = 12


class Survey:
    """Looks through a film.

    Args:
        source: the film.
        colorizer: whose network's size frames are looked at in.
        options: which part of the film.
        steady: how cuts are found.
        stills: an existing folder that gets a still of each shot, or None.

    Attributes:
        film: what the film is.
        total: frames there are, about; None if nobody knows.
        shots: those found so far.
        written: stills written so far.

    Raises:
        ColorcliError: the film or the list of shots cannot be read.
    """

    def __init__(
        self, source: Path, colorizer: Colorizer, options: FilmOptions, steady: SteadyOptions, stills: Path | None
    ) -> None:
        self._steady = Steady(colorizer, steady)
        self._reader = Reader(source, deinterlace=options.deinterlace)
        self.film = self._reader.film
        self.total = self.film.frames if options.whole else None
        self._eye = Eye(colorizer, self.film)
        self._options, self._stills = options, stills
        self.shots: list[Shot] = []
        self.written: list[Path] = []

    def close(self) -> None:
        """Close the film."""
        self._reader.close()

    def run(self) -> Iterator[int]:
        """Look through the film; yield the number of frames seen.

        Raises:
            MediaError: a still cannot be written.
        """
        pictures: dict[int, Picture] = {}

        def frames() -> Iterator[Frame]:
            for picture in self._reader.part(None, 0, self._options.start, self._options.end):
                pictures[picture.number] = picture
                yield self._eye(picture)

        still: Picture | None = None
        since = 0
        for count, step in enumerate(self._steady.cutter().steps(frames()), 1):
            picture = pictures.pop(step.frame.number)
            if step.first:
                self._write(still)
                self.shots.append(Shot(step.frame.number, step.frame.time))
                since = 0
            if since <= _STILL and not step.alone:
                still = picture
            since += 1
            yield count
        self._write(still)

    def _write(self, picture: Picture | None) -> None:
        if picture is None or self._stills is None:
            return
        path = self._stills / keyframes.name_of(picture.number)
        gray = L_to_gray(lightness(_codes(picture), coding_of(self.film))).clamp(0, 1)
        upright = torch.rot90(gray, self.film.turns, (-2, -1))
        levels = (upright * 255).round().to(torch.uint8).numpy()
        # In RGB, so that a painting program lets one paint.
        photo.write(Photo(np.repeat(levels[..., None], 3, 2)), path, overwrite=self._options.overwrite)
        self.written.append(path)


def make_folder(folder: Path) -> None:
    """Make a folder for stills, unless it is there.

    Raises:
        MediaError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise from_os_error(error, folder, doing="write") from error


def _codes(picture: Picture) -> torch.Tensor:
    luma = np.ascontiguousarray(picture.luma)
    return torch.from_numpy(luma.astype(np.float32))
