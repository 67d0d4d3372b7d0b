"""Answers to rates: counted by hand, intervals against statsmodels' and scipy's definition."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from colorcli.errors import MediaError, UsageError
from colorcli.study.answers import Key, gather, read_answers, read_key
from colorcli.study.score import Rate, score, wilson

KEY = {
    "colorcli-study": 1,
    "study": "abc",
    "seed": "s",
    "scenes": [{"scene": f"{n}.jpg", "real": f"r{n}", "colorized": f"c{n}"} for n in range(4)],
}


def answers(path: Path, judged: dict[str, bool], participant: str = "ann", **other: Any) -> Path:
    rows = [{"picture": picture, "real": real, "ms": 900} for picture, real in judged.items()]
    content = {"colorcli-study": 1, "study": "abc", "participant": participant, "answers": rows, **other}
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def key(tmp_path: Path) -> Key:
    (tmp_path / "key.json").write_text(json.dumps(KEY))
    return read_key(tmp_path / "key.json")


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [  # Newcombe 1998, table I, method 3: the score interval
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_as_published(k: int, n: int, low: float, high: float) -> None:
    assert wilson(k, n) == pytest.approx((low, high), abs=5e-5)
    assert wilson(n - k, n) == pytest.approx((1 - high, 1 - low), abs=5e-5)


@pytest.mark.parametrize(("k", "n"), [(0, 0), (-1, 3), (4, 3)])
def test_no_share(k: int, n: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        wilson(k, n)


def test_wilson_is_scipys() -> None:
    stats = pytest.importorskip("scipy.stats")
    for k, n in ((0, 1), (1, 1), (3, 10), (500, 1000)):
        found = stats.binomtest(k, n).proportion_ci(method="wilson")
        assert wilson(k, n) == pytest.approx((found.low, found.high), abs=1e-12)


def test_rates_counted_by_hand(tmp_path: Path, key: Key) -> None:
    files = [
        answers(tmp_path / "a.json", {"c0": True, "c1": False, "r2": True, "r3": True}, "ann"),
        answers(tmp_path / "b.json", {"c0": True, "r1": False, "c2": False}, "bob"),
    ]
    _, people, errors, notes = gather(files, key)
    assert not errors and not notes
    found = score(key, people)
    assert found.colorized == Rate(2, 4) and found.real == Rate(2, 3)
    assert [(line.name, line.colorized, line.real) for line in found.participants] == [
        ("ann", Rate(1, 2), Rate(2, 2)),
        ("bob", Rate(1, 2), Rate(0, 1)),
    ]
    assert [(line.name, line.colorized, line.real) for line in found.scenes] == [
        ("0.jpg", Rate(2, 2), Rate(0, 0)),
        ("1.jpg", Rate(0, 1), Rate(0, 1)),
        ("2.jpg", Rate(0, 1), Rate(1, 1)),
        ("3.jpg", Rate(0, 0), Rate(1, 1)),
    ]
    record = json.loads(json.dumps(found.to_json()))
    assert record["fooling_rate"] == 0.5 and record["interval95"] == list(wilson(2, 4))
    assert record["scenes"][3]["colorized"] == {"rate": None, "interval95": None, "judged_real": 0, "judged": 0}


def test_the_key_is_found_beside_the_answers_or_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mail").mkdir()
    file = answers(tmp_path / "mail/a.json", {"c0": True})
    with pytest.raises(UsageError, match="no key of study abc"):
        gather([file])
    for folder in ("other", "mine"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "key.json").write_text(json.dumps({**KEY, "study": "abc" if folder == "mine" else "x"}))
    (tmp_path / "key.json").write_text("[1]")  # another program's
    assert gather([file])[0].study == "abc"


def test_saved_twice_counts_once_the_longer_one(tmp_path: Path, key: Key) -> None:
    early = answers(tmp_path / "1.json", {"c0": True})
    late = answers(tmp_path / "2.json", {"c0": True, "r1": True})
    for order in ([early, late], [late, early], [late, late]):
        _, people, errors, notes = gather(order, key)
        assert len(people) == 1 and len(people[0].real) == 2
        assert not errors and len(notes) == 1 and "counted once" in notes[0]


def test_one_name_two_opinions_is_told(tmp_path: Path, key: Key) -> None:
    files = [answers(tmp_path / "1.json", {"c0": True}), answers(tmp_path / "2.json", {"c0": False})]
    _, people, [error], _ = gather(files, key)
    assert people[0].source == files[0]
    assert "2.json: ann answers otherwise than in" in error.message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not the answers of a study"),
        ("[]", "not the answers of a study"),
        ('{"answers": []}', "not the answers of a study"),
        ('{"colorcli-study": 1, "study": "abc"}', "not the answers of a study"),
        ('{"colorcli-study": 1, "study": "abc", "participant": "x", "answers": [1]}', "not the answers of a study"),
        ('{"colorcli-study": 1, "study": "abc", "participant": "x", "answers": [{"picture": "c0", "real": 1}]}',
         "not the answers of a study"),
        ('{"colorcli-study": 9, "study": "abc", "participant": "x", "answers": []}', "another version"),
        ("[" * 100_000, "not the answers of a study"),
        (json.dumps(KEY), "the key of a study"),
        ('{"colorcli-study": 1, "study": "abc", "participant": "x", "answers": '
         '[{"picture": "c0", "real": true}, {"picture": "c0", "real": false}]}', "judged twice"),
    ],
)  # fmt: skip
def test_other_files_are_told(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "answers.json"
    path.write_text(content)
    with pytest.raises(MediaError, match=message) as error:
        read_answers(path)
    assert "answers.json" in error.value.message and error.value.hint


def test_answers_that_do_not_belong_are_told_and_the_others_count(tmp_path: Path, key: Key) -> None:
    good = answers(tmp_path / "good.json", {"c0": True})
    bad = [
        answers(tmp_path / "study.json", {"c0": True}, "bob", study="def"),
        answers(tmp_path / "picture.json", {"c9": True}, "cid"),
        answers(tmp_path / "empty.json", {}, "dan"),
        tmp_path / "gone.json",
    ]
    _, people, errors, _ = gather([*bad, good], key)
    assert [one.participant for one in people] == ["ann"]
    said = sorted(error.message.rpartition("/")[2] for error in errors)
    assert said == [
        "empty.json: no picture is judged",
        "gone.json: no such file or directory",
        "picture.json: picture c9 is not in the study",
        "study.json: answers to study def, not to abc",
    ]
    with pytest.raises(MediaError):
        gather(bad, key)


@pytest.mark.parametrize("content", ["{}", '{"colorcli-study": 1, "study": "a", "scenes": [{}]}', "no"])
def test_other_keys_are_told(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key.json"
    path.write_text(content)
    with pytest.raises(MediaError, match="not the key of a study"):
        read_key(path)
    with pytest.raises(MediaError, match="no such file"):
        read_key(tmp_path / "gone.json")
