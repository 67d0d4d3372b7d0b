"""Top-1 accuracy of a classifier on recoloured pictures (:mod:`colorcli.metrics._accuracy`)."""

from __future__ import annotations

from colorcli.metrics._accuracy import Accuracy


class Top1(Accuracy):
    """Per cent of pictures that the classifier still recognises."""

    name = "classifier-top1"
    guesses = 1


METRIC = Top1
