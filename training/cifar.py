"""CIFAR-10's python batches (Krizhevsky 2009): ``data_batch_1`` to ``5``, ``test_batch`` and ``batches.meta``.

They are pickles, and a pickle can do anything when it is loaded. These are read by an unpickler that knows of nothing
but plain values and numpy arrays.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from colorcli.errors import MediaError

#: Side of the pictures.
SIDE = 32
#: Folder that the archive unpacks to, and the file with the names of the classes.
FOLDER, META = "cifar-10-batches-py", "batches.meta"


def batches(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the (training, validation) batches in a folder, or in the archive's folder below it; none of either."""
    for place in (folder, folder / FOLDER):
        train = sorted(place.glob("data_batch_[0-9]*"))
        if train:
            return train, [path for path in (place / "test_batch",) if path.is_file()]
    return [], []


def read(path: Path) -> Iterator[tuple[str, npt.NDArray[np.uint8]]]:
    """Yield name and picture, RGB uint8 ``(32, 32, 3)``, of each row of a batch.

    Names are ``cifar10/CLASS/BATCH-NUMBER``; the class is ``none`` if the batch has no labels.

    Raises:
        MediaError: the batch cannot be read, or is something else.
    """
    batch = load(path)
    data, labels = batch.get("data"), batch.get("labels")
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != 3 * SIDE**2:
        raise MediaError(f"{path}: not a batch of CIFAR-10: it has no rows of 3072 bytes")
    if labels is not None and (len(labels) != len(data) or not all(isinstance(label, int) for label in labels)):
        raise MediaError(f"{path}: not a batch of CIFAR-10: its labels do not go with its rows")
    names = _classes(path.with_name(META)) if labels is not None else {}
    for number, row in enumerate(data):
        label = "none" if labels is None else names.get(labels[number], str(labels[number]))
        # A row holds a whole plane of red, then of green, then of blue.
        picture = np.ascontiguousarray(row.reshape(3, SIDE, SIDE).transpose(1, 2, 0))
        yield f"cifar10/{label}/{path.name}-{number:05d}", picture


def _classes(meta: Path) -> dict[int, str]:
    """Return the classes' names by number; none if there is no such file."""
    if not meta.is_file():
        return {}
    names = load(meta).get("label_names")
    return {number: _text(name) for number, name in enumerate(names)} if isinstance(names, list) else {}


def load(path: Path) -> dict[str, Any]:
    """Read a pickled dictionary of plain values and numpy arrays, written by Python 2 or 3.

    Raises:
        MediaError: it cannot be read, is damaged, or asks for anything else.
    """
    try:
        with path.open("rb") as file:
            content = _Plain(file, encoding="bytes").load()
    except OSError as error:
        raise MediaError(f"{path}: cannot be read: {error.strerror}") from error
    except Exception as error:  # unpickling fails in any way it likes
        raise MediaError(f"{path}: not a batch of CIFAR-10, or damaged: {error}") from error
    if not isinstance(content, dict):
        raise MediaError(f"{path}: not a batch of CIFAR-10: it holds no dictionary")
    return {_text(key): value for key, value in content.items()}


class _Plain(pickle.Unpickler):
    """Finds what a numpy array is rebuilt with, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if name == "_reconstruct" and module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            return _reconstruct
        if name == "_frombuffer" and module in ("numpy.core.numeric", "numpy._core.numeric"):
            return _frombuffer
        if module == "numpy" and name in ("ndarray", "dtype"):
            return getattr(np, name)
        if (module, name) == ("_codecs", "encode"):
            return _encode
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def _reconstruct(kind: Any, shape: Any, code: Any) -> npt.NDArray[Any]:
    """Return the empty array that pickles of arrays begin with; they fill it themselves."""
    if kind is not np.ndarray or shape not in ((0,), [0]):
        raise pickle.UnpicklingError("it asks for an array of another kind")
    return np.ndarray((0,), np.uint8)


def _frombuffer(content: Any, kind: Any, shape: Any, order: Any) -> npt.NDArray[Any]:
    """Return an array of numbers as pickles of protocol 5 have it."""
    if not isinstance(content, bytes | bytearray) or not isinstance(kind, np.dtype) or kind.hasobject:
        raise pickle.UnpicklingError("it asks for an array of another kind")
    return np.frombuffer(content, kind).reshape(shape, order=order)


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """Python 3 writes bytes so in the old protocols."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it asks for the encoding {encoding!r}")
    return text.encode("latin1")


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
