"""The matrix of the README, cell by cell: nothing is lost without a word, and what was kept once stays kept."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from colorcli.media.formats import FORMATS

_PATH = Path(__file__).resolve().parents[1] / "bench" / "bench_formats.py"


def _bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_formats", _PATH)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules.setdefault("bench_formats", importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)
    return module


BENCH: Any = _bench()
ALL_KEPT = ("EXIF", "GPS", "XMP", "IPTC", "ICC", "DPI", "comment", "orientation")
#: What each format must keep in its own place.
KEPT = {
    "JPEG": ALL_KEPT,
    "PNG": ("8-bit", "16-bit", "alpha", *ALL_KEPT),
    "TIFF": ("8-bit", "16-bit", "alpha", *ALL_KEPT),
    "WEBP": ("alpha", "EXIF", "GPS", "XMP", "ICC", "orientation"),
    "AVIF": ("EXIF", "GPS", "XMP", "ICC", "orientation"),
    "HEIF": ("EXIF", "GPS", "XMP", "ICC", "orientation"),
    "JPEG2000": ("8-bit", "16-bit", "EXIF", "GPS", "XMP", "IPTC", "DPI", "comment", "orientation"),
    "BMP": ("8-bit", "DPI", "orientation"),
    "PPM": ("8-bit", "16-bit", "comment", "orientation"),
}


@pytest.mark.parametrize("kind", BENCH.KINDS)
@pytest.mark.parametrize("form", FORMATS)
def test_cell(form, kind) -> None:
    found, notes = BENCH.ours(BENCH.source(form, kind), form, kind)
    assert found in (("kept",) if kind in KEPT.get(form, ()) else ("kept", "nearly", "converted", "said")), notes


def test_the_matrix_can_tell_what_is_lost() -> None:
    assert BENCH.opencv(BENCH.source("JPEG", "EXIF"), "JPEG", "EXIF") == "LOST"
    assert BENCH.opencv(BENCH.source("PNG", "ICC"), "PNG", "ICC") == "LOST"
    assert BENCH.opencv(BENCH.source("PNG", "16-bit"), "PNG", "16-bit") == "kept"
