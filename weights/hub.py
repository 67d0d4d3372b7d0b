"""The Hugging Face Hub: the only place that knows it. Imported when it is needed; nothing else goes on the network."""

from __future__ import annotations

import os
import re
from pathlib import Path

from colorcli.errors import UsageError, WeightsError
from colorcli.weights.package import check
from colorcli.weights.resolve import RUN_CARD, RUN_WEIGHTS

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
    model = check(folder)
    from huggingface_hub import HfApi, errors
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OfflineModeIsEnabled

    # Newer versions of the library talk through httpx, whose errors are no OSErrors; it gives them this name.
    unreachable = (OSError, getattr(errors, "HTTPError", OSError))
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), library_name="colorcli")
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
    except unreachable as error:
        raise WeightsError(
            f"{repo}: the Hub cannot be reached: {error}", hint="check the network, then again"
        ) from error
    return str(done.commit_url)
