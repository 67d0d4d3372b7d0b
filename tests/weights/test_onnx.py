"""ONNX files: what onnxruntime computes from them, and what they say about themselves."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

import pytest
import torch

from colorcli.color import bins
from colorcli.errors import UsageError, WeightsError
from colorcli.models.ddcolor import INFO as DDCOLOR
from colorcli.registry import NETWORKS
from colorcli.weights import onnx as export_onnx
from colorcli.weights.card import Card, Source
from colorcli.weights.load import load
from colorcli.weights.save import write_run

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def said(path: Path) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def run(path: Path, L: torch.Tensor) -> torch.Tensor:
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    assert (given.name, given.shape[1]) == ("L", 1)
    return torch.from_numpy(session.run(None, {"L": L.numpy()})[0])


def ddcolor(folder: Path) -> Path:
    """A small DDColor whose colours are not all but gray."""
    sizes = {"encoder": "tiny", "shrink": 16, "queries": 8, "rounds": 3}
    net = NETWORKS.load("ddcolor").build(**sizes)
    state = net.state_dict()
    state["head.weight"] = state["head.weight"] * 100
    card = Card(name="dd", network="ddcolor", sizes=sizes, size=64, licence="x", source=Source(kind="file", file="x"))
    folder.mkdir()
    write_run(folder, state, card)
    return folder


def test_a_network_of_distributions(tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "tiny.onnx"
    card = export_onnx.export(tiny_model, path)
    net = load(tiny_model)
    for shape in ((1, 1, 64, 160), (3, 1, 32, 96)):
        L = 100 * torch.rand(*shape)
        with torch.inference_mode():
            expected = net(L)
        got = run(path, L)
        assert (got - expected).abs().max() <= 1e-3 * expected.abs().max()
    about = said(path)
    assert tomllib.loads(about["card"])["name"] == card.name == "tiny"
    assert torch.equal(torch.tensor(json.loads(about["bins.ab"])), bins.centers())
    torch.testing.assert_close(torch.tensor(json.loads(about["bins.prior"])), net.get_buffer("prior"))
    assert (about["input.multiple_of"], about["output.resolution"]) == ("32", "1/4")
    assert {"output.logits", "licence", "input.L"} <= set(about)


def test_ddcolor_with_all_sizes_free(tmp_path: Path) -> None:
    model, path = ddcolor(tmp_path / "m"), tmp_path / "dd.onnx"
    export_onnx.export(model, path, name="mine")
    net = load(model)
    for shape in ((1, 1, 32, 32), (3, 1, 96, 64), (2, 1, 64, 160)):
        L = 100 * torch.rand(*shape)
        with torch.inference_mode():
            expected = net(L)
        assert expected.abs().max() > 1
        torch.testing.assert_close(run(path, L), expected, rtol=1e-3, atol=1e-3)
    about = said(path)
    assert tomllib.loads(about["card"])["name"] == "mine"
    assert "Lab units" in about["output.ab"] and about["input.multiple_of"] == "32"


def test_a_file_that_computes_something_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = ddcolor(tmp_path / "m")
    other = NETWORKS.load("ddcolor").build(encoder="tiny", shrink=16, queries=8, rounds=3).eval()
    content = export_onnx._traced(other, DDCOLOR)
    monkeypatch.setattr(export_onnx, "_traced", lambda *_: content)
    with pytest.raises(WeightsError, match="onnxruntime gives something else than torch"):
        export_onnx.export(model, tmp_path / "dd.onnx")
    assert not (tmp_path / "dd.onnx").exists()


def test_mistakes_are_told(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"an ONNX file ends in .onnx.*-o .*tiny.onnx"):
        export_onnx.export(tiny_model, tmp_path / "tiny")
    (tmp_path / "there.onnx").touch()
    with pytest.raises(UsageError, match="exists"):
        export_onnx.export(tiny_model, tmp_path / "there.onnx")

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UsageError, match=r"not installed: onnxruntime.*colorcli\[onnx\]"):
        export_onnx.export(tiny_model, tmp_path / "new.onnx")
