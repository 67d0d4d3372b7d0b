"""Which result belongs to which photo: by relative path, whatever the suffix, with or without ``_color``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from colorcli.errors import MediaError, UsageError
from colorcli.media.discover import OUTPUT_MARK, discover
from colorcli.media.formats import READ_SUFFIXES
from colorcli.media.video.codecs import FILM_SUFFIXES
from colorcli.training import sources
from colorcli.training.sources import Where


@dataclass(frozen=True)
class Member:
    """One picture: its name below the folder or in the shard, and where it is."""

    name: str
    where: Where

    @property
    def film(self) -> bool:
        """Whether it is a video."""
        return isinstance(self.where, Path) and self.where.suffix.lower() in FILM_SUFFIXES


@dataclass
class Pairs:
    """What belongs together.

    Attributes:
        found: (result, truth) in the order of the truths.
        results: names of results without a truth.
        truths: names of truths without a result.
    """

    found: list[tuple[Member, Member]] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    truths: list[str] = field(default_factory=list)


def members(path: Path, *, results: bool = False) -> list[Member]:
    """List the pictures of a folder, a tar shard or one file; the videos, if a folder holds no pictures.

    Args:
        path: folder, shard, picture or video.
        results: in a folder where ``house_color.jpg`` lies beside ``house.jpg``, take the result, not the original.

    Raises:
        MediaError: it cannot be read.
        UsageError: it does not exist, or holds no picture.
    """
    if not path.exists():
        raise UsageError(f"{path}: does not exist", hint="give a folder, a .tar shard, a picture or a video")
    found: list[Member] = []
    if path.is_dir():
        for suffixes in (READ_SUFFIXES, FILM_SUFFIXES):
            inside = discover(path, results=results, suffixes=suffixes)
            if found := [Member(one.relative_to(path).as_posix(), one) for one in inside]:
                break
    elif path.suffix.lower() == ".tar":
        found = [Member(name, where) for name, where in sources.Source(path).members()]
    else:
        found = [Member(path.name, path)]
    if not found:
        raise UsageError(f"{path}: no picture in it", hint="look at the folder's name, and at its files' suffixes")
    return found


def check_kinds(found: Sequence[Member]) -> None:
    """Refuse to measure clips and photos at once.

    Raises:
        UsageError: there are both.
    """
    if len({member.film for member in found}) > 1:
        film, photo = (next(one for one in found if one.film == kind) for kind in (True, False))
        raise UsageError(
            f"{film.where} is a video and {photo.name} a photo",
            hint="compare videos with videos; ffmpeg -i video.mp4 frames/%06d.png makes photos of its frames",
        )


def data(paths: Iterable[Path]) -> tuple[list[Member], str]:
    """List the pictures of what ``train --data`` takes, and say in words which they are.

    Shards that are named ``val-*`` and CIFAR's test batch are what a model was not trained on: where there are any, the
    others are left out.

    Raises:
        MediaError: a source cannot be read.
        UsageError: a path does not exist, or there is no picture.
    """
    paths = list(paths)
    train, val = sources.find(paths)
    chosen = val or train
    found = [Member(name, where) for source in chosen for name, where in source.members()]
    if not found:
        raise UsageError(f"{', '.join(map(str, paths))}: no picture in it", hint="look at the folder's name")
    return found, ", ".join(source.path.name for source in chosen)


def pair(results: Sequence[Member], truths: Sequence[Member]) -> Pairs:
    """Bring results and photos together by their names.

    A result belongs to the photo of the same name; failing that to the one whose name it had before a suffix was added
    (``a.heic.jpg``), whose stem it shares, or whose stem it has with ``_color`` behind it.

    Raises:
        UsageError: several photos, or several results, fit and none fits better.
    """
    if len(results) == len(truths) == 1 and "/" not in results[0].name + truths[0].name:
        return Pairs(found=[(results[0], truths[0])])  # two files named one by one, or a folder of one
    named = {member.name: member for member in truths}
    stems: dict[str, list[Member]] = {}
    for member in truths:
        stems.setdefault(_stem(member.name), []).append(member)
    pairs = Pairs()
    taken: dict[str, Member] = {}
    # Exact names first: they leave fewer photos to those that are less sure.
    for result in sorted(results, key=lambda one: one.name not in named):
        truth = _partner(result.name, named, stems)
        if truth is None:
            pairs.results.append(result.name)
        elif truth.name not in taken:
            taken[truth.name] = result
        elif taken[truth.name].name == truth.name:  # the better name has it
            pairs.results.append(result.name)
        else:
            raise UsageError(
                f"two results for {truth.name}: {taken[truth.name].name} and {result.name}",
                hint="leave one of them out",
            )
    pairs.found = [(taken[truth.name], truth) for truth in truths if truth.name in taken]
    pairs.truths = [truth.name for truth in truths if truth.name not in taken]
    return pairs


def _stem(name: str) -> str:
    path = PurePosixPath(name)
    return str(path.with_name(path.stem)) if path.stem else name


def _partner(name: str, named: dict[str, Member], stems: dict[str, list[Member]]) -> Member | None:
    if name in named:
        return named[name]
    stem = _stem(name)
    if stem in named:
        return named[stem]
    for wanted in (stem, stem.removesuffix(OUTPUT_MARK)):
        fitting = stems.get(wanted, [])
        if len(fitting) > 1:
            several = ", ".join(member.name for member in fitting)
            raise UsageError(f"{name} could belong to any of {several}", hint="give it the suffix of the right one")
        if fitting:
            return fitting[0]
    return None


def no_pairs(pairs: Pairs, results: Path, truth: Path) -> MediaError:
    """Return the sentence for folders in which nothing belongs together."""
    examples = f"{pairs.results[0]!r} there, {pairs.truths[0]!r} here" if pairs.results and pairs.truths else "empty"
    return MediaError(
        f"no picture of {results} has a partner in {truth} ({examples})",
        hint="pictures are paired by their paths below the two folders; suffixes and _color do not count",
    )
