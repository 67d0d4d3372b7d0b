"""From a card to weights that are here, verified and under our names: whatever has to be fetched for it is announced.

What a card leaves open is settled by the first download and held to from then on (:mod:`colorcli.weights.cache`): the
commit of a branch, and the hash of a file whose card names none. Only this module and those it calls (``hub``, ``web``)
ever go on the network.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from colorcli.errors import UsageError, WeightsError
from colorcli.weights import cache
from colorcli.weights.cache import Pin
from colorcli.weights.card import HUB, Card, Source, hub_source, non_commercial
from colorcli.weights.resolve import Model, downloaded, names, resolve


def _silent(text: str) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Fetching:
    """How downloads are gone about.

    Attributes:
        offline: fetch nothing.
        accept_licence: the user agrees to a licence that excludes commercial use; remembered.
        say: is told, in sentences, what is about to be fetched and what became of it.
        bars: draw progress bars on standard error.
    """

    offline: bool = False
    accept_licence: bool = False
    say: Callable[[str], None] = _silent
    bars: bool = False

    @property
    def is_offline(self) -> bool:
        """Whether nothing may be fetched: by :attr:`offline`, or by ``HF_HUB_OFFLINE``, for addresses too."""
        return self.offline or os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def named(model: str | Path) -> Model:
    """Return what ``--model`` names, as `colorcli.weights.resolve.resolve`, also if it is on the Hub and not here.

    Raises:
        UsageError: nothing has that name.
        WeightsError: the card is faulty.
    """
    text = str(model)
    if text.startswith(HUB):
        return downloaded(Card(name=text, network="", source=hub_source(text)))
    return resolve(model)


def ready(model: str | Path, how: Fetching) -> Model:
    """Return what ``--model`` names with its weights here, fetched if need be.

    Raises:
        UsageError: nothing has that name.
        WeightsError: the card is faulty, or the weights cannot be had.
    """
    found = named(model)
    return found if found.file is not None else pull(found.card, how)


def pull(card: Card, how: Fetching, *, local: Path | None = None) -> Model:
    """Fetch a card's weights, verify them and keep them under our names.

    Args:
        card: of a model that is downloaded.
        how: how to go about it.
        local: the published file, fetched by other means, instead of a download.

    Raises:
        UsageError: the model needs no download; ``local`` is no file.
        WeightsError: offline; the licence is not accepted; the file cannot be had, is not the one it should be, or fits
            no network.
    """
    if not card.source.remote:
        raise UsageError(f"model {card.name!r} needs no download", hint="colorcli weights path NAME says where it is")
    if local is not None and not local.is_file():
        raise UsageError(f"{local}: there is no such file", hint="check the path")
    with _alone(card.source, how.say):
        found = downloaded(card)
        if found.file is not None and local is None:
            return found  # another process was quicker
        first = cache.pin(card.source) is None
        original = _original(card, how, local)
        try:
            found = _fitted(card, original, how)
        except WeightsError:
            if first:
                cache.forget(card.source)  # another file may come in its place
            raise
    how.say(f"{card.name}: ready, {found.weights}")
    return found


def begin(text: str, how: Fetching) -> str:
    """Return what `colorcli.weights.start.read` takes for what ``--init`` says, fetched if need be.

    Raises:
        UsageError: it names no file on the Hub.
        WeightsError: offline; the licence is not accepted; the file cannot be had.
    """
    if text.startswith(HUB):
        return str(fetch(text, how))
    if text in names():
        ready(text, how)
    return text


def _fitted(card: Card, original: Path, how: Fetching) -> Model:
    """Return the model, with the published file converted if it has to be, once it is known to fit the card."""
    from colorcli.weights import recognize
    from colorcli.weights.load import check

    found = downloaded(card)
    if found.file is None:
        how.say(f"{card.name}: converting {original.name}, once")
        recognize.convert(original)
        found = downloaded(card)
    _check_licence(card, found.card.licence, how)  # of a card in the file's header
    check(found)
    return found


def fetch(text: str, how: Fetching) -> Path:
    """Return the file that ``hf:owner/name@revision:file`` names as it is on the Hub, fetched if need be.

    For what is no colorizer: backbones to begin a training with, classifiers to measure with.

    Raises:
        UsageError: ``text`` is not of that form.
        WeightsError: offline; the licence is not accepted; the file cannot be had.
    """
    card = Card(name=text, network="", source=hub_source(text))
    with _alone(card.source, how.say):
        return _original(card, how, None)


def expected(card: Card) -> str:
    """Return the hash that the published file must have, in hex; "" if this would be the first download."""
    pin = cache.pin(card.source)
    return (card.sha256 or (pin.sha256 if pin is not None else "")).lower()


def _original(card: Card, how: Fetching, local: Path | None) -> Path:
    """Return the published file, verified; recorded in the cache."""
    pin = cache.pin(card.source)
    if local is None and pin is not None and pin.file is not None:
        _verified(pin.file, card, "")
        return pin.file
    revision = card.source.revision
    if pin is not None and not _is_commit(revision):
        revision = pin.revision  # a branch moves on; what was fetched first is what this name stands for
    licence, told = card.licence, ""
    if local is not None:
        path = local.absolute()
        _check_licence(card, licence, how)
    elif card.source.kind == "url":
        path = _from_web(card, how)
    else:
        path, revision, licence, told = _from_hub(card, revision, how)
    sha256 = _verified(path, card, told)
    found = Pin(source=str(card.source), sha256=sha256, path=str(path), revision=revision, licence=licence)
    where = cache.write_pin(card.source, found)
    if not card.sha256 and pin is None:
        commit = f" of commit {revision[:12]}" if revision and revision != card.source.revision else ""
        how.say(f"{card.name}: no hash of it is known; SHA-256 {sha256}{commit} is recorded in {where} and held to")
    return path


def _is_commit(revision: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{40}", revision) is not None


def _from_web(card: Card, how: Fetching) -> Path:
    from colorcli.weights import web

    source = card.source
    _check_licence(card, card.licence, how)
    path = cache.home() / "urls" / cache.slug(source.url) / source.name
    if path.is_file():
        return path  # its record was lost
    _check_online(card, how)
    remote = web.find(source.url, how.say)
    _announce(card, source.url, remote.size, card.licence, path.parent, how)
    web.download(remote, path, how.say, bars=how.bars)
    return path


def _from_hub(card: Card, revision: str, how: Fetching) -> tuple[Path, str, str, str]:
    """Return (path, full commit hash, licence, hash according to the Hub)."""
    from colorcli.weights import hub

    _check_licence(card, card.licence, how)
    source = dataclasses.replace(card.source, revision=revision)
    path = hub.cached(source, revision) if how.is_offline or _is_commit(revision) else None
    if path is not None:
        return path, _commit_of(path), card.licence, ""
    _check_online(card, how)
    remote = hub.find(source, how.say, licence=not card.licence)
    licence = card.licence or remote.licence
    _check_licence(card, licence, how)
    _announce(card, f"{remote.file} of {remote.web} at {remote.revision[:12]}", remote.size, licence, None, how)
    return hub.download(remote, how.say, bars=how.bars), remote.revision, licence, remote.sha256


def _commit_of(path: Path) -> str:
    parts = path.parts
    return parts[parts.index("snapshots") + 1] if "snapshots" in parts else ""


def _check_online(card: Card, how: Fetching) -> None:
    if how.is_offline:
        raise WeightsError(
            f"model {card.name!r}: its weights are not here, and this is offline",
            hint=f"colorcli weights pull {card.name} where there is a network, or --from FILE",
        )


def _check_licence(card: Card, licence: str, how: Fetching) -> None:
    if not non_commercial(licence):
        return
    accepted = cache.home() / "accepted" / cache.slug(str(card.source))
    if how.accept_licence:
        cache.replace_file(accepted, licence.encode())
    elif not accepted.is_file() or accepted.read_text(encoding="utf-8") != licence:
        raise WeightsError(
            f"model {card.name!r} is for non-commercial use only: its licence is {licence}",
            hint="if that suits you: --accept-licence, once",
        )


def _announce(card: Card, what: str, size: int | None, licence: str, where: Path | None, how: Fetching) -> None:
    about = card.source.megabytes
    megabytes = f"{size / 1e6:,.0f} MB" if size else f"about {about} MB" if about else "of unknown size"
    into = str(where) if where is not None else os.environ.get("HF_HOME") or "the Hub's cache"
    how.say(f"{card.name}: fetching {what}, {megabytes}, licence: {licence or 'not stated'}, into {into}")


def _verified(path: Path, card: Card, told: str) -> str:
    """Return the file's hash; one that is not the file expected is refused, and removed unless it is the user's own.

    Args:
        path: the file.
        card: of its model.
        told: the hash according to the Hub; "" if it does not say.
    """
    found, known, keep = cache.sha256_of(path), expected(card), not is_ours(path)
    for wanted, who in ((known, "the card" if card.sha256 else "the first download"), (told, "the Hub")):
        if wanted and found != wanted:
            if not keep:
                discard(path)
            raise WeightsError(
                f"model {card.name!r}: {path} is not the file it should be{'' if keep else ', and was removed'}\n"
                f"  expected SHA-256 {wanted} (says {who})\n  found            {found}",
                hint="run the same command again; if it stays so, the file was replaced where it comes from"
                + ("" if card.sha256 else f": colorcli weights rm {card.name} --forget accepts the new one"),
            )
    return found


def is_ours(path: Path) -> bool:
    """Return whether a file was downloaded, into our cache or the Hub's, and is not a user's own."""
    return path.is_relative_to(cache.home()) or ("snapshots" in path.parts and path.is_symlink())


def discard(path: Path) -> int:
    """Remove a downloaded file; return how many bytes that frees.

    From the Hub's cache its name under the commit is removed, and the bytes unless another commit has the same.
    """
    blob = path.resolve()
    size = blob.stat().st_size if blob.is_file() else 0
    path.unlink(missing_ok=True)
    snapshots = next((folder for folder in path.parents if folder.name == "snapshots"), None)
    if snapshots is None or blob == path:
        return size
    if any(other.is_symlink() and other.resolve() == blob for other in snapshots.rglob("*")):
        return 0
    blob.unlink(missing_ok=True)
    return size


@contextmanager
def _alone(source: Source, say: Callable[[str], None]) -> Iterator[None]:
    """Hold what other processes wait for that want the same file."""
    path = cache.home() / "locks" / f"{cache.slug(str(source))}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say(f"waiting for another process that fetches {source}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
