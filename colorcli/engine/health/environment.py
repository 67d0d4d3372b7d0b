"""Environment variables that change what the program does. What may be secret is never shown, only that it is set."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping

from colorcli.engine.health.report import Check
from colorcli.registry import near_miss

OWN = "COLORCLI_"
#: Looked at wherever they are set; their values are shown.
_SHOWN = {
    "CUDA_DEVICE_ORDER", "CUDA_VISIBLE_DEVICES", "CUBLAS_WORKSPACE_CONFIG", "FORCE_COLOR", "HF_HOME", "HF_HUB_CACHE",
    "HF_HUB_DISABLE_PROGRESS_BARS", "HF_HUB_DISABLE_XET", "HF_HUB_DOWNLOAD_TIMEOUT", "HF_HUB_ETAG_TIMEOUT",
    "HF_HUB_OFFLINE", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "LD_PRELOAD", "MKL_NUM_THREADS", "NO_COLOR",
    "NVIDIA_TF32_OVERRIDE", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_IO_MAX_IMAGE_PIXELS", "PYTHONIOENCODING",
    "PYTHONPATH", "PYTHONUTF8", "PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ENABLE_MPS_FALLBACK", "TERM",
    "TMPDIR", "TORCH_CUDNN_V8_API_DISABLED", "TQDM_DISABLE", "XDG_CACHE_HOME",
}  # fmt: skip
#: These only with the word "set": a name that is not known may stand for anything.
_NAMED = re.compile(r"(HF|HUGGING_?FACE|HUGGINGFACEHUB)_\w+|(https?|all|no)_proxy", re.IGNORECASE)
_SECRET_NAME = re.compile(r"TOKEN|KEY|SECRET|PASS|CREDENTIAL|AUTH", re.IGNORECASE)
#: Access tokens as they look, and an address with a password in it.
_SECRET_VALUE = re.compile(r"\b(hf|ghp|gho|github_pat|sk)[_-]\w{8,}|://[^/\s]*@|\b[\w+=-]{40,}\b")
_LONGEST = 200


def checks(known: Collection[str] = (), environment: Mapping[str, str] | None = None) -> Iterator[Check]:
    """Look at the variables that matter and are set.

    Args:
        known: the ``COLORCLI_`` variables that mean something; if given, others are warned about.
        environment: instead of the process's own.
    """
    environment = os.environ if environment is None else environment
    found = False
    for name in sorted(environment):
        if name.startswith(OWN) or name in _SHOWN or _NAMED.fullmatch(name):
            found = True
            yield variable(name, environment[name], known)
    if not found:
        yield Check(name="variables", text="none is set that matters here")


def variable(name: str, value: str, known: Collection[str] = ()) -> Check:
    """Return what may be told of one variable.

    Args:
        name: of the variable.
        value: of the variable.
        known: see :func:`checks`.
    """
    shown = value if _may_show(name, value) else None
    text = ("empty" if not value else "set") if shown is None else f"{shown!r}"[1:-1] or "empty"
    data = {"set": True, "value": shown}
    if name.startswith(OWN) and known and name not in known:
        hint = near_miss(name, known)
        return Check(name=name, status="warn", text=f"{text}, but nothing reads it", hint=hint, data=data)
    return Check(name=name, text=text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...", data=data)


def _may_show(name: str, value: str) -> bool:
    if _SECRET_NAME.search(name) or _SECRET_VALUE.search(value):
        return False
    return name.startswith(OWN) or name in _SHOWN
