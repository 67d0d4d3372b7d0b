"""Tables of a measurement: what each form does with numbers, intervals, gaps and odd names."""

from __future__ import annotations

import csv
import io
import json
import math

import pytest

from colorcli.report.measurement import Facts, Measurement, PictureScores, Score, System
from colorcli.report.scores import csv_text, heading, markdown, number, records, rows, shown, text

NAN = math.nan
AUC = Facts("auc", "%", (0, 100), True, "Zhang et al. 2016", "pixels")
CF = Facts("cf", "", (0, math.inf), None, "Hasler and Suesstrunk 2003", "pictures")


@pytest.fixture
def found() -> Measurement:
    gray = System("Gray", True, 2, {"auc": Score(88.0)})
    mine = System("out|1", False, 2, {"auc": Score(90.123, 89.5, 90.75), "cf": Score(NAN)})
    pictures = [PictureScores("a.png", "out|1", {"auc": 91.0, "cf": NAN})]
    return Measurement({"resize": "none", "pictures": "2 of a|b"}, [AUC, CF], [gray, mine], pictures)


@pytest.mark.parametrize(
    "value, expected",
    [(90.123, "90.12"), (100.0, "100.00"), (9.94, "9.940"), (0.5, "0.5000"), (0.0, "0"), (1e-5, "1.0e-05"),
     (-0.25, "-0.2500"), (NAN, "-"), (math.inf, "inf"), (-math.inf, "-inf")],
)  # fmt: skip
def test_numbers(value: float, expected: str) -> None:
    assert number(value) == expected


def test_cells() -> None:
    assert shown(Score(1.0, 0.5, 2.0)) == "1.000 [0.5000, 2.000]"
    assert (shown(Score(NAN)), shown(None)) == ("-", "")
    assert (heading(AUC), heading(CF)) == ("auc ↑ (%)", "cf ≈")


def test_the_table(found: Measurement) -> None:
    assert rows(found) == [
        ["", "Gray", "out|1"],
        ["auc ↑ (%)", "88.00", "90.12 [89.50, 90.75]"],
        ["cf ≈", "", "-"],
        ["pictures", "2", "2"],
    ]


def test_text_is_aligned(found: Measurement) -> None:
    lines = text(found).splitlines()
    assert lines[0].endswith("out|1") and len({len(line) for line in lines[:2]}) == 1
    assert "pictures: 2 of a|b" in lines and "a.png\t91.00\t-" in lines


def test_markdown_escapes(found: Measurement) -> None:
    lines = markdown(found).splitlines()
    assert lines[0] == "|  | Gray | out\\|1 |" and lines[1] == "|---|---:|---:|"
    assert "- pictures: 2 of a\\|b" in lines
    assert "| a.png | 91.00 | - |" in lines


def test_csv_has_a_line_for_each_score(found: Measurement) -> None:
    lines = list(csv.DictReader(io.StringIO(csv_text(found))))
    told = [(one["system"], one["anchor"], one["picture"], one["metric"], one["score"]) for one in lines]
    assert told == [
        ("Gray", "1", "", "auc", "88.0"),
        ("out|1", "0", "", "auc", "90.123"),
        ("out|1", "0", "", "cf", ""),
        ("out|1", "0", "a.png", "auc", "91.0"),
        ("out|1", "0", "a.png", "cf", ""),
    ]
    assert {one["protocol.pictures"] for one in lines} == {"2 of a|b"}
    assert (lines[1]["low"], lines[1]["high"], lines[0]["low"]) == ("89.5", "90.75", "")


def test_json_is_json(found: Measurement) -> None:
    told = [json.loads(json.dumps(record), parse_constant=pytest.fail) for record in records(found)]
    assert told[1]["scores"] == {"auc": 90.123, "cf": None}
    assert told[1]["intervals"] == {"auc": [89.5, 90.75]} and "intervals" not in told[0]
    assert told[1]["protocol"] == found.protocol
    assert told[2] == {"system": "out|1", "picture": "a.png", "scores": {"auc": 91.0, "cf": None}}
