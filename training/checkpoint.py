"""Checkpoints: everything a run needs to go on, written so that a crash never costs the last good one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from colorcli.errors import MediaError, WeightsError
from colorcli.media.atomic import writing

LAST = "last.pt"
BEST = "best.pt"


def save(state: dict[str, Any], path: Path) -> None:
    """Write ``state`` under a temporary name, flush it to the disk, then rename it to ``path``.

    Raises:
        MediaError: the disk is full or the folder is not writable; an older file of that name is untouched.
    """
    try:
        with writing(path, overwrite=True) as file:
            torch.save(state, file)
    except (MediaError, RuntimeError) as error:  # torch reports a short write as RuntimeError
        said = getattr(error.__cause__, "strerror", None) or str(error).partition("\n")[0]
        raise MediaError(
            f"{path}: cannot write the checkpoint: {said}", hint="free some disk space, then go on with --resume"
        ) from error


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint. Only tensors and plain values are unpickled.

    Raises:
        WeightsError: the file is missing, damaged or holds something else.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise WeightsError(f"{path}: there is no checkpoint to resume from", hint="start without --resume") from error
    except Exception as error:
        raise WeightsError(f"{path}: not a readable checkpoint: {error}") from error
    if not isinstance(state, dict) or "step" not in state:
        raise WeightsError(f"{path}: not a checkpoint of colorcli train")
    return state
