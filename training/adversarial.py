"""Adversarial fine-tuning: a discriminator that tells true colours from predicted ones, patch by patch.

A second stage of any recipe (table ``[adversarial]``): after ``start`` of the run the network also learns to please a
PatchGAN (Isola et al. 2017) that looks at L and ab together, with the hinge loss (Lim & Ye 2017; Miyato et al. 2018)
and spectral normalisation (Miyato et al. 2018) in place of batch norm. A network with little time against it keeps its
stability and gains colour, which is what NoGAN training found (Antic 2019); ``alone`` is that recipe's critic stage.

It judges ab at the resolution in which the network predicts it. Of a distribution over bins it sees the mean.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from colorcli.color import bins
from colorcli.errors import UsageError
from colorcli.training.distributed import Group
from colorcli.training.recipe import Adversarial

#: Smallest side of the map that the last two layers see.
_SMALLEST = 3


class PatchGAN(nn.Module):
    """Judges overlapping patches of a picture: ``(B, 3, h, w)``, L and ab scaled to -1..1, to scores ``(B, 1, p, q)``.

    Args:
        width: channels of the first layer; each further layer has twice as many, up to eight times.
        layers: layers of stride 2.
    """

    def __init__(self, width: int = 64, layers: int = 2) -> None:
        super().__init__()
        self.layers = layers
        channels, parts = 3, []
        for index in range(layers + 1):
            wider = width * min(2**index, 8)
            parts += [spectral_norm(nn.Conv2d(channels, wider, 4, 2 if index < layers else 1, 1)), nn.LeakyReLU(0.2)]
            channels = wider
        self.body = nn.Sequential(*parts, spectral_norm(nn.Conv2d(channels, 1, 4, 1, 1)))

    def forward(self, picture: Tensor) -> Tensor:
        """Return the scores; above zero is true.

        Raises:
            UsageError: the picture is too small for so many layers.
        """
        if min(picture.shape[-2:]) // 2**self.layers < _SMALLEST:
            raise UsageError(
                f"adversarial.layers={self.layers} is too deep for colours of {tuple(picture.shape[-2:])} pixels",
                hint="take fewer layers, or larger crops (data.sizes)",
            )
        scores: Tensor = self.body(picture)
        return scores


def seen(L: Tensor, ab: Tensor) -> Tensor:
    """Return what the discriminator sees: L ``(B, 1, H, W)`` at the size of ab ``(B, 2, h, w)``, both about -1..1."""
    return torch.cat((F.interpolate(L, ab.shape[-2:], mode="area") / 50 - 1, ab.float() / 110), 1)


def colors(outputs: dict[str, Tensor]) -> Tensor:
    """Return ab ``(B, 2, h, w)`` of a network's outputs: as it is, or the mean of the distribution over bins."""
    return outputs["ab"].float() if "ab" in outputs else bins.expectation(outputs["logits"].float().softmax(1))


class Adversary:
    """The discriminator, its optimizer, and the two hinge losses.

    Args:
        options: the recipe's table.
        steps: length of the run.
        device: where it lives.
        group: the processes of the run.
    """

    def __init__(self, options: Adversarial, steps: int, device: torch.device, group: Group) -> None:
        self.options = options
        self.begin = round(options.start * steps)
        self.network = PatchGAN(options.width, options.layers).to(device)
        self.judge = group.wrap(self.network, device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=options.lr, betas=options.betas)

    def awake(self, step: int) -> bool:
        """Whether the discriminator learns at ``step``."""
        return step >= self.begin

    def heard(self, step: int) -> bool:
        """Whether the network learns from it at ``step``."""
        return step >= self.begin + self.options.alone

    def opinion(self, fake: Tensor) -> Tensor:
        """Return the network's loss: how false the discriminator finds ``fake``; its own weights get no gradient."""
        frozen = {name: weight.detach() for name, weight in self.network.named_parameters()}
        self.network.eval()  # the power iteration of the spectral norm moves when the discriminator learns, not now
        scores: Tensor = functional_call(self.network, frozen, (fake,))
        self.network.train()
        return -scores.mean()

    def lesson(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the discriminator's own loss on true and predicted colours; the network gets no gradient."""
        true, false = self.judge(torch.cat((real, fake.detach()))).chunk(2)
        return F.relu(1 - true).mean() + F.relu(1 + false).mean()

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
