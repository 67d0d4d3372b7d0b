"""A trained model as others can use it: ``colorcli weights export`` makes a folder ready for the Hugging Face Hub.

It holds ``model.safetensors`` (the card in its header), ``card.toml`` (with the file's hash), ``README.md`` (a model
card with the Hub's YAML) and, of a run, ``recipe.toml``, ``curves.png`` and ``prior.png``. Pictures of the training or
validation data, names of files and paths of this machine stay at home.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from colorcli.errors import UsageError
from colorcli.registry import NETWORKS
from colorcli.weights.card import Card, Source
from colorcli.weights.load import load, state_of
from colorcli.weights.resolve import RUN_CARD, RUN_WEIGHTS, Model, resolve
from colorcli.weights.save import write_safetensors

#: What of a run goes along as it is.
_EXTRAS = ("recipe.toml", "curves.png", "prior.png", "subjects.md")
#: Scores of a run's log by the names that cards have for them.
_SCORES = {"auc": "auc", "gray": "auc_gray", "chroma": "chroma_share"}


def export(
    model: str | Path, target: Path, *, licence: str = "", data: str = "", name: str = "", overwrite: bool = False
) -> Card:
    """Write a model with all that others need to use and judge it; the folder has its name when it is complete.

    Args:
        model: a run, or anything else that names a model.
        target: the folder to make.
        licence: of the weights; "" takes the card's.
        data: what it was trained on, in words; "" takes the names of the sources, without their folders.
        name: of the model; "" takes the name of ``target``.
        overwrite: replace a folder that :func:`export` made before.

    Returns:
        The card as written.

    Raises:
        UsageError: no such model; no licence; ``target`` exists.
        WeightsError: the weights are missing, damaged or do not fit the card's network.
    """
    found = resolve(model)
    if not (licence or found.card.licence):
        raise UsageError(
            f"{model}: the card names no licence", hint="say under which one the weights are: --licence Apache-2.0"
        )
    if target.exists() and any(target.iterdir() if target.is_dir() else [target]):
        ours = target.is_dir() and (target / RUN_CARD).exists() and (target / "README.md").exists()
        if not (overwrite and ours):
            raise UsageError(f"{target}: exists", hint="name another folder, or --force to replace an exported model")
    load(found)  # weights that do not fit are not passed on
    run = found.weights.parent if found.weights.name == RUN_WEIGHTS else None
    facts = _facts(run)
    card = dataclasses.replace(
        found.card,
        name=name or target.name,
        source=Source(kind="file", file=RUN_WEIGHTS),
        sha256=None,
        licence=licence or found.card.licence,
        data=data or _data(found.card, facts),
        scores={**found.card.scores, **_scores(run, facts), "parameters": parameters(found)},
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.part-") as temporary:
        part = Path(temporary) / "model"
        part.mkdir()
        write_safetensors(part / RUN_WEIGHTS, state_of(found), card)
        card = dataclasses.replace(card, sha256=hashlib.sha256((part / RUN_WEIGHTS).read_bytes()).hexdigest())
        (part / RUN_CARD).write_text(card.to_toml(), encoding="utf-8")
        (part / "README.md").write_text(readme(card, found, facts), encoding="utf-8")
        for extra in _EXTRAS if run is not None else ():
            if (run / extra).is_file():  # type: ignore[operator]
                shutil.copyfile(run / extra, part / extra)  # type: ignore[operator]
        if target.exists():
            target.rename(Path(temporary) / "before")
        part.rename(target)
    return card


def parameters(model: Model) -> int:
    """Return how many numbers a model's network has learnt or was given; batch statistics do not count."""
    network = NETWORKS.load(model.card.network).build(**model.card.sizes)
    return sum(weight.numel() for weight in network.parameters())


def _facts(run: Path | None) -> dict[str, Any]:
    """Return what a run's records say of its training; nothing for a model that is no run."""
    if run is None or not (run / "log.jsonl").is_file():
        return {}
    rows = []
    for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue  # cut short by a crash
    path = run / "data.json"
    data = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    begun = [row for row in rows if row.get("event") == "start"]
    hours = sum(row.get("seconds", 0.0) for row in _lasts(rows)) / 3600
    return {"rows": rows, "data": data, "start": begun[-1] if begun else {}, "hours": hours,
            "steps": max((row["step"] for row in rows), default=0)}  # fmt: skip


