"""Classifier accuracy on recoloured pictures, the VGG test of Zhang et al. 2016 (section 3.1).

A classifier of real photos looks at the results. Colours that make things look like what they are let it find more of
them than gray does. What counts as right is the picture's folder (``classes`` names a text file with one class a line,
in the network's order), or, without one, the classifier's own answer on the true photo. The rows Ground truth and Gray
beside the score say what there is to win. A classifier that ignores colour cannot tell anything: the truth and gray
then score alike.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import ClassVar

import torch
from torch import Tensor

from colorcli.errors import MediaError, UsageError
from colorcli.metrics import _classifier
from colorcli.metrics._batch import Batch
from colorcli.metrics._metric import Mean


class Accuracy(Mean):
    """Share of pictures whose right class is among the classifier's first guesses.

    Args:
        weights: the classifier's file (:mod:`colorcli.metrics._classifier` says which); VGG16 if it is at hand.
        size: side of its input.
        classes: text file of class names, for labels by folder.

    Raises:
        UsageError: there is no such file, or the class names repeat.
        WeightsError: it holds no classifier.
    """

    range = (0.0, 100.0)
    higher_is_better = True
    unit = "%"
    source = "Zhang et al. 2016, section 3.1; preprocessing of torchvision"
    group = "network"
    place = "main"
    #: How many guesses there are.
    guesses: ClassVar[int]

    def __init__(self, weights: Path | None = None, size: int = 224, classes: Path | None = None) -> None:
        if size < 32:
            raise UsageError(f"a classifier's size must be at least 32, got {size}")
        self.classifier = _classifier.load(weights or _classifier.published(), size)
        self.classes = None if classes is None else _names(classes)
        super().__init__()

    def values(self, batch: Batch) -> Tensor:
        """Return 100 where the right class is among the guesses, else 0, ``(B,)``."""
        scores = self.classifier.scores(batch.result)
        if scores.shape[1] <= self.guesses:
            raise UsageError(
                f"{self.name}: {self.classifier.path} knows {scores.shape[1]} classes, of which {self.guesses} guesses "
                "miss none",
                hint="take a classifier of more classes",
            )
        right = self._right(batch, scores.shape[1])
        guesses = scores.topk(self.guesses, 1).indices
        return 100.0 * (guesses == right[:, None]).any(1)

    def words(self) -> str:
        """Return the classifier, its preprocessing, and what counts as right."""
        truth = "its own answer on the truth" if self.classes is None else "the picture's folder"
        return f"{self.classifier.words()}; right is {truth}"

    def _right(self, batch: Batch, count: int) -> Tensor:
        if self.classes is None:
            return self.classifier.scores(batch.truth).argmax(1)
        if len(self.classes) != count:
            raise UsageError(f"{len(self.classes)} classes are named, and {self.classifier.path} knows {count}")
        if len(batch.names) != len(batch.result.rgb):
            raise ValueError("labels by folder need the pictures' names")
        folders = [PurePosixPath(name).parent.name for name in batch.names]
        for name, folder in zip(batch.names, folders, strict=True):
            if folder not in self.classes:
                raise UsageError(
                    f"{name}: its folder {folder!r} is no class", hint="a class is the name of the picture's own folder"
                )
        return torch.tensor([self.classes[folder] for folder in folders])


def _names(path: Path) -> dict[str, int]:
    try:
        names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise MediaError(f"{path}: cannot be read: {error}", hint="a text file with one class name a line") from error
    if len(set(names)) < len(names) or not names:
        raise UsageError(f"{path}: class names are missing or repeat", hint="one class a line, in the network's order")
    return {name: index for index, name in enumerate(names)}
