"""The Hugging Face Hub: the only place that knows it. Imported when it is needed.

Downloads go into the cache that all programs of its ecosystem share (``HF_HOME``), by its own library: a transfer that
breaks goes on where it broke, a token is taken from ``HF_TOKEN`` or ``hf auth login``, ``HF_ENDPOINT`` names another
Hub.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from colorcli.errors import ColorcliError, UsageError, WeightsError
from colorcli.weights.card import Source
from colorcli.weights.resolve import RUN_CARD, RUN_WEIGHTS
from colorcli.weights.retry import TRANSIENT, patiently

if TYPE_CHECKING:
    from huggingface_hub import HfApi

#: Of a repository whose file is not named, the first of these that it has.
USUAL = (RUN_WEIGHTS, "pytorch_model.bin", "pytorch_model.pt")
#: Otherwise its only file with one of these endings.
_ENDINGS = (".safetensors", ".pth", ".pt", ".bin", ".ckpt")
#: How many names of files a message shows.
_SHOWN = 6


@dataclass(frozen=True, kw_only=True)
class Remote:
    """A file on the Hub, as it is right now.

    Attributes:
        repository: ``owner/name``.
        file: name in the repository.
        revision: full commit hash.
        size: bytes; None if the Hub does not say.
        sha256: in hex; "" if the Hub does not say, as for small files.
        licence: of the repository, as it names it; "" if it was not asked, or says nothing.
    """

    repository: str
    file: str
    revision: str
    size: int | None
    sha256: str = ""
    licence: str = ""

    @property
    def web(self) -> str:
        """The repository's page."""
        return f"{_endpoint()}/{self.repository}"


def find(source: Source, say: Callable[[str], None], *, licence: bool = False) -> Remote:
    """Ask the Hub about a file, without fetching it.

    Args:
        source: of kind ``"hub"``; without a file the repository's usual one is found.
        say: is told of attempts that failed.
        licence: ask for the repository's licence too.

    Raises:
        WeightsError: the Hub cannot be reached, or has no such file for us.
    """
    api = _api()
    with _explained(source):
        words, commit, file = "", source.revision or None, source.file
        if licence or not file:
            about = patiently(lambda: api.model_info(source.repository, revision=commit), _passing, say)
            words, commit = _licence(about), about.sha or commit
            file = file or _usual([each.rfilename for each in about.siblings or []], source)
        from huggingface_hub import constants, hf_hub_url

        url = hf_hub_url(source.repository, file, revision=commit, endpoint=_endpoint())
        facts = patiently(
            lambda: api.get_hf_file_metadata(url=url, timeout=constants.HF_HUB_ETAG_TIMEOUT), _passing, say
        )
    if not facts.commit_hash:
        raise WeightsError(
            f"{source}: {_endpoint()} does not answer as a Hub does", hint="check HF_ENDPOINT, or the proxy's settings"
        )
    return Remote(
        repository=source.repository, file=file, revision=facts.commit_hash, size=facts.size, licence=words,
        sha256=facts.etag if facts.etag and re.fullmatch(r"[0-9a-f]{64}", facts.etag) else "",
    )  # fmt: skip


def download(remote: Remote, say: Callable[[str], None], *, bars: bool) -> Path:
    """Fetch a file into the Hub's cache, or find it there.

    Args:
        remote: what :func:`find` returned.
        say: is told of attempts that failed.
        bars: draw a progress bar on standard error.

    Raises:
        WeightsError: the Hub cannot be reached, or breaks off again and again.
        OSError: the cache cannot be written.
    """
    source = Source(kind="hub", repository=remote.repository, revision=remote.revision, file=remote.file)
    with _explained(source), _bars(bars):
        return Path(
            patiently(
                lambda: _api().hf_hub_download(remote.repository, remote.file, revision=remote.revision), _passing, say
            )
        )


def cached(source: Source, revision: str) -> Path | None:
    """Return the file if it is in the Hub's cache already, whoever put it there; asks nobody.

    Args:
        source: of kind ``"hub"``.
        revision: commit, tag or branch; "" is the main branch as it was last seen.
    """
    from huggingface_hub import try_to_load_from_cache

    names = [source.file] if source.file else USUAL
    found = (try_to_load_from_cache(source.repository, name, revision=revision or None) for name in names)
    return next((Path(path) for path in found if isinstance(path, str)), None)


def _endpoint() -> str:
    from huggingface_hub import constants

    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def _api() -> HfApi:
    from huggingface_hub import HfApi

    return HfApi(endpoint=_endpoint(), library_name="colorcli")


def _licence(about: object) -> str:
    data = getattr(about, "card_data", None)
    named = getattr(data, "license_name", None) or getattr(data, "license", None)
    tags = [tag.partition(":")[2] for tag in getattr(about, "tags", None) or [] if tag.startswith("license:")]
    return str(named or next(iter(tags), ""))


def _usual(files: list[str], source: Source) -> str:
    found = next((name for name in USUAL if name in files), None)
    weights = [name for name in files if name.endswith(_ENDINGS)]
    if found or len(weights) == 1:
        return found or weights[0]
    shown = ", ".join(sorted(weights)[:_SHOWN]) or "none that holds weights"
    raise WeightsError(
        f"hf:{source.repository}: which of its files? {shown}", hint=f"name one: hf:{source.repository}:FILE"
    )


