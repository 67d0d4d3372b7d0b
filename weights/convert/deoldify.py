"""DeOldify's ``Colorize{Artistic,Stable,Video}_gen.pth`` (Jason Antic, MIT) to the network ``deoldify``.

A published file holds its state dict under ``model``, or is one. Its keys count the layers of fastai's dynamic U-Net;
here they get names. All its spectral norms and its one weight norm are folded, so the result is smaller and has nothing
left to update while training.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from colorcli.weights.convert._keys import renamed
from colorcli.weights.convert._norms import without_spectral_norm, without_weight_norm

#: What training can begin with these weights (:mod:`colorcli.weights.start`).
NETWORKS = ("deoldify",)
#: Published beginning of a key -> ours. The wide network has ``conv`` where the deep one has ``conv1`` and ``conv2``.
RULES = (
    ("layers.0.0.", "body.conv1."),
    ("layers.0.1.", "body.bn1."),
    *((f"layers.0.{stage + 3}.", f"body.layer{stage}.") for stage in range(1, 5)),
    ("layers.1.", "norm."),
    ("layers.3.", "middle."),
    *(
        (f"layers.{up + 4}.{theirs}", f"ups.{up}.{ours}")
        for up in range(4)
        for theirs, ours in (
            ("shuf.conv.", "shuffle.conv."),
            ("bn.", "norm."),
            ("conv2.3.", "attention."),
            ("conv.3.", "attention."),
            ("conv1.", "convs.0."),
            ("conv2.", "convs.1."),
            ("conv.", "convs.0."),
        )
    ),
    ("layers.8.conv.0.", "last.conv."),
    ("layers.10.layers.0.0.", "mix1."),
    ("layers.10.layers.1.0.", "mix2."),
    ("layers.11.0.", "head."),
)


def detect(state: Mapping[str, Tensor]) -> bool:
    """Return whether the state is of this origin, as far as its most telling keys say."""
    last = "layers.11.0.weight"  # without its spectral norm in copies whose norms somebody has folded
    return "layers.0.0.weight" in state and (last in state or f"{last}_orig" in state)


def convert(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the published state, of any of the three files, for ``colorcli.models.deoldify`` of its variant.

    Raises:
        WeightsError: unknown keys, or a norm whose vectors are missing.
    """
    return renamed(without_weight_norm(without_spectral_norm(state)), RULES, origin="DeOldify")
