"""Build a study: a folder with a static page for participants, and the key that tells what was real.

The page knows nothing of the answers. Every scene has two pictures, the true photo and the colorized one, under names
that are digests of a secret; both have the same pixels' size, the same encoder and the same number of bytes. Scenes
come in twos whose pictures stand in the same order, real first or colorized first; which of the orders it is, only the
key knows. The page shows the first picture of one scene and the second of the other, so every participant sees as many
real as colorized pictures, one of each scene, and yet nobody can read from the page which are which.

What this does not prevent: who owns the photos can compare; who studies the pixels (noise, traces of JPEG) may find
out; and who has the key has the answers, so it lies outside the folder that is published.
"""

from __future__ import annotations

import hashlib
import html
import io
import json
import random
import secrets
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from colorcli.errors import MediaError, UsageError
from colorcli.evaluation import pairing
from colorcli.evaluation.pairing import Member, Pairs
from colorcli.media import photo
from colorcli.media.atomic import writing
from colorcli.media.encode import to_eight_bits
from colorcli.training.sources import pixels_of

#: Of the key's and the answers' form.
VERSION = 1
KEY = "key.json"
PAGE = "page"
#: JPEG, 4:4:4, for both kinds of picture.
QUALITY = 92
#: Sides of a pair whose proportions differ by more are two pictures, not one.
PROPORTION = 0.02

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


@dataclass(frozen=True, kw_only=True)
class Study:
    """What was built.

    Attributes:
        identity: of this study; key and answers bear it.
        scenes: how many there are.
        left_out: a sentence for each pair that cannot be read or judged.
    """

    identity: str
    scenes: int
    left_out: Sequence[str]


def build(
    pairs: Sequence[tuple[Member, Member]],
    out: Path,
    *,
    side: int = 640,
    per_person: int | None = None,
    both: bool = False,
    title: str = "Real or colorized?",
    seed: str | None = None,
    tick: Callable[[], None] = lambda: None,
) -> Study:
    """Write ``out/page`` (``index.html`` and ``pictures/``: what participants get) and ``out/key.json`` (to keep).

    Args:
        pairs: the colorized picture and the true one, whose name is the scene's.
        out: a folder that is not there yet; it appears when all of it is written.
        side: longest side of the pictures. Both of a scene get the size of the smaller one, if that is less.
        per_person: scenes that each participant sees, drawn at random; None for all.
        both: each participant sees both pictures of a scene, the second ones after all first ones.
        title: of the page.
        seed: makes names and orders the same again; by default a new secret, which the key keeps.
        tick: called after each pair.

    Raises:
        UsageError: ``out`` exists; no pair is left to judge.
        MediaError: the folder cannot be written.
    """
    if out.exists():
        hint = "name another folder; a study whose key is removed can no longer be scored"
        raise UsageError(f"{out}: exists", hint=hint)
    if not pairs:
        raise UsageError("no pair of result and truth to build a study from", hint="the two folders share no name")
    seed = seed or secrets.token_hex(16)
    out.parent.mkdir(parents=True, exist_ok=True)
    moment = time.time_ns()  # of all files: neither their order nor their age tells anything
    scenes: list[dict[str, str]] = []
    left_out: list[str] = []
    digest = hashlib.sha256(json.dumps([title, per_person, both, side]).encode())
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.part-") as temporary:
        part = Path(temporary) / "study"
        pictures = part / PAGE / "pictures"
        pictures.mkdir(parents=True)
        for result, truth in pairs:
            name = truth.name
            try:
                shown = _matched(result, truth, side)
            except (_NotAPairError, MediaError) as reason:
                left_out.append(reason.message if isinstance(reason, MediaError) else str(reason))
                tick()
                continue
            scene = {"scene": name}
            for kind, data in zip(("colorized", "real"), shown, strict=True):
                scene[kind] = hashlib.sha256(f"{seed}/{name}/{kind}".encode()).hexdigest()[:16]
                digest.update(scene[kind].encode() + data)
                with writing(pictures / f"{scene[kind]}.jpg", times=(moment, moment)) as file:
                    file.write(data)
            scenes.append(scene)
            tick()
        if not scenes:
            raise UsageError("no pair is left for a study", hint=left_out[0])
        identity = digest.hexdigest()[:12]
        shown_scenes = min(per_person or len(scenes), len(scenes))
        page = {"study": identity, "blocks": _blocks(scenes, seed), "scenes": shown_scenes, "both": both}
        key = {"colorcli-study": VERSION, "study": identity, "seed": seed, "scenes": scenes}
        with writing(part / PAGE / "index.html", times=(moment, moment)) as file:
            file.write(_page(page, title).encode())
        with writing(part / KEY) as file:
            file.write(json.dumps(key, indent=1).encode())
        part.rename(out)
    return Study(identity=identity, scenes=len(scenes), left_out=left_out)