@contextmanager
def _bars(wanted: bool) -> Iterator[None]:
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    if wanted or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def _passing(error: Exception) -> str | None:
    """Return an error in words if the next attempt may fare better."""
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    chain = [error, *filter(None, (error.__cause__, error.__context__))]
    if any(isinstance(each, OfflineModeIsEnabled) for each in chain):
        return None
    status = next((each.response.status_code for each in chain if isinstance(each, HfHubHTTPError)), None)
    if status is not None:
        return f"the Hub answers with an error of its own ({status})" if status in TRANSIENT else None
    if isinstance(error, EntryNotFoundError) and not isinstance(error, LocalEntryNotFoundError):
        return None
    if isinstance(error, (*_unreachable(), LocalEntryNotFoundError)):
        return f"the Hub cannot be reached, or the line broke ({_first_line(chain[-1])})"
    return None


def _unreachable() -> tuple[type[Exception], ...]:
    """Return the errors of the line: newer versions of the library talk through httpx, whose errors are no OSErrors."""
    from huggingface_hub import errors

    return (OSError, getattr(errors, "HTTPError", OSError))


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__


@contextmanager
def _explained(source: Source) -> Iterator[None]:
    """Turn what the Hub's library raises into a WeightsError with the next step."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    page = f"{_endpoint()}/{source.repository}"
    token = "`hf auth login`, or set HF_TOKEN"
    try:
        yield
    except ColorcliError:
        raise
    except OfflineModeIsEnabled as error:
        raise WeightsError(f"{source}: not in the cache, and offline", hint="unset HF_HUB_OFFLINE") from error
    except GatedRepoError as error:  # a kind of RepositoryNotFoundError
        raise WeightsError(
            f"{source}: the repository is gated: its owner lets in who asks", hint=f"ask at {page}, then {token}"
        ) from error
    except RepositoryNotFoundError as error:
        raise WeightsError(
            f"{source}: the Hub has no repository {source.repository}, or not for everybody",
            hint=f"check the name at {page}; for a private one: {token}",
        ) from error
    except RevisionNotFoundError as error:
        raise WeightsError(
            f"{source}: the repository has no revision {source.revision!r}", hint=f"its history: {page}/commits/main"
        ) from error
    except LocalEntryNotFoundError as error:  # a kind of EntryNotFoundError
        reason = _first_line(error.__cause__ or error)
        raise WeightsError(
            f"{source}: the Hub cannot be reached: {reason}", hint="check the network, then run the same command again"
        ) from error
    except EntryNotFoundError as error:
        raise WeightsError(f"{source}: the repository has no such file", hint=_files(source, page)) from error
    except HFValidationError as error:
        raise UsageError(f"{source}: names no file on the Hub: {error}", hint="hf:owner/name@revision:file") from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        hint = f"try again later, or look at {page}" if status in TRANSIENT else f"look at {page}; {token}"
        raise WeightsError(f"{source}: the Hub refuses ({status}): {_first_line(error)}", hint=hint) from error
    except _unreachable() as error:
        if isinstance(error, OSError) and error.errno is not None and error.filename is not None:
            raise  # a disk's, not a line's
        raise WeightsError(
            f"{source}: the Hub cannot be reached: {_first_line(error)}",
            hint="check the network, then run the same command again",
        ) from error


def _files(source: Source, page: str) -> str:
    """Return what there is instead of a file that is not, as far as the Hub says."""
    try:
        about = _api().model_info(source.repository, revision=source.revision or None)
    except Exception:  # noqa: BLE001  a hint is not worth an error
        return f"its files: {page}/tree/main"
    weights = sorted(each.rfilename for each in about.siblings or [] if each.rfilename.endswith(_ENDINGS))
    return f"it has {', '.join(weights[:_SHOWN])}; name one: hf:{source.repository}:FILE" if weights else f"see {page}"


#: What of an exported folder is uploaded; a stray file in it is not.
FILES = (RUN_WEIGHTS, RUN_CARD, "README.md", "recipe.toml", "curves.png", "prior.png", "subjects.md")


def push(folder: Path, repo: str, *, private: bool = False, message: str = "") -> str:
    """Upload an exported model (:func:`colorcli.weights.package.export`); the repository is made if there is none.

    The token is that of ``HF_TOKEN`` or of ``hf auth login``, the place that of ``HF_ENDPOINT``.

    Args:
        folder: what to upload.
        repo: ``owner/name``.
        private: whether a new repository is.
        message: of the commit.

    Returns:
        The address of the commit.

    Raises:
        UsageError: the folder is no exported model, or ``repo`` is no such name.
        WeightsError: it is damaged, or the Hub refused or could not be reached.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo, re.ASCII):
        raise UsageError(f"{repo!r} does not name a repository", hint="owner/name, for example me/places-colorizer")
    from colorcli.weights.package import check

    model = check(folder)
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OfflineModeIsEnabled

    api = _api()
    try:
        api.create_repo(repo, private=private, exist_ok=True, repo_type="model")
        done = api.upload_folder(
            repo_id=repo,
            folder_path=folder,
            commit_message=message or f"{model.card.name}, made with colorcli",
            allow_patterns=list(FILES),
        )
    except OfflineModeIsEnabled as error:
        raise WeightsError("the Hub cannot be reached: HF_HUB_OFFLINE is set", hint="unset it to upload") from error
    except (HfHubHTTPError, LocalTokenNotFoundError) as error:
        reason = str(error).strip().splitlines()[0]
        raise WeightsError(
            f"{repo}: the Hub refused: {reason}", hint="log in with `hf auth login`, or set HF_TOKEN to one that writes"
        ) from error
    except HFValidationError as error:
        raise UsageError(f"{repo!r} does not name a repository: {error}", hint="owner/name") from error
    except _unreachable() as error:
        raise WeightsError(
            f"{repo}: the Hub cannot be reached: {error}", hint="check the network, then again"
        ) from error
    return str(done.commit_url)
