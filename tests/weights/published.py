"""A network's state as its authors publish it: their names, their spectral norms, their wrapper."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor

from colorcli.registry import NETWORKS
from colorcli.weights.recognize import CONVERTERS

#: Converter -> which published weights carry a spectral norm.
SPECTRAL = {
    "ddcolor": r"(decoder\.layers\.\d\.(shuf\.conv|conv)|decoder\.last_shuf\.conv|refine_net\.0)\.0\.weight",
    "deoldify": r"layers\.([345679]|1[01])\..*weight",
}


def published(
    converter: str, sizes: dict[str, Any], *, network: str = ""
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return (a published state dict of random weights, the same under our names)."""
    ours = dict(NETWORKS.load(network or CONVERTERS.load(converter).NETWORKS[0]).build(**sizes).state_dict())
    theirs: dict[str, Tensor] = {}
    for key, value in ours.items():
        name = _their_name(converter, key, sizes)
        if name is None:
            continue
        if value.ndim >= 3 and re.fullmatch(SPECTRAL.get(converter, "$"), name):
            theirs |= _spectral(name, value)
        elif converter == "deoldify" and name == "layers.8.conv.0.weight":
            norm = value.flatten(1).norm(dim=1).reshape(-1, 1, 1, 1)
            theirs |= {f"{name}_g": norm, f"{name}_v": 3 * value}
        else:
            theirs[name] = value
    if converter == "ddcolor":
        wide = ours["norms.3.weight"].shape
        theirs |= {f"encoder.arch.norm.{part}": torch.zeros(wide) for part in ("weight", "bias")}
    return theirs, ours


def _their_name(converter: str, key: str, sizes: dict[str, Any]) -> str | None:
    for theirs, ours in CONVERTERS.load(converter).RULES:
        wide = sizes.get("variant") == "stable"
        if converter == "deoldify" and (".conv." if wide else ".conv1.") not in theirs and ".convs.0." in ours:
            continue
        if converter == "deoldify" and ours.endswith("attention.") and (".conv." in theirs) != wide:
            continue
        if key.startswith(ours):
            return str(theirs) + key[len(ours) :]
    return None  # ours alone, as the prior


def _spectral(name: str, weight: Tensor) -> dict[str, Tensor]:
    """Return the three tensors of a spectral norm of 2.5 whose division gives ``weight`` again."""
    rows = weight.flatten(1)
    u = torch.nn.functional.normalize(torch.randn(len(rows)), dim=0)
    v = rows.T @ u
    return {f"{name}_orig": 2.5 * weight, f"{name}_u": u, f"{name}_v": v / (v @ v)}
