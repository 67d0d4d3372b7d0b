"""LPIPS (Zhang et al. 2018): distance of two pictures in the features of a network, weighed as people see it.

Through torchmetrics, whose linear weights are the published ones (version 0.1), on torchvision's AlexNet (the authors'
choice for scoring), VGG16 or SqueezeNet 1.1. At the size of comparison; NaN for pictures below 32 pixels a side.
Lightness being given, most of what it looks at is right in any result, gray ones too: read it beside Gray. Nothing is
downloaded.
"""

from __future__ import annotations

import torch
from torch import Tensor

from colorcli.errors import UsageError
from colorcli.metrics import _features
from colorcli.metrics._batch import Batch
from colorcli.metrics._metric import Mean
from colorcli.registry import near_miss

#: torchmetrics' names of the networks, and torchvision's.
NETWORKS = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet1_1"}
#: Sides below this do not survive the network's poolings.
LEAST = 32


class LPIPS(Mean):
    """Learned perceptual distance between result and truth, mean over pictures.

    Args:
        network: ``alex``, ``vgg`` or ``squeeze``.

    Raises:
        UsageError: there is no such network, or a library of the extra ``metrics`` is missing.
        WeightsError: its ImageNet weights are not in torch's cache.
    """

    name = "lpips"
    range = (0.0, float("inf"))
    higher_is_better = False
    source = "Zhang et al. 2018, through torchmetrics"
    group = "network"
    place = "main"

    def __init__(self, network: str = "alex") -> None:
        if network not in NETWORKS:
            raise UsageError(f"unknown network {network!r} of lpips", hint=near_miss(network, NETWORKS))
        _features.require("torchmetrics", "torchvision")
        from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity
        from torchvision.models import get_model_weights

        weights = get_model_weights(NETWORKS[network]).IMAGENET1K_V1
        self.path = _features.cached(weights.url, f"LPIPS's {NETWORKS[network]}")
        self.network = network
        self._lpips = LearnedPerceptualImagePatchSimilarity(net_type=network, normalize=True)  # type: ignore[arg-type]
        super().__init__()

    @torch.no_grad()
    def values(self, batch: Batch) -> Tensor:
        """Return the distance of each picture, ``(B,)``."""
        ours, truth = (pictures.rgb.clamp(0, 1).cpu() for pictures in (batch.result, batch.truth))
        if min(ours.shape[-2:]) < LEAST:
            return torch.full((len(ours),), torch.nan)
        found: Tensor = self._lpips.net(ours, truth, normalize=True)
        return found.flatten()

    def words(self) -> str:
        """Return the network and its weights."""
        return (
            f"{NETWORKS[self.network]} of torchvision ({self.path.name}), linear weights 0.1, at the size of comparison"
        )


METRIC = LPIPS
