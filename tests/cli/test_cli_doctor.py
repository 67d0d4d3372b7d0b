"""``colorcli doctor`` as a user meets it: text, JSON, exit codes, odd surroundings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from colorcli import __version__
from colorcli.cli import doctor
from colorcli.engine.health import report
from colorcli.engine.health.report import Check, Section

KEYS = {"schema", "colorcli", "status", "exit_code", "counts", "seconds", "sections"}


@pytest.fixture
def findings(monkeypatch: pytest.MonkeyPatch) -> list[Section]:
    """What the command is made to find, instead of looking."""
    found = [
        Section(
            name="codecs", checks=(Check(name="PNG", text="gray"), Check(name="ÄVIF", text="naïve\nlines")), seconds=1
        ),
        Section(name="cache", checks=(Check(name="hub", status="warn", text="full", hint="free some"),), seconds=1),
    ]
    monkeypatch.setattr(report, "examine", lambda known: iter(found))
    return found


def test_text_is_aligned_and_says_what_to_do(invoke: Any, findings: list[Section]) -> None:
    result = invoke("doctor")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert result.stdout == (
        "codecs\n"
        "  ok    PNG              gray\n"
        "  ok    ÄVIF             naïve lines\n"
        "\n"
        "cache\n"
        "  WARN  hub              full\n"
        "                         hint: free some\n"
        "\n"
        "1 warning: 3 checks in 2.0 s\n"
    )


def test_quiet_shows_only_what_is_not_in_order(invoke: Any, findings: list[Section]) -> None:
    assert invoke("doctor", "-q").stdout.splitlines()[0] == "cache"
    del findings[1]
    assert invoke("doctor", "-q").stdout == "all well: 2 checks in 1.0 s\n"


@pytest.mark.parametrize(("code", "expected"), [(1, 1), (4, 4), (6, 6)])
def test_exit_code_and_json_of_a_failure(invoke: Any, findings: list[Section], code: int, expected: int) -> None:
    findings.append(Section(name="x", checks=(Check(name="y", status="fail", text="bad", exit_code=code),), seconds=0))
    result = invoke("doctor", "--json")
    assert result.exit_code == expected
    assert result.stdout.count("\n") == 1
    found = json.loads(result.stdout)
    assert set(found) == KEYS
    assert (found["status"], found["exit_code"], found["colorcli"]) == ("fail", expected, __version__)
    assert "FAIL" in invoke("doctor").stdout
    assert invoke("doctor").stdout.endswith("1 failed, 1 warning: 4 checks in 2.0 s\n")


def test_it_knows_the_variables_of_every_command(invoke: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[set[str]] = []

    def examine(known: Iterable[str]) -> Iterator[Section]:
        asked.append(set(known))
        return iter(())

    monkeypatch.setattr(report, "examine", examine)
    assert invoke("doctor").exit_code == 0
    assert {"COLORCLI_MODEL", "COLORCLI_DEVICE", "COLORCLI_DEBUG", "COLORCLI_CACHE"} <= asked[0]


def test_interrupt_ends_it(invoke: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def examine(known: Iterable[str]) -> Iterator[Section]:
        raise KeyboardInterrupt

    monkeypatch.setattr(report, "examine", examine)
    assert invoke("doctor").exit_code == 130


def test_real_run_in_odd_surroundings(process: Any, tmp_path: Path) -> None:
    home = tmp_path / "höme"
    home.mkdir(mode=0o500)
    token = "hf_" + "x" * 30
    done = process(
        "doctor", PYTHONIOENCODING="ascii", HOME=str(home), HF_TOKEN=token, COLORCLI_MODLE="grün", TERM="dumb",
        XDG_CACHE_HOME=str(home / "caché"),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    text = done.stdout.decode("ascii")
    assert token not in text + done.stderr.decode()
    assert "\x1b" not in text
    assert "COLORCLI_MODEL" in text  # the near miss
    assert "self-test" in text
    assert "Traceback" not in done.stderr.decode()
    last = text.splitlines()[-1]
    assert "warning" in last and "failed" not in last


def test_real_run_without_home_and_with_a_broken_library() -> None:
    code = """
import sys
class Bare:
    def find_spec(self, name, path=None, target=None):
        if name == "cv2":
            raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")
sys.meta_path.insert(0, Bare())
sys.argv = ["colorcli", "doctor", "--json"]
from colorcli.cli import main
main()
"""
    environment = {key: value for key, value in os.environ.items() if key not in ("HOME", "HF_HOME", "XDG_CACHE_HOME")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    found = json.loads(done.stdout)
    checks = {check["name"]: check for check in found["sections"]["installation"]["checks"]}
    assert "libGL.so.1" in checks["opencv-python"]["text"]
    assert "libgl1" in checks["opencv-python"]["hint"]
    assert checks["torch"]["status"] == "ok"
    assert {check["status"] for check in found["sections"]["devices"]["checks"]} <= {"ok", "warn"}
    assert "Traceback" not in done.stderr


def test_long_names_keep_their_section_in_line() -> None:
    section = Section(name="s", checks=(Check(name="a"), Check(name="b" * 30, text="t")), seconds=0)
    assert list(doctor.lines(section)) == ["s", "  ok    a", f"  ok    {'b' * 30}  t", ""]
    assert list(doctor.lines(section, quiet=True)) == []
