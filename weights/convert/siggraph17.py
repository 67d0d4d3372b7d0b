"""``siggraph17-df00044c.pth`` of Zhang, Zhu et al. 2017 (a bare state dict) to the network ``siggraph17``."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from colorcli.weights.convert._keys import renamed

#: What training can begin with these weights (:mod:`colorcli.weights.start`).
NETWORKS = ("siggraph17",)
#: Published beginning of a key -> ours. The blocks keep their names.
RULES = (
    ("model8up.0.", "up8."),
    ("model9up.0.", "up9."),
    ("model10up.0.", "up10."),
    ("model3short8.0.", "short8."),
    ("model2short9.0.", "short9."),
    ("model1short10.0.", "short10."),
    ("model_out.0.", "head."),
    ("model_class.0.", "classes."),
    *((f"model{index}.", f"model{index}.") for index in range(1, 11)),
)


def detect(state: Mapping[str, Tensor]) -> bool:
    """Return whether the state is of this origin, as far as its most telling keys say."""
    return "model8up.0.weight" in state and "model_out.0.weight" in state


def convert(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the published state for ``colorcli.models.siggraph17``.

    Raises:
        WeightsError: unknown keys.
    """
    return renamed(state, RULES, origin="siggraph17")
