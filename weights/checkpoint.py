"""Reading files of weights that carry no card: safetensors, and torch's pickles without running what is in them.

A pickle is a program. ``torch.load(weights_only=True)`` runs only the part that makes tensors and plain containers; a
file that asks for more is refused here, with the command that reads it knowingly
(``colorcli weights convert FILE -o OUT --unsafe``).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from colorcli.errors import UsageError, WeightsError

#: Under what published checkpoints keep their state dict, the smoothed weights before the others.
WRAPPERS = ("params_ema", "params", "state_dict", "model_state_dict", "model")
#: Put before every key by data-parallel wrappers and by torch.compile.
_PREFIXES = ("module.", "_orig_mod.")


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds.

    Attributes:
        state: tensors by the file's names, on the CPU.
        own: whether it is a checkpoint of a colorcli run, whose names are ours.
    """

    state: Mapping[str, Tensor]
    own: bool = False


def read(path: Path, *, unsafe: bool = False) -> Checkpoint:
    """Read the state dict of a file, out of the wrapper it may have.

    Args:
        path: ``.safetensors``, or a pickle under any other name.
        unsafe: run what the pickle asks for, whatever it is.

    Raises:
        UsageError: there is no such file.
        WeightsError: it is damaged, asks to run code, or holds no weights.
    """
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file", hint="check the path")
    if path.suffix == ".safetensors":
        try:
            return Checkpoint(load_file(path))
        except (SafetensorError, OSError) as error:
            raise WeightsError(
                f"{path}: not a safetensors file, or damaged: {error}", hint="copy or download it again"
            ) from error
    content = _unpickled(path, unsafe=unsafe)
    own = isinstance(content, dict) and {"ema", "step"} <= content.keys()
    if own:
        content = content["ema"]
    for wrapper in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if unsafe and isinstance(content, torch.nn.Module):
        content = content.state_dict()
    state = {key: value for key, value in content.items() if isinstance(value, Tensor)} if _is_dict(content) else {}
    if not state:
        raise WeightsError(f"{path}: the file holds no weights", hint="a file of weights holds tensors by name")
    return Checkpoint(_without_prefix(state), own=own)


def _is_dict(content: Any) -> bool:
    return isinstance(content, dict) and all(isinstance(key, str) for key in content)


def _unpickled(path: Path, *, unsafe: bool) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch, about files of its own past
            return torch.load(path, map_location="cpu", weights_only=not unsafe)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}", hint="check the file") from error
    except Exception as error:  # unpickling fails in any way it likes
        asked = re.search(r"GLOBAL ([\w.]+)|Unsupported class (\S+)|unrecognized function (.+)", str(error))
        if asked is not None:
            what = next(filter(None, asked.groups())).rstrip(".")
            raise WeightsError(
                f"{path}: the file asks to run more than weights need ({what}); nothing of it was run",
                hint=f"if you trust whoever made it: colorcli weights convert '{path}' -o OUT.safetensors --unsafe",
            ) from error
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WeightsError(f"{path}: not readable as weights: {reason}", hint="copy or download it again") from error


def _without_prefix(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    for prefix in _PREFIXES:
        while all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state
