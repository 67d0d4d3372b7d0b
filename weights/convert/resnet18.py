"""Published ResNet-18 classifiers (torchvision, timm) as the start of ``resnet18-ab`` and ``resnet18-bins``."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from colorcli.models.backbones.resnet import sum_first_convolution
from colorcli.weights.convert._keys import renamed

#: What training can begin with these weights (:mod:`colorcli.weights.start`).
NETWORKS = ("resnet18-ab", "resnet18-bins")
_PARTS = ("conv1.", "bn1.", "layer1.", "layer2.", "layer3.", "layer4.")


def convert(state: Mapping[str, Tensor], *, stages: int = 4) -> dict[str, Tensor]:
    """Return the ``backbone.`` part of a network's state: a start for training, not a whole model.

    Args:
        state: a ResNet-18 for colour or for gray pictures, any number of classes. The first convolution is summed
            over its channels, the classifier left out.
        stages: stages of the backbone: 4 with fusion, 2 without.

    Raises:
        WeightsError: unknown keys.
    """
    dropped = ("fc.", *(f"layer{index}." for index in range(stages + 1, 5)))
    rules = [(part, f"backbone.{part}") for part in _PARTS]
    result = renamed(state, rules, dropped=dropped, origin="ResNet-18")
    key = "backbone.conv1.weight"
    return sum_first_convolution(result, key) if key in result else result


def fit(state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return :func:`convert` with as many stages as a network's state ``expected`` has."""
    return convert(state, stages=4 if any(key.startswith("backbone.layer4.") for key in expected) else 2)
