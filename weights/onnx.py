"""A model's network as an ONNX file, checked against onnxruntime before it gets its name.

The file takes lightness ``L`` (B, 1, H, W), 0..100, all three sizes free, H and W multiples of what the metadata say,
and gives ``ab`` in Lab units or ``logits`` over the 313 bins. The metadata hold the card and, in words and numbers,
what goes in and what comes out: shrinking the photo, decoding, and putting ab to the photo's own L are the reader's.
A network that sums up the whole picture does so from the L it is given, where colorcli shows it another view if L is
not of ``input.size``.

torch's older exporter is used (``dynamo=False``): on these networks it takes seconds where the newer one takes up to
two minutes, and that one fixes the batch of DDColor to the one it was shown.
"""

from __future__ import annotations

import dataclasses
import io
import json
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from colorcli.color import bins
from colorcli.errors import UsageError, WeightsError
from colorcli.models._info import NetworkInfo
from colorcli.weights.cache import check_free, replace_file
from colorcli.weights.card import Card
from colorcli.weights.load import info, load
from colorcli.weights.resolve import resolve

OPSET = 18
#: Largest difference between torch and onnxruntime, of ab in Lab units or of logits; where values are above 100, of a
#: hundredth of the largest.
TOLERANCE = 1e-3
_EXTRA = "pip install 'colorcli[onnx]'"


def export(model: str | Path, target: Path, *, licence: str = "", name: str = "", overwrite: bool = False) -> Card:
    """Write the network of a model as ONNX.

    Args:
        model: anything that names one.
        target: a file name that ends in ``.onnx``.
        licence: of the weights; "" takes the card's.
        name: of the model; "" leaves the card's.
        overwrite: replace a file of that name.

    Returns:
        The card in the file.

    Raises:
        UsageError: no such model; no licence; ``target`` exists or has another ending; onnx is not installed.
        WeightsError: the weights are missing or unfit, or onnxruntime computes something else from the file.
    """
    if target.suffix.lower() != ".onnx":
        raise UsageError(f"{target}: an ONNX file ends in .onnx", hint=f"-o {target.with_suffix('.onnx')}")
    check_free(target, overwrite=overwrite)
    onnx, runtime = _libraries()
    found = resolve(model)
    card = dataclasses.replace(
        found.card, name=name or found.card.name, licence=licence or found.card.licence, sha256=None
    )
    if not card.licence:
        raise UsageError(f"{model}: the card names no licence", hint="say which one: --licence Apache-2.0")
    network, about = load(found), info(found)
    proto = onnx.load_from_string(_traced(network, about))
    proto.producer_name = "colorcli"
    proto.doc_string = card.description
    for key, text in metadata(network, about, card).items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = key, text
    content = proto.SerializeToString()
    _check(network, about, content, runtime, card.name)
    replace_file(target, content)
    return card


def metadata(network: nn.Module, about: NetworkInfo, card: Card) -> dict[str, str]:
    """Return what the file says about itself, all as text."""
    places = "1" if about.stride == 1 else f"1/{about.stride}"
    said = {
        "card": card.to_toml(),
        "licence": card.licence,
        "paper": about.paper,
        "input.L": "CIE L* (D65) of the picture, float32 (B, 1, H, W), 0..100",
        "input.multiple_of": str(about.multiple_of),
        "input.minimum": str(about.minimum),
        "input.size": str(card.size),
        "output.resolution": places,
    }
    if about.output == "ab":
        return said | {"output.ab": f"CIE a* and b* (D65), float32 (B, 2, H, W) x {places}, Lab units"}
    said["output.logits"] = (
        f"float32 (B, {bins.Q}, H, W) x {places}: softmax(logits / T) over axis 1 is the distribution over bins;"
        " its mean over bins.ab is ab"
    )
    said["bins.ab"] = json.dumps(bins.centers().tolist())
    if card.temperature is not None:
        said["decoder.temperature"] = str(card.temperature)
    prior = dict(network.named_buffers()).get("prior")
    if prior is not None:
        said["bins.prior"] = json.dumps([float(f"{value:.6g}") for value in prior.tolist()])
    return said


def _libraries() -> tuple[Any, Any]:
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise UsageError(f"ONNX files need a package that is not installed: {error.name}", hint=_EXTRA) from error
    return onnx, onnxruntime


def _shown(about: NetworkInfo, batch: int, height: int, width: int) -> Tensor:
    """Return a lightness of ``height`` x ``width`` times the smallest size, the same every time."""
    side = max(about.multiple_of, -(-about.minimum // about.multiple_of) * about.multiple_of)
    draw = torch.Generator().manual_seed(0)
    return 100 * torch.rand(batch, 1, height * side, width * side, generator=draw)


def _traced(network: nn.Module, about: NetworkInfo) -> bytes:
    free = {0: "batch", 2: "height", 3: "width"}
    out = {0: "batch", 2: "out_height", 3: "out_width"}
    stream: Any = io.BytesIO()  # which the older exporter takes, whatever the signature says
    with warnings.catch_warnings(), torch.no_grad():
        # That the exporter is the older one, and remarks on constants it leaves as they are.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (_shown(about, 2, 2, 3),),
            stream,
            input_names=["L"],
            output_names=[about.output],
            dynamic_axes={"L": free, about.output: out},
            opset_version=OPSET,
            dynamo=False,
        )
    content: bytes = stream.getvalue()
    return content


def _check(network: nn.Module, about: NetworkInfo, content: bytes, runtime: Any, name: str) -> None:
    """Compare with torch at sizes the file was not made with, and at the one it was."""
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    for shape in ((1, 1, 1), (3, 3, 2), (2, 2, 3)):
        L = _shown(about, *shape)
        with torch.inference_mode():
            expected = network(L)
        try:
            got = torch.from_numpy(session.run(None, {"L": L.numpy()})[0])
        except Exception as error:
            raise WeightsError(f"model {name!r}: onnxruntime cannot run its network: {error}") from error
        off = float((got - expected).abs().max()) if got.shape == expected.shape else float("inf")
        if not off <= TOLERANCE * max(1.0, float(expected.abs().max()) / 100):
            raise WeightsError(
                f"model {name!r}: onnxruntime gives something else than torch, off by {off:.2g} for L {(*L.shape,)}",
                hint="this is a bug in colorcli or onnxruntime: please report it",
            )
