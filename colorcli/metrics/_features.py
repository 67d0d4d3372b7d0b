"""Networks whose features stand for pictures where sets of pictures are compared (FID, KID).

Without a name it is the Inception v3 of the original FID (2048 features, weights of 2015-12-05, resizing as TensorFlow
1 did it), through torch-fidelity and torchmetrics; any other backbone gives other numbers, so the backbone is named
beside the score. With one, a file as :mod:`colorcli.metrics._classifier` takes it: what the network answers are the
features. Nothing is downloaded.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from colorcli.errors import UsageError, WeightsError
from colorcli.metrics import _classifier
from colorcli.metrics._batch import Pictures
from colorcli.weights import cache, checkpoint

#: Of torch-fidelity, which reads the same file name from torch's cache.
INCEPTION_URL = (
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
)
#: A layer that only this network has.
_INCEPTION_KEY = "Mixed_7c.branch3x3dbl_3a.conv.weight"


class Features(Protocol):
    """What turns pictures into rows of numbers."""

    def scores(self, pictures: Pictures) -> Tensor:
        """Return features ``(B, D)``."""

    def words(self) -> str:
        """Return network, weights and preprocessing in words."""


class Inception:
    """The network of the original FID.

    Args:
        path: its weights, as torch-fidelity publishes them.
    """

    def __init__(self, path: Path) -> None:
        require("torchmetrics", "torch_fidelity")
        from torchmetrics.image.fid import NoTrainInceptionV3

        self.path = path
        # It unpickles the file as it is, whatever is in there; `load` has read it as mere weights before.
        self._network = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(path))
        self._seen: WeakKeyDictionary[Pictures, Tensor] = WeakKeyDictionary()

    def __reduce__(self) -> tuple[Callable[[Path | None, int], Features], tuple[Path, int]]:
        return load, (self.path, 299)

    @torch.no_grad()
    def scores(self, pictures: Pictures) -> Tensor:
        """Return the 2048 features of each picture at 8 bits, computed once for the same pictures."""
        if pictures not in self._seen:
            eight = (255 * pictures.rgb).round().clamp(0, 255).byte().cpu()
            self._seen[pictures] = self._network(eight).reshape(len(eight), -1)
        return self._seen[pictures]

    def words(self) -> str:
        """Return network, weights and preprocessing in words."""
        return (
            f"Inception v3 of torch-fidelity (inception-v3-compat, 2048 features), weights "
            f"{cache.sha256_of(self.path)[:12]} ({self.path.name}), 8 bits, 299 x 299 as TensorFlow 1 resized"
        )


def require(*libraries: str) -> None:
    """Check that libraries of the extra are there.

    Raises:
        UsageError: one is missing.
    """
    for library in libraries:
        if importlib.util.find_spec(library) is None:
            raise UsageError(
                f"this metric needs {library}, which is not installed", hint="pip install 'colorcli[metrics]'"
            )


@functools.lru_cache(maxsize=2)
def load(path: Path | None, size: int) -> Features:
    """Return the network; metrics that name the same one share it.

    Raises:
        UsageError: a library of the extra is missing, or the file.
        WeightsError: the weights are missing, or of no network that is known.
    """
    if path is None:
        require("torchmetrics", "torch_fidelity")
        path = cached(INCEPTION_URL, "the Inception network of FID")
    if path.suffix != ".pt2" and _INCEPTION_KEY in checkpoint.read(path).state:
        return Inception(path)
    return _classifier.load(path, size)


def cached(url: str, what: str) -> Path:
    """Return the file of ``url`` in torch's cache.

    Raises:
        WeightsError: it is not there; the hint says how it gets there.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if not path.is_file():
        raise WeightsError(f"the weights of {what} are not here", hint=f"download {url} to {path}")
    return path
