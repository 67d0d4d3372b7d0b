"""What holds for the program as a whole: help, version, errors as sentences, exit codes."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from importlib.metadata import version
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import colorcli.cli
from colorcli.cli._errors import EXIT_CODES, ColorcliGroup, set_debug
from colorcli.errors import ColorcliError, DeviceError, MediaError, SomeFailedError, UsageError, WeightsError


def app_that(raises: BaseException) -> typer.Typer:
    """An app with the program's group around one command that raises, alone and nested."""
    app = typer.Typer(cls=ColorcliGroup, pretty_exceptions_enable=False)
    inner = typer.Typer()

    @app.callback()
    def _top() -> None: ...

    def fail(
        debug: bool = typer.Option(False, "--debug", is_eager=True, callback=set_debug),
    ) -> None:
        raise raises

    app.command("fail")(fail)
    inner.command("fail")(fail)

    @inner.callback()
    def _nested() -> None: ...

    app.add_typer(inner, name="nested")
    return app


@pytest.mark.parametrize("path", [["fail"], ["nested", "fail"]])
@pytest.mark.parametrize(
    ("kind", "code"), [(UsageError, 2), (SomeFailedError, 3), (WeightsError, 4), (MediaError, 5), (DeviceError, 6)]
)
def test_known_error_is_a_sentence_a_hint_and_a_code(kind: type[ColorcliError], code: int, path: list[str]) -> None:
    result = CliRunner().invoke(app_that(kind("it broke", hint="mend it")), path)
    assert result.exit_code == code
    assert result.stderr == "error: it broke\nhint: mend it\n"
    assert result.stdout == ""


def test_debug_adds_the_traceback() -> None:
    app = app_that(MediaError("it broke"))
    for result in (
        CliRunner().invoke(app, ["fail", "--debug"]),
        CliRunner().invoke(app, ["fail"], env={"COLORCLI_DEBUG": "1"}),
    ):
        assert "Traceback" in result.stderr
        assert "error: it broke" in result.stderr
        assert result.exit_code == 5
    assert "Traceback" not in CliRunner().invoke(app, ["fail"], env={"COLORCLI_DEBUG": "0"}).stderr


def test_interrupt_is_one_line_and_130() -> None:
    result = CliRunner().invoke(app_that(KeyboardInterrupt()), ["fail"])
    assert (result.exit_code, result.stderr) == (130, "interrupted\n")


def test_full_disk_and_missing_file_are_sentences() -> None:
    result = CliRunner().invoke(app_that(FileNotFoundError(errno.ENOENT, "No such file", "x.jpg")), ["fail"])
    assert (result.exit_code, result.stderr) == (5, "error: x.jpg: no such file\nhint: check the path\n")
    result = CliRunner().invoke(app_that(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))), ["fail"])
    assert result.exit_code == 5
    assert "no space left" in result.stderr


def test_missing_system_library_is_told_with_its_packages() -> None:
    # What `import cv2` raises on a bare Debian.
    broken = ImportError("libGL.so.1: cannot open shared object file: No such file or directory")
    result = CliRunner().invoke(app_that(broken), ["fail"])
    assert result.exit_code == 1
    assert result.stderr.startswith("error: OpenCV cannot be loaded: this system has no libGL.so.1\n")
    assert "apt-get install libgl1 libglib2.0-0" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("bug", [ZeroDivisionError("oops"), ImportError("no name x in y"), OSError(errno.EBADF, "x")])
def test_bug_keeps_its_exception(bug: Exception) -> None:
    result = CliRunner().invoke(app_that(bug), ["fail"])
    assert result.exit_code == 1
    assert result.exception is bug


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_lists_commands_and_exit_codes(invoke: Any, option: str) -> None:
    result = invoke(option)
    assert result.exit_code == 0
    assert all(name in result.stdout for name in colorcli.cli.COMMANDS)
    assert all(meaning in result.stdout for meaning in EXIT_CODES.values())


def test_no_arguments_is_help_and_usage_error(invoke: Any) -> None:
    result = invoke()
    assert result.exit_code == 2
    assert "Usage: colorcli" in result.stdout


def test_version(invoke: Any) -> None:
    assert invoke("--version").stdout == f"colorcli {version('colorcli')}\n"


@pytest.mark.parametrize("command", sorted(colorcli.cli.COMMANDS))
def test_every_command_has_help_with_an_example(invoke: Any, command: str) -> None:
    result = invoke(command, "-h")
    assert result.exit_code == 0
    assert f"colorcli {command} " in result.stdout.partition("Arguments")[0].partition("Usage")[2]