def _lasts(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the last line of each stretch of a run: its clock starts anew when it is resumed."""
    starts = [place for place, row in enumerate(rows) if row.get("event") == "start"][1:]
    return [rows[place - 1] for place in [*starts, len(rows)]] if rows else []


def _data(card: Card, facts: Mapping[str, Any]) -> str:
    known = facts.get("data", {})
    if not known.get("sources"):
        return card.data
    names = sorted({Path(source).name for source in known["sources"]})
    return f"{known.get('training', '?')} pictures of {', '.join(names)}"


def _scores(run: Path | None, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the last measurement of a run, as a card's scores: on test pictures if it kept some."""
    for kind, pictures in (("test", "test"), ("val", "validation")):
        rows = [row for row in facts.get("rows", ()) if f"{kind}_auc" in row]
        if rows:
            found = {name: rows[-1][f"{kind}_{key}"] for key, name in _SCORES.items() if f"{kind}_{key}" in rows[-1]}
            return {**found, "on": f"{_measured(run, facts, pictures)}{pictures} pictures of the run, by the trainer"}
    return {}


def _measured(run: Path | None, facts: Mapping[str, Any], pictures: str) -> str:
    """Return how many pictures the trainer measured: those there were, up to the number in the recipe."""
    there = facts["data"].get(pictures)
    if run is None or there is None or not (run / "recipe.toml").is_file():
        return ""
    most = tomllib.loads((run / "recipe.toml").read_text(encoding="utf-8")).get("validation", {}).get("pictures", there)
    return f"{min(most, there):,} "


def readme(card: Card, model: Model, facts: Mapping[str, Any]) -> str:
    """Return the model card, Markdown with the Hub's YAML front matter."""
    info = NETWORKS.load(card.network).INFO
    scores = card.scores
    front: dict[str, Any] = {
        "license": _hub_licence(card.licence), "library_name": "colorcli", "pipeline_tag": "image-to-image",
        "tags": ["colorization", "image-colorization", card.network],
    }  # fmt: skip
    if front["license"] == "other":
        front["license_name"] = card.licence
    lines = ["---", *(f"{key}: {json.dumps(value)}" for key, value in front.items()), "---", ""]  # JSON is YAML
    lines += [f"# {card.name}", "", f"{card.description or 'A colorizer'}. Made with colorcli.", ""]
    lines += ["```", "colorcli photo old.jpg -o new.jpg --model path/to/this/folder", "```", ""]
    rows = {
        "network": f"`{card.network}` {_sizes(card.sizes)}",
        "parameters": f"{scores['parameters']:,}",
        "predicts": "ab" if info.output == "ab" else f"a distribution over 313 ab bins, decoder `{card.decoder}`",
        "paper": info.paper,
        "input": f"lightness of CIE Lab (D65), 0 to 100, about {card.size} x {card.size} pixels",
        "weights": f"`{RUN_WEIGHTS}`, SHA-256 `{card.sha256}`",
        "licence": card.licence,
        "data": card.data,
        "recipe, seed": f"{card.recipe or 'unknown'}, {card.seed if card.seed is not None else 'unknown'}",
    }
    lines += _table("what", "", rows)
    if "auc" in scores:
        lines += ["## Scores", "", f"On {scores.get('on', 'unknown pictures')}. A gray picture's AuC stands beside it,",
                  "as it differs from data to data.", ""]  # fmt: skip
        lines += _table("score", "", {key: value for key, value in scores.items() if isinstance(value, float)})
    if facts:
        start = facts["start"]
        left = {key: n for key, n in facts["data"].get("report", {}).items() if key != "kept" and n}
        lines += ["## Training", ""]
        lines += _table("fact", "", {
            "steps": f"{facts['steps']:,}",
            "hours": f"{facts['hours']:.2f}",
            "hardware": f"{start.get('device', 'unknown')}, {start.get('threads', '?')} threads, "
                        f"{start.get('precision', '?')}",
            "torch": start.get("torch", "unknown"),
            "pictures": f"{facts['data'].get('training', '?')} to train on, "
                        f"{facts['data'].get('validation', '?')} to validate on",
            "left out": ", ".join(f"{n} {why}" for why, n in left.items()) or "none",
        })  # fmt: skip
    return "\n".join(lines)


def _table(head: str, other: str, rows: Mapping[str, Any]) -> list[str]:
    body = [f"| {key} | {str(value).replace('|', '/')} |" for key, value in rows.items() if value != ""]
    return [f"| {head} | {other} |", "|---|---|", *body, ""]


def _sizes(sizes: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {value}" for key, value in sizes.items())


def _hub_licence(licence: str) -> str:
    """Return the Hub's identifier of a licence that begins with one of the common names, else "other"."""
    known = ("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0",
             "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "gpl-3.0")  # fmt: skip
    return licence.lower() if licence.lower() in known else "other"


def check(folder: Path) -> Model:
    """Return the model of an exported folder, complete and with the weights its card names.

    Raises:
        UsageError: there is no such folder, or it was not exported.
        WeightsError: it is damaged.
    """
    missing = [name for name in (RUN_CARD, RUN_WEIGHTS, "README.md") if not (folder / name).is_file()]
    if missing:
        raise UsageError(
            f"{folder}: no exported model: it has no {', '.join(missing)}",
            hint=f"colorcli weights export RUN -o {os.fspath(folder)}",
        )
    model = resolve(folder / RUN_CARD)
    state_of(model)
    return model
