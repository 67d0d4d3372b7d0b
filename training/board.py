"""A run's log for TensorBoard, which is an extra: ``pip install 'colorcli[train]'``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from colorcli.errors import UsageError


class Board:
    """Writes rows of the log as scalars.

    Args:
        folder: takes the event files.
        start: step that the run begins or goes on at; what an earlier process wrote of later steps is hidden.

    Raises:
        UsageError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path, start: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise UsageError("TensorBoard is not installed", hint="pip install 'colorcli[train]'") from error
        self._writer = SummaryWriter(str(folder), purge_step=start + 1 if start else None)

    def add(self, row: dict[str, Any]) -> None:
        """Write the numbers of one row: ``loss`` as ``train/loss``, ``val_auc`` as ``val/auc``."""
        for name, value in row.items():
            if name == "step" or not isinstance(value, int | float):
                continue
            kind, _, rest = name.partition("_")
            tag = f"val/{rest}" if kind == "val" else f"train/{name}"
            self._writer.add_scalar(tag, value, row["step"])
        self._writer.flush()

    def close(self) -> None:
        """End the file."""
        self._writer.close()