@pytest.mark.parametrize(
    ("arguments", "sentence", "hint"),
    [
        (["phoot"], "no such command 'phoot'", "did you mean 'photo'?"),
        (["photo", "x.jpg", "--modle", "a"], "no such option: --modle", "did you mean '--model'?"),
        (["photo"], "missing argument 'IN...'", "see colorcli photo --help"),
        (["folder"], "missing argument 'DIR'", "see colorcli folder --help"),
        (["--versoin"], "no such option: --versoin", "did you mean '--version'?"),
        (["photo", "x.jpg", "--model", "defualt"], "unknown model 'defualt'", "did you mean 'default'?"),
        (["photo", "x.jpg", "--decoder", "mrff"], "unknown decoder 'mrff'", "did you mean 'mrf'?"),
        (["photo", "x.jpg", "--upsampler", "bicubik"], "unknown upsampler 'bicubik'", "did you mean 'bicubic'?"),
        (["photo", "x.jpg", "--device", "cud"], "unknown device 'cud'", "did you mean 'cuda'?"),
        (["photo", "x.jpg", "--precision", "fp23"], "unknown precision 'fp23'", "did you mean 'fp32'?"),
        (["photo", "x", "--mrf-form", "joined"], "unknown form of the mrf decoder 'joined'", "did you mean 'joint'?"),
        (["photo", "x.jpg", "--size", "3"], "size 3 is out of range", "give 16 to 4096"),
        (["photo", "x.jpg", "--strength", "3"], "strength 3.0 is out of range", "give 0 (gray) to 2"),
        (["photo", "x.jpg", "--temperature", "0"], "temperature 0.0 is out of range", "give a number above 0"),
        (["photo", "x.jpg", "--quality", "0"], "quality 0 is out of range", "give 1 to 100"),
        (["photo", "x.jpg", "-q", "-v"], "--quiet and --verbose exclude each other", "leave one out"),
    ],
)  # fmt: skip
def test_usage_errors_have_one_form(invoke: Any, arguments: list[str], sentence: str, hint: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert result.stderr == f"error: {sentence}\nhint: {hint}\n"
    assert result.stdout == ""


def test_bad_environment_value_is_a_usage_error_that_names_it(invoke: Any) -> None:
    result = invoke("photo", "x.jpg", COLORCLI_SIZE="big")
    assert result.exit_code == 2
    assert "COLORCLI_SIZE" in result.stderr
    assert invoke("photo", "x.jpg", COLORCLI_DEVICE="gpu").exit_code == 2


HEAVY = ("torch", "numpy", "cv2", "PIL", "safetensors", "matplotlib")


def loaded(code: str, **environment: str) -> set[str]:
    """Run code in a fresh interpreter; return the heavy libraries it loaded."""
    report = f"\nimport sys; print('LOADED', *[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code + report], capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("LOADED")[2].split())


RUN = """
import sys
from colorcli.cli import main
sys.argv = ["colorcli", *{arguments!r}]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["photo", "--help"], ["train", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    assert loaded(RUN.format(arguments=arguments)) == set()


@pytest.mark.parametrize(
    ("words", "expected"),
    [("photo --model d", "default"), ("photo --decoder mr", "mrf"), ("folder --upsampler bic", "bicubic"),
     ("photo --precision fp1", "fp16"), ("photo --device cu", "cuda"), ("train --recipe def", "default"),
     ("fol", "folder"), ("photo --strengt", "--strength")],
)  # fmt: skip
def test_completion_knows_values_and_stays_light(words: str, expected: str) -> None:
    environment = {
        "_COLORCLI_COMPLETE": "complete_bash",
        "COMP_WORDS": f"colorcli {words}",
        "COMP_CWORD": str(len(words.split())),
    }
    code = RUN.format(arguments=[])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | environment)
    assert expected in done.stdout.split()
    assert loaded(code, **environment) <= {"safetensors"}  # which is small: weights' cards are found beside it


def test_runs_as_a_module(process: Any) -> None:
    done = process("--version")
    assert done.returncode == 0
    assert done.stdout.decode() == f"colorcli {version('colorcli')}\n"
    assert b"\x1b[" not in process("--nonsense").stderr


def test_bare_debian_without_libgl(photo: Any, tmp_path: Any) -> None:
    code = f"""
import sys
class Bare:
    def find_spec(self, name, path=None, target=None):
        if name == "cv2":
            raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")
sys.meta_path.insert(0, Bare())
sys.argv = ["colorcli", "photo", {str(photo)!r}]
from colorcli.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: OpenCV cannot be loaded: this system has no libGL.so.1\n")
    assert "Traceback" not in done.stderr
