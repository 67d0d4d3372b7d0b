"""ColorNet's ``checkpoint-trained.pth.tar`` (lukemelas/Automatic-Image-Colorization) to the network ``resnet18-ab``.

The checkpoint holds its state dict under ``state_dict``. The published network sees gray values 0..1 as they are, and
gives (ab + 128) / 255; both scales go into the state, so the network needs no sizes of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from colorcli.models._resnet18 import AB_UNIT
from colorcli.weights.convert._keys import renamed

#: What training can begin with these weights (:mod:`colorcli.weights.start`).
NETWORKS = ("resnet18-ab",)
_HEAD = "fusion_and_colorization_net."
#: Published beginning of a key -> ours. The backbone's children are numbered: conv1, bn1, relu, maxpool, layer1 ...
RULES = (
    ("midlevel_resnet.0.", "backbone.conv1."),
    ("midlevel_resnet.1.", "backbone.bn1."),
    ("midlevel_resnet.4.", "backbone.layer1."),
    ("midlevel_resnet.5.", "backbone.layer2."),
    (f"{_HEAD}conv1.", "conv1.0."),
    (f"{_HEAD}bn2.", "conv1.1."),
    (f"{_HEAD}conv2.", "conv2.0."),
    (f"{_HEAD}bn3.", "conv2.1."),
    *((f"{_HEAD}conv{index}.", f"conv{index}.") for index in (3, 4, 5)),
)
#: Stored, but of no use to the published forward pass. The global ResNet repeats the mid-level one and goes on.
DROPPED = ("global_resnet.", *(f"{_HEAD}{name}." for name in ("fusion", "bn1", "bn4", "bn5", "deconv1_new")))


def detect(state: Mapping[str, Tensor]) -> bool:
    """Return whether the state is of this origin, as far as its most telling keys say."""
    return "midlevel_resnet.0.weight" in state


def convert(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the published state for ``colorcli.models.resnet18_ab``.

    Raises:
        WeightsError: unknown keys.
    """
    result = renamed(state, RULES, dropped=DROPPED, origin="ColorNet")
    result |= {"mean": torch.tensor(0.0), "std": torch.tensor(1.0)}
    if "conv5.weight" in result:  # else the network will say that it is missing
        result["conv5.weight"] = result["conv5.weight"] * (255 / AB_UNIT)
    if "conv5.bias" in result:
        result["conv5.bias"] = (result["conv5.bias"] * 255 - 128) / AB_UNIT
    return result
