"""What every test relies on: no network, plain terminals, fixed seeds, a tiny model, the shared folder if present."""
# ruff: noqa: E402  the environment comes before the libraries that read it

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Before anything of the libraries concerned is imported: they read these once.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["_TYPER_FORCE_DISABLE_TERMINAL"] = "1"
for _name in [name for name in os.environ if name.startswith("COLORCLI_")]:
    del os.environ[_name]  # a developer's settings are not the tests'

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

ROOT = Path(__file__).resolve().parents[1]
#: Photos and shards of the workplace, not part of the repository.
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What a developer has downloaded is not the tests' business."""
    os.environ["COLORCLI_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True)
def _seeds() -> None:
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture
def invoke() -> Callable[..., Result]:
    """Run a command in this process; its words come back apart, as ``stdout`` and ``stderr``."""
    from colorcli.cli import app

    def call(*arguments: object, stdin: bytes | None = None, **environment: str) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin, env=environment)

    return call


@pytest.fixture(scope="session")
def shared() -> Path:
    """The ../shared folder; the test is skipped without it."""
    if not SHARED.is_dir():
        pytest.skip("needs the ../shared folder of the workplace")
    return SHARED


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A safetensors file, card inside, of an untrained narrow network: quick, and colourful."""
    from colorcli.registry import NETWORKS
    from colorcli.weights.card import Card, Source
    from colorcli.weights.save import write_safetensors

    torch.manual_seed(0)
    state = NETWORKS.load("resnet-fusion").build(width=8).state_dict()
    # Untrained, its distributions are all but flat; so their means would be all but gray.
    state["head.weight"] *= 100
    state["prior"] = torch.softmax(torch.randn(313), 0)
    path = tmp_path_factory.mktemp("models") / "tiny.safetensors"
    card = Card(
        name="tiny",
        network="resnet-fusion",
        source=Source(kind="file", file=path.name),
        sizes={"width": 8},
        decoder="annealed",
        size=64,
        licence="Apache-2.0",
    )
    write_safetensors(path, state, card)
    return path


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium, driven by selenium; what it downloads lies in ``browser.downloads``."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("needs a browser: apt-get install chromium chromium-driver")
    from selenium import webdriver

    home = tmp_path_factory.mktemp("browser")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    quiet = ("background-networking", "component-update", "sync", "gpu", "extensions", "default-apps")
    for argument in ("headless=new", "no-sandbox", "no-first-run", "disable-dev-shm-usage", f"user-data-dir={home}",
                     *(f"disable-{name}" for name in quiet)):  # fmt: skip
        options.add_argument(f"--{argument}")
    options.add_experimental_option("prefs", {"download.default_directory": str(home / "downloads")})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver))
    opened.downloads = home / "downloads"
    yield opened
    opened.quit()
