"""A command's voice: where words go, and how progress looks."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from colorcli.cli import _output
from colorcli.cli._output import Output, duration
from colorcli.errors import MediaError


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal_on_stderr(monkeypatch: pytest.MonkeyPatch) -> _Terminal:
    # Called by tests themselves: pytest puts its own stderr back between fixtures and test.
    stream = _Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return stream


def test_stdout_has_results_and_stderr_words(capfd: pytest.CaptureFixture[str]) -> None:
    output = Output()
    output.result({"a": 1}, Path("x y.jpg"))
    output.result({"a": 2})  # nothing was made
    output.note("a note")
    output.detail("a detail")
    output.warning("a warning")
    output.failure(MediaError("broken", hint="mend"))
    output.line("asked for")
    captured = capfd.readouterr()
    assert captured.out == "x y.jpg\nasked for\n"
    assert captured.err == "a note\nwarning: a warning\nerror: broken\nhint: mend\n"


def test_quiet_says_errors_only(capfd: pytest.CaptureFixture[str]) -> None:
    output = Output(quiet=True)
    output.note("a note")
    output.warning("a warning")
    with output.progress(3) as progress:
        progress.tick()
    output.failure(MediaError("broken"))
    assert capfd.readouterr().err == "error: broken\n"


def test_verbose_says_details(capfd: pytest.CaptureFixture[str]) -> None:
    Output(verbose=1).detail("a detail")
    assert capfd.readouterr().err == "a detail\n"


def test_json_instead_of_paths(capfd: pytest.CaptureFixture[str]) -> None:
    output = Output(json=True)
    output.result({"name": "ä\udce9"}, Path("x.jpg"))
    assert [json.loads(line) for line in capfd.readouterr().out.splitlines()] == [{"name": "ä\udce9"}]


def test_colour_only_on_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_on_stderr(monkeypatch)
    output = Output()
    output.warning("red")
    assert "\x1b[" in terminal.getvalue()
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        terminal.truncate(0)
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            output.warning("plain")
            assert "\x1b[" not in terminal.getvalue()


def test_bar_on_a_terminal_leaves_other_words_whole(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = terminal_on_stderr(monkeypatch)
    monkeypatch.setenv("COLUMNS", "100")
    output = Output(quiet=False)
    with output.progress(4) as progress:
        for name in ("a.jpg", "b.jpg"):
            output.result({}, Path(name))
            output.warning(f"odd: {name}")
            progress.tick()
    shown = terminal.getvalue()
    assert "2/4" in shown
    assert "photos" in shown
    assert "warning" in shown
    assert capfd.readouterr().out == "a.jpg\nb.jpg\n"  # the bar did not carry stdout's lines off


def test_lines_elsewhere_tell_count_rate_and_time_left(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(_output.time, "monotonic", lambda: now[0])
    with Output().progress(400) as progress:
        for _ in range(12):
            now[0] += 1.0
            progress.tick()
    assert capfd.readouterr().err == "5/400 photos, 1/s, 7 min left\n10/400 photos, 1/s, 6 min left\n"


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.04, "0.0 s"), (4.21, "4.2 s"), (61, "61 s"), (600, "10 min"), (9000, "2.5 h")]
)
def test_durations_are_for_people(seconds: float, told: str) -> None:
    assert duration(seconds) == told