class _NotAPairError(Exception):
    """A sentence: why two pictures make no scene."""


def _matched(result: Member, truth: Member, side: int) -> list[bytes]:
    """Return result and truth as JPEGs of one size in pixels and in bytes.

    Raises:
        _NotAPairError: the truth is gray, or the two have other proportions.
        MediaError: one cannot be read.
    """
    ours, true = (pixels_of(member.where, name=member.name) for member in (result, truth))
    if true.ndim == 2:
        raise _NotAPairError(f"{truth.name}: a gray photo, in which there is nothing to tell from a colorized one")
    (h, w), (true_h, true_w) = ours.shape[:2], true.shape[:2]
    if abs(h * true_w - w * true_h) > PROPORTION * w * true_h:
        raise _NotAPairError(f"{result.name}: {w} x {h} pixels and its truth {true_w} x {true_h}, of other proportions")
    factor = min(1.0, side / max(true_h, true_w), max(h, w) / max(true_h, true_w))
    size = max(1, round(factor * true_w)), max(1, round(factor * true_h))
    encoded = [_jpeg(pixels, size) for pixels in (ours, true)]
    longest = max(map(len, encoded))
    # Readers stop at the end mark: what follows only keeps file sizes from telling which has less colour in it.
    return [data + bytes(longest - len(data)) for data in encoded]


def _jpeg(pixels: Pixels, size: tuple[int, int]) -> bytes:
    """Return pixels of (width, height) as a JPEG without any metadata."""
    shrinks = size[0] < pixels.shape[1] or size[1] < pixels.shape[0]
    eight = pixels if pixels.dtype == np.uint8 else to_eight_bits(pixels.astype(np.uint16, copy=False))
    small = np.asarray(cv2.resize(eight, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC), np.uint8)
    if small.ndim == 2:
        small = np.repeat(small[..., None], 3, axis=2)
    stream = io.BytesIO()
    photo.write(photo.Photo(pixels=np.ascontiguousarray(small)), stream, format="JPEG", quality=QUALITY)
    return stream.getvalue()


def _blocks(scenes: Sequence[dict[str, str]], seed: str) -> list[list[list[str]]]:
    """Return scenes in twos, each scene as its two pictures' names, both scenes' in the same secret order."""
    chance = random.Random(f"blocks {seed}")
    order = list(scenes)
    chance.shuffle(order)
    blocks = []
    for start in range(0, len(order), 2):
        kinds = ["colorized", "real"]
        chance.shuffle(kinds)
        blocks.append([[scene[kind] for kind in kinds] for scene in order[start : start + 2]])
    return blocks


def _page(data: dict[str, Any], title: str) -> str:
    template = files("colorcli.study").joinpath("page.html").read_text(encoding="utf-8")
    inlined = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return template.replace("{{title}}", html.escape(title)).replace("{{data}}", inlined)


def pair(results: Path, truths: Path) -> Pairs:
    """Find the photo of each result, as `colorcli metric` does; folders, shards or single pictures.

    Raises:
        MediaError: a folder cannot be read, or nothing belongs together.
        UsageError: one does not exist or holds no picture; it holds films.
    """
    ours, true = pairing.members(results, results=True), pairing.members(truths)
    films = [member.name for member in (*ours, *true) if member.film]
    if films:
        raise UsageError(f"{films[0]}: a film, and a study shows photos", hint="take single frames of it")
    pairs = pairing.pair(ours, true)
    if not pairs.found:
        raise pairing.no_pairs(pairs, results, truths)
    return pairs
