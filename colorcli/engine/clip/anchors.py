"""Colours of key frames carried through their shots, forwards and backwards.

Where each pixel of a frame lies in the key frame is added up link by link (:mod:`colorcli.engine.clip.links`), and the
key's colours are then fetched once, so that they do not blur on the way. A pixel that was covered on the way, or looks
different where it arrives, is not the key's. Between two keys each counts the more the nearer it is.

What no key reaches, as it was covered or came in later, takes the colours of what looks alike near it and that the
network would have coloured alike.

This takes a pass over the film of its own, before the colours are made, because a key colours the frames before it,
too. What it finds waits in a temporary file, 8 kB a frame at the default network's size.
"""

from __future__ import annotations

import math
import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from colorcli.engine.clip import keyframes
from colorcli.engine.clip.frames import Frame
from colorcli.engine.clip.keyframes import KeyFrame
from colorcli.engine.clip.links import alike
from colorcli.engine.clip.shots import Cutter, Step
from colorcli.motion.flow import inside, resize, warp

__all__ = ["Anchors", "spread"]

#: A step along a flow is good if its trust is above the second, and ends at the first: noise costs trust at each step.
_LOST, _GOOD = 0.05, 0.3
#: Likeness for spreading: lightness, predicted colour and place (in short sides) off by this much count e^-0.5.
_LIGHTNESS, _COLOR, _PLACE = 6.0, 8.0, 0.25
#: Pixels that colours are spread over, about; weights of like pixels that must come together for half of a colour.
_PIXELS, _ENOUGH = 1600, 4.0
#: Frames before a key that are waited for, at most.
_BACK = 2000


@dataclass
class _Way:
    """From a frame to a key: where its pixels lie there, and how sure that is."""

    ab: Tensor
    L: Tensor
    flow: Tensor
    trust: Tensor
    length: int = 0

    @classmethod
    def at(cls, ab: Tensor, L: Tensor) -> _Way:
        return cls(ab, L, torch.zeros_like(ab), torch.ones_like(ab[0]))

    def step(self, flow: Tensor, trust: Tensor) -> None:
        """Go on to a frame next to the last one, from which ``flow`` leads to the last."""
        self.flow = flow + warp(self.flow, flow)
        self.trust = warp(self.trust[None], flow)[0] * ((trust - _LOST) / (_GOOD - _LOST)).clamp(0, 1)
        self.length += 1

    def colors(self, L: Tensor) -> tuple[Tensor, Tensor]:
        """Return the key's colours for the frame whose lightness is ``L``, and their weight 0..1."""
        weight = self.trust * inside(self.flow) * alike(L, warp(self.L, self.flow))
        return warp(self.ab, self.flow), weight


@dataclass
class _Passed:
    """A frame that has gone by: its lightness at the size of the colours, and how it goes on to the next."""

    number: int
    L: Tensor
    flow: Tensor | None = None
    trust: Tensor | None = None


def spread(ab: Tensor, known: Tensor, weight: Tensor, L: Tensor) -> Tensor:
    """Put known colours over predicted ones, and carry them to like places where they are not known.

    Args:
        ab: ``(2, h, w)`` predicted, Lab units.
        known: ``(2, h, w)`` known colours.
        weight: ``(h, w)`` how well they are known, 0..1.
        L: ``(1, h, w)`` lightness, 0..100.

    Returns:
        ``(2, h, w)``; ``known`` where the weight is 1.
    """
    height, width = weight.shape
    factor = max((height * width / _PIXELS) ** 0.5, 1.0)
    size = max(round(height / factor), 1), max(round(width / factor), 1)
    small = resize(torch.cat((L, ab, (known - ab) * weight, weight[None])), size)
    rows = torch.arange(size[0])[:, None].expand(size) / (min(size) * _PLACE)
    columns = torch.arange(size[1])[None, :].expand(size) / (min(size) * _PLACE)
    features = torch.stack((small[0] / _LIGHTNESS, small[1] / _COLOR, small[2] / _COLOR, rows, columns))
    features = features.flatten(1).T
    alike = torch.exp(-torch.cdist(features, features).square() / 2)
    sums = (alike @ small[3:].flatten(1).T).T.reshape(3, *size)
    # Where little is like, little is moved: the divisor holds what is missing.
    moved = resize(sums[:2] / (sums[2:] + _ENOUGH), (height, width))
    return torch.lerp(ab + moved, known, weight)


@dataclass(frozen=True)
class _Record:
    """Where in the file it stands what a key says about a frame that is ``length`` frames away from it."""

    offset: int
    size: tuple[int, int]
    length: int


