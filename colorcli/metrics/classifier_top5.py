"""Top-5 accuracy of a classifier on recoloured pictures (:mod:`colorcli.metrics._accuracy`)."""

from __future__ import annotations

from colorcli.metrics._accuracy import Accuracy


class Top5(Accuracy):
    """Per cent of pictures that the classifier still recognises, in five guesses."""

    name = "classifier-top5"
    guesses = 5


METRIC = Top5
