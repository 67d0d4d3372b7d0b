"""``colorcli weights``: list, path, export; what push does is tested beside the Hub it talks to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def test_list_and_path(invoke: Any) -> None:
    listed = invoke("weights", "list")
    assert listed.exit_code == 0
    table = {line.split("\t")[0]: line.split("\t")[1:] for line in listed.stdout.splitlines()}
    assert table["default"][0] == "installed" and table["ddcolor-tiny"][:2] == ["-", "220 MB to fetch"]
    assert table["eccv16"][2] == "BSD-2-Clause"
    rows = [json.loads(line) for line in invoke("weights", "list", "--json").stdout.splitlines()]
    assert next(row for row in rows if row["model"] == "default")["scores"]["auc"] > 80
    found = invoke("weights", "path", "mrf")
    assert Path(found.stdout.strip()).name == "default.safetensors" and Path(found.stdout.strip()).is_file()
    assert len(json.loads(invoke("weights", "path", "mrf", "--json").stdout)["sha256"]) == 64


def test_export_makes_a_model(invoke: Any, tiny_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    done = invoke("weights", "export", tiny_model, "-o", out, "--licence", "MIT", "--name", "ours", "--json")
    assert done.exit_code == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["model"] == "ours" and record["output"] == str(out)
    assert invoke("weights", "path", out).stdout.strip() == str(out / "model.safetensors")
    again = invoke("weights", "export", tiny_model, "-o", out)
    assert again.exit_code == 2 and "--force" in again.stderr
    assert invoke("weights", "export", tiny_model, "-o", out, "--force", "-q").stdout.strip() == str(out)


def test_average_makes_a_model(invoke: Any, tiny_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "mean.safetensors"
    done = invoke("weights", "average", tiny_model, tiny_model, "-o", out, "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == {"output": str(out), "model": "mean", "status": "done"}
    assert invoke("weights", "path", out).stdout.strip() == str(out)
    again = invoke("weights", "average", tiny_model, tiny_model, "-o", out)
    assert again.exit_code == 2 and "--force" in again.stderr


def test_mistakes_are_clear(invoke: Any, tmp_path: Path) -> None:
    wrong = invoke("weights", "path", "defalt")
    assert wrong.exit_code == 2 and "did you mean 'default'?" in wrong.stderr
    assert invoke("weights", "lst").exit_code == 2
    push = invoke("weights", "push", tmp_path, "ann/places")
    assert push.exit_code == 2 and "colorcli weights export RUN" in push.stderr


def test_export_as_onnx(invoke: Any, tiny_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "tiny.onnx"
    done = invoke("weights", "export", tiny_model, "-o", out, "--format", "onnx", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == {"output": str(out), "model": "tiny", "status": "done"}
    assert out.stat().st_size > 100_000
    again = invoke("weights", "export", tiny_model, "-o", out, "--format", "onnx")
    assert again.exit_code == 2 and "--force" in again.stderr
    wrong = invoke("weights", "export", tiny_model, "-o", out, "--format", "onx")
    assert wrong.exit_code == 2 and "did you mean 'onnx'" in wrong.stderr