class Anchors:
    """What key frames say about every frame.

    Args:
        strength: factor that the colours will be multiplied with; what is given back makes up for it.

    Attributes:
        unused: key frames that no frame was found for.
        gray: key frames that nobody has coloured.
    """

    def __init__(self, strength: float = 1.0) -> None:
        self._strength = max(strength, 1e-3)
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as this
        weakref.finalize(self, self._file.close)
        self._records: dict[int, list[_Record]] = {}
        self.unused: list[Path] = []
        self.gray: list[Path] = []

    def at(self, number: int) -> tuple[Tensor, Tensor] | None:
        """Return a frame's colours ``(2, h, w)`` and their weights ``(h, w)``, 0..1; None where no key reaches."""
        records = self._records.get(number)
        if not records:
            return None
        found = [self._read(record) for record in records]
        shares = torch.stack([one[2] / max(record.length, 0.1) for one, record in zip(found, records, strict=True)])
        shares = shares / shares.sum(0).clamp_min(1e-6)
        ab = sum((share * one[:2] for share, one in zip(shares, found, strict=True)), torch.zeros_like(found[0][:2]))
        return ab, torch.stack([one[2] for one in found]).amax(0)

    def scan(self, frames: Iterable[Frame], keys: Sequence[KeyFrame], cutter: Cutter, stride: int) -> Iterator[int]:
        """Carry the keys' colours through the film; yield the frames' numbers as they go by.

        Args:
            frames: all of the film, in order.
            keys: the key frames.
            cutter: finds the shots; not used before.
            stride: of the network.

        Raises:
            MediaError: a key cannot be read.
            UsageError: a key has not the film's shape.
        """
        wanted = _Wanted(keys)
        passed: list[_Passed] = []
        way: _Way | None = None
        for step in cutter.steps(wanted.watch(frames)):
            height, width = step.frame.prepared.geometry.inner
            L = resize(step.frame.prepared.L_small, (height // stride, width // stride))
            if step.first:
                passed, way = [], None
            if passed and step.link is not None:
                passed[-1].flow, passed[-1].trust = step.link.forward, step.link.trust_forward
            if way is not None and step.link is not None:
                way.step(step.link.backward, step.link.trust_backward)
                self._put(step.frame.number, *way.colors(L), way.length)
            path = wanted.keys.pop(step.frame.number, None)
            found = None if path is None else self._key(path, step, L, passed)
            if found is not None:
                way, passed = found, []
            if not step.alone:
                passed.append(_Passed(step.frame.number, L))
                del passed[:-_BACK]
            yield step.frame.number
        self.unused = [*wanted.keys.values(), *(key.path for key in wanted.times)]

    def _key(self, path: Path, step: Step, L: Tensor, passed: Sequence[_Passed]) -> _Way | None:
        """Take a key in: it colours its own frame, and those before it. Return its beginning, None if it is gray."""
        painted = keyframes.colors(path, step.frame.prepared.geometry.inner, (L.shape[1], L.shape[2]))
        if painted is None:
            self.gray.append(path)
            return None
        ab = painted / self._strength
        self._put(step.frame.number, ab, torch.ones_like(ab[0]), 0)
        way = _Way.at(ab, L)
        for one in reversed(passed if not step.alone else ()):
            if one.flow is None or one.trust is None:
                break
            way.step(one.flow, one.trust)
            self._put(one.number, *way.colors(one.L), way.length)
        return _Way.at(ab, L)

    def _put(self, number: int, ab: Tensor, weight: Tensor, length: int) -> None:
        """Keep what a key says about a frame."""
        offset = self._file.seek(0, os.SEEK_END)
        self._file.write(torch.cat((ab, weight[None])).half().numpy().tobytes())
        record = _Record(offset, (ab.shape[1], ab.shape[2]), length)
        # What a key says of its own frame is final.
        self._records[number] = [record] if not length else [*self._records.get(number, []), record]

    def _read(self, record: _Record) -> Tensor:
        """Return ab and weight, ``(3, h, w)``."""
        self._file.seek(record.offset)
        shape = (3, *record.size)
        data = self._file.read(2 * math.prod(shape))
        return torch.from_numpy(np.frombuffer(data, np.float16).astype(np.float32)).reshape(shape)


class _Wanted:
    """Finds the frames that keys are for, while they go by.

    Attributes:
        keys: those whose frames' numbers are known, by these.
        times: those that wait for their time.
    """

    def __init__(self, keys: Sequence[KeyFrame]) -> None:
        self.keys = {key.number: key.path for key in keys if key.number is not None}
        self.times = sorted((key for key in keys if key.time is not None), key=lambda key: key.time or 0.0)

    def watch(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Pass frames on, one frame late, so that the nearest to a time is known before it is needed."""
        last: Frame | None = None
        for frame in frames:
            if last is not None:
                self._match(last, frame)
                yield last
            last = frame
        if last is not None:
            self._match(last, None)
            yield last

    def _match(self, frame: Frame, after: Frame | None) -> None:
        until = (frame.time + after.time) / 2 if after is not None else frame.time + 0.5
        while self.times and (self.times[0].time or 0.0) < until:
            self.keys.setdefault(frame.number, self.times.pop(0).path)
