"""Headers that ask for gigabytes are refused before memory is taken, and without a word on stderr."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_BOMBS = Path(__file__).with_name("bombs.py")


@pytest.mark.skipif(sys.platform != "linux", reason="limits a process by its address space")
def test_bombs_in_a_process_of_little_memory() -> None:
    done = subprocess.run([sys.executable, _BOMBS], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
