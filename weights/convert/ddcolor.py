"""DDColor's published checkpoints (paper, modelscope, artistic, paper_tiny) to the network ``ddcolor``.

The ``.pth`` files hold the state dict under ``params``, the Hub's ``pytorch_model.bin`` are bare. Which of the two
encoders it is, :func:`encoder` tells from the first convolution.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from torch import Tensor

from colorcli.errors import WeightsError
from colorcli.weights.convert._keys import renamed
from colorcli.weights.convert._norms import without_spectral_norm

#: What training can begin with these weights (:mod:`colorcli.weights.start`).
NETWORKS = ("ddcolor",)
#: Stored, but of no use to the published forward pass; the ModelScope class has a head of its own.
DROPPED = ("encoder.arch.norm.", "encoder.arch.head_cls.")
#: The encoder has the names of Meta's code, ours those of timm; the large one has stages of up to 27 blocks.
_BLOCK = {"dwconv.": "conv_dw.", "norm.": "norm.", "pwconv1.": "mlp.fc1.", "pwconv2.": "mlp.fc2.", "gamma": "gamma"}
_ROUND = {
    "cross_attention_layers.{}.multihead_attn.": "cross.",
    "cross_attention_layers.{}.norm.": "cross_norm.",
    "self_attention_layers.{}.self_attn.": "own.",
    "self_attention_layers.{}.norm.": "own_norm.",
    "ffn_layers.{}.linear1.": "linear1.",
    "ffn_layers.{}.linear2.": "linear2.",
    "ffn_layers.{}.norm.": "norm.",
}
_COLORS = "decoder.color_decoder."
#: Published beginning of a key -> ours.
RULES = (
    *((name, name) for name in ("mean", "std")),
    ("encoder.arch.downsample_layers.0.", "encoder.stem."),
    *((f"encoder.arch.downsample_layers.{stage}.", f"encoder.stages.{stage}.downsample.") for stage in (1, 2, 3)),
    *((f"encoder.arch.norm{stage}.", f"norms.{stage}.") for stage in range(4)),
    *(
        (f"encoder.arch.stages.{stage}.{block}.{theirs}", f"encoder.stages.{stage}.blocks.{block}.{ours}")
        for stage in range(4)
        for block in range(27)
        for theirs, ours in _BLOCK.items()
    ),
    *((f"decoder.layers.{index}.shuf.conv.", f"decoder.{index}.enlarge.") for index in range(3)),
    *((f"decoder.layers.{index}.bn.", f"decoder.{index}.skip_norm.") for index in range(3)),
    *((f"decoder.layers.{index}.conv.0.", f"decoder.{index}.conv.") for index in range(3)),
    *((f"decoder.layers.{index}.conv.2.", f"decoder.{index}.norm.") for index in range(3)),
    ("decoder.last_shuf.conv.0.", "last."),
    *((f"{_COLORS}{name}.weight", f"colors.{name}") for name in ("query_feat", "query_embed", "level_embed")),
    (f"{_COLORS}input_proj.", "colors.projections."),
    *(
        (f"{_COLORS}transformer_{theirs.format(index)}", f"colors.rounds.{index}.{ours}")
        for index in range(9)
        for theirs, ours in _ROUND.items()
    ),
    (f"{_COLORS}decoder_norm.", "colors.norm."),
    *((f"{_COLORS}color_embed.layers.{index}.", f"colors.embed.{2 * index}.") for index in range(3)),
    ("refine_net.0.0.", "head."),
)


def detect(state: Mapping[str, Tensor]) -> bool:
    """Return whether the state is of this origin, as far as its most telling keys say."""
    return "encoder.arch.downsample_layers.0.0.weight" in state and "decoder.color_decoder.query_feat.weight" in state


def convert(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the published state, of the tiny or of the large network, for ``colorcli.models.ddcolor``.

    Spectral norms are folded into the weights.

    Raises:
        WeightsError: unknown keys, or an incomplete spectral norm.
    """
    return renamed(without_spectral_norm(state), RULES, dropped=DROPPED, origin="DDColor")


def encoder(state: Mapping[str, Tensor]) -> Literal["tiny", "large"]:
    """Return which encoder a published state has: the size to build the network with.

    Raises:
        WeightsError: neither.
    """
    first = state.get("encoder.arch.downsample_layers.0.0.weight")
    width = 0 if first is None else len(first)
    if width == 96:
        return "tiny"
    if width == 192:
        return "large"
    raise WeightsError(f"not a checkpoint of DDColor: its first convolution has {width} channels, not 96 or 192")
