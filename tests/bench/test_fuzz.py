"""A small share of the fuzz bench, always the same files; `bench_fuzz` makes thousands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from bench_fuzz import BAD, GOOD, run
from fuzz_files import mutated, pieces
from fuzz_seeds import FORMATS, seeds

COUNT = 100


def test_the_same_number_gives_the_same_file() -> None:
    code = "import sys, zlib; from fuzz_files import mutated; print(zlib.crc32(mutated('PNM', 5)[0]))"
    found = [
        subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, check=True).stdout
        for _ in range(2)
    ]
    assert found[0] == found[1]
    assert len({mutated("PNM", number)[0] for number in range(50)}) > 40


@pytest.mark.parametrize("form", FORMATS)
def test_pieces_make_up_the_file(form) -> None:
    for sound in seeds(form):
        assert b"".join(sound[start:end] for start, end in pieces(sound, form)) == sound


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory by /proc")
@pytest.mark.parametrize("form", FORMATS)
def test_broken_files_are_refused_or_read(form) -> None:
    tally = run(form, COUNT, seed=1)
    loud = ("noisy",) if form == "DNG" else ()  # LibRaw writes to stderr, and cannot be told not to
    assert [offence for offence in tally.offences if offence[1] not in loud] == []
    assert sum(tally.counts[kind] for kind in (*GOOD, *BAD)) == COUNT
    assert all(tally.counts[kind] for kind in GOOD)
