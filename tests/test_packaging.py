"""What is installed is what is in the tree: the wheel's contents, its size, its version."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
#: Folder of the tree -> folder of the package (pyproject.toml, package-dir).
ROOMS = {"colorcli": "colorcli", "training": "colorcli/training", "weights": "colorcli/weights"}
SHIPPED = {".py", ".toml", ".safetensors", ".typed", ".html"}
LIMIT_MB = 40


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    pytest.importorskip("build")
    if Version(version("setuptools")) < Version("77"):
        pytest.skip("building without isolation needs setuptools >= 77")
    tree = tmp_path_factory.mktemp("tree")  # a copy: setuptools leaves its droppings where it builds
    for name in ROOMS:
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tree / "dist"), str(tree)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    [path] = (tree / "dist").glob("*.whl")
    assert path.stat().st_size <= LIMIT_MB * 2**20, f"{path.name} has {path.stat().st_size / 2**20:.1f} MB"
    with zipfile.ZipFile(path) as opened:
        yield opened


def test_wheel_holds_the_tree(wheel: zipfile.ZipFile) -> None:
    # pyproject.toml lists the packages by hand: a room that was forgotten there would be missing without a word.
    expected = {
        f"{package}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder, package in ROOMS.items()
        for path in (ROOT / folder).rglob("*")
        if path.suffix in SHIPPED and not any(part.startswith((".", "__pycache__")) for part in path.parts[-3:])
    }
    found = {name for name in wheel.namelist() if Path(name).suffix in SHIPPED}
    assert found == expected
    assert {name.partition("/")[0] for name in wheel.namelist()} == {
        "colorcli",
        f"colorcli-{version('colorcli')}.dist-info",
    }


def test_wheel_says_what_it_is(wheel: zipfile.ZipFile) -> None:
    [metadata_name] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    info = metadata_name.removesuffix("METADATA")
    metadata = Parser().parsestr(wheel.read(metadata_name).decode())
    assert metadata["Version"] == version("colorcli")
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert b"Apache License" in wheel.read(f"{info}licenses/LICENSE")
    assert "colorcli = colorcli.cli:main" in wheel.read(f"{info}entry_points.txt").decode()


def test_changelog_and_version_agree() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[(.+?)\](?: - \d{4}-\d\d-\d\d)?$", text, flags=re.MULTILINE)
    assert headings, "CHANGELOG.md has no headings of the form of Keep a Changelog"
    released = [heading for heading in headings if heading != "Unreleased"]
    assert headings[0] == "Unreleased" or released[0] == version("colorcli")
    if released:  # before the first release there is nothing to compare with
        assert Version(released[0]) == max(map(Version, released))
        assert released[0] == version("colorcli")
    kinds = set(re.findall(r"^### (.+)$", text, flags=re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_installed_version_is_that_of_the_tree() -> None:
    assert f'version = "{version("colorcli")}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
