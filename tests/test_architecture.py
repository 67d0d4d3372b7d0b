"""The house rules that a reader could break without noticing: who may import whom, and what the cheap modules load."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

#: Room -> rooms it may import (DESIGN.md, "Who may import whom"). Every room may import itself.
MAY_IMPORT = {
    "errors": set(),
    "registry": {"errors"},
    "color": {"errors"},
    "models": {"color", "errors", "registry"},
    "decoders": {"color", "errors", "registry"},
    "upsamplers": {"color", "errors", "registry"},
    "media": {"errors", "registry"},
    "motion": {"color", "errors"},
    "metrics": {"color", "motion", "models", "weights", "errors", "registry"},
    "report": {"color", "metrics", "errors"},
    "study": {"evaluation", "training", "media", "errors"},
    "weights": {"models", "color", "errors", "registry"},
    "engine": {"models", "decoders", "upsamplers", "motion", "color", "media", "weights", "errors", "registry"},
    "training": {
        "models", "decoders", "upsamplers", "metrics", "color", "media", "weights", "report", "errors", "registry",
    },
    "evaluation": {
        "engine", "metrics", "report", "training", "color", "media", "weights", "errors", "registry", "colorcli",
    },
    "cli": {
        "engine", "evaluation", "media", "metrics", "report", "study", "training", "weights", "errors", "registry",
        "colorcli",
    },
    "colorcli": {"engine", "errors"},  # colorcli/__init__.py: the lazy public API
    "__main__": {"cli"},
}  # fmt: skip
#: Library -> the only places that may import it, as prefixes of module names without "colorcli.".
KEPT_IN = {
    # Resizing and tables are anyone's; see FILES_OF_CV2.
    "cv2": ("media", "engine", "evaluation", "motion", "training", "report", "study"),
    "PIL": ("media",),
    "tifffile": ("media",),
    "lxml": ("media",),
    "imagecodecs": ("media",),
    "pillow_heif": ("media.heif",),
    "rawpy": ("media.raw",),
    "av": ("media.video",),
    "huggingface_hub": ("weights.hub",),
    "filelock": ("engine.lock", "weights.pull"),
    "pathspec": ("engine.selection",),
    "typer": ("cli",),
    "rich": ("cli", "report"),
    "matplotlib": ("report",),
    "jinja2": ("report",),
    "torchmetrics": ("metrics",),
    "torchvision": ("metrics.lpips",),
    "safetensors": ("weights",),
    "onnx": ("weights.onnx",),
    "onnxruntime": ("weights.onnx",),
}
#: What of cv2 opens or writes files and videos; only where pictures come and go.
FILES_OF_CV2 = ("imread", "imwrite", "imdecode", "imencode", "VideoCapture", "VideoWriter")
#: Rooms whose every module leaves torch alone.
WITHOUT_TORCH = ("cli", "media", "errors", "registry", "colorcli")
HEAVY = {
    "torch", "numpy", "cv2", "PIL", "matplotlib", "tifffile", "imagecodecs", "pillow_heif", "rawpy", "lxml",
    "safetensors", "huggingface_hub", "av",
}  # fmt: skip


@dataclass(frozen=True)
class Import:
    module: str  # that imports, without "colorcli."
    name: str  # what is imported, dotted
    line: int
    top: bool  # at the module's top level, and not for type checkers only
    relative: bool

    @property
    def room(self) -> str:
        return self.module.partition(".")[0]

    def __str__(self) -> str:
        return f"colorcli.{self.module}:{self.line} imports {self.name}"


def sources() -> Iterator[tuple[str, Path]]:
    """Every module of the installed package as (name without "colorcli.", file)."""
    for folder, prefix in ((ROOT / "colorcli", ""), (ROOT / "training", "training."), (ROOT / "weights", "weights.")):
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            name = prefix + ".".join(part for part in parts if part != "__init__")
            yield name.rstrip(".") or "colorcli", path


def imports_of(module: str, path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    lazy: set[ast.AST] = set()
    for node in ast.walk(tree):
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if typing_only or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lazy.update(ast.walk(node))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, alias.name, node.lineno, node not in lazy, False)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if base == "colorcli":  # `from colorcli import media` imports a room
                for alias in node.names:
                    inside = (ROOT / "colorcli" / alias.name).exists() or alias.name in ("training", "weights")
                    name = f"colorcli.{alias.name}" if inside else "colorcli"
                    yield Import(module, name, node.lineno, node not in lazy, node.level > 0)
            else:
                yield Import(module, base, node.lineno, node not in lazy, node.level > 0)


IMPORTS = [found for module, path in sources() for found in imports_of(module, path)]


def test_the_walk_sees_the_house() -> None:
    modules = {module for module, _ in sources()}
    assert {"colorcli", "errors", "cli", "engine.options", "training.recipe", "weights.card"} <= modules
    assert len(IMPORTS) > 100


def test_imports_are_absolute_and_go_through_the_package() -> None:
    wrong = [str(i) for i in IMPORTS if i.relative or i.name.partition(".")[0] in ("training", "weights")]
    assert not wrong, wrong


def test_rooms_import_only_whom_they_may() -> None:
    wrong = []
    for found in IMPORTS:
        first, _, rest = found.name.partition(".")
        if first != "colorcli":
            continue
        room = rest.partition(".")[0] or "colorcli"
        assert found.room in MAY_IMPORT, f"colorcli.{found.module}: a new room needs a line in MAY_IMPORT"
        if room not in MAY_IMPORT[found.room] | {found.room}:
            wrong.append(str(found))
    assert not wrong, wrong


def test_training_leaves_the_runners_alone() -> None:
    runners = ("colorcli.engine.folder", "colorcli.engine.clip", "colorcli.cli")
    assert not [str(i) for i in IMPORTS if i.room == "training" and i.name.startswith(runners)]


@pytest.mark.parametrize("library", sorted(KEPT_IN))
def test_library_stays_in_its_place(library: str) -> None:
    places = KEPT_IN[library]
    wrong = [
        str(i)
        for i in IMPORTS
        if i.name.partition(".")[0] == library and not any(f"{i.module}.".startswith(f"{place}.") for place in places)
    ]
    assert not wrong, wrong


def test_files_are_read_and_written_in_media_only() -> None:
    wrong = [
        f"colorcli.{module}:{node.lineno}"
        for module, path in sources()
        if module.partition(".")[0] not in ("media", "report")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr.startswith(FILES_OF_CV2)
    ]
    assert not wrong, wrong


def test_torch_stays_out_of_the_light_rooms() -> None:
    wrong = [str(i) for i in IMPORTS if i.name.partition(".")[0] == "torch" and i.room in WITHOUT_TORCH]
    assert not wrong, wrong


def test_commands_import_nothing_heavy_at_their_top() -> None:
    wrong = [str(i) for i in IMPORTS if i.room == "cli" and i.top and i.name.partition(".")[0] in HEAVY]
    assert not wrong, wrong


LIGHT = [
    "colorcli",
    "colorcli.cli",
    "colorcli.engine.options",
    "colorcli.engine.clip.job",
    "colorcli.registry",
    "colorcli.weights.card",
]


@pytest.mark.parametrize("module", LIGHT)
def test_light_modules_load_nothing_heavy(module: str) -> None:
    # What ast cannot see: an import of an import.
    code = f"import sys, {module}; print(sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("module", sorted(module for module, _ in sources()))
def test_files_stay_short(module: str) -> None:
    path = dict(sources())[module]
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 320, f"{path} is getting long: split it"


def test_library_never_prints_or_exits() -> None:
    wrong = []
    for module, path in sources():
        if module.partition(".")[0] in ("cli", "__main__"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "print",
                "exit",
                "quit",
                "sys.exit",
                "os._exit",
            ):
                wrong.append(f"colorcli.{module}:{node.lineno}")
            if isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.argv":
                wrong.append(f"colorcli.{module}:{node.lineno}")
    assert not wrong, wrong
