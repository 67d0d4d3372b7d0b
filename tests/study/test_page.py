"""The page in a real browser: what participants see, and that what they save is what they said."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from study_pictures import folders

from colorcli.study import build as study
from colorcli.study.answers import gather, read_key
from colorcli.study.score import score


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("page")
    pairs = study.pair(*folders(root, 6)).found
    study.build(pairs, root / "study", seed="s")
    return root / "study"


@pytest.fixture
def page(browser: Any, built: Path) -> Iterator[Any]:
    browser.set_window_size(1000, 800)
    open_page(browser, built)
    browser.execute_script("localStorage.clear()")
    browser.get_log("browser")
    open_page(browser, built)
    yield browser
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def open_page(browser: Any, built: Path, query: str = "") -> None:
    browser.get(f"{(built / 'page/index.html').as_uri()}{query}")


def element(browser: Any, name: str) -> Any:
    return browser.find_element("id", name)


def press(browser: Any, key: str) -> None:
    browser.find_element("tag name", "body").send_keys(key)


def until(condition: Any, seconds: float = 5) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def shown(browser: Any) -> str:
    """The picture that waits for an answer."""
    # A page that has only just been opened has enabled buttons before its script has put a picture in.
    source = until(lambda: element(browser, "real").is_enabled() and element(browser, "picture").get_attribute("src"))
    return Path(source).stem


def key_of(built: Path) -> dict[str, tuple[str, str]]:
    """Picture -> its scene and its kind."""
    scenes = json.loads((built / "key.json").read_text())["scenes"]
    return {scene[kind]: (scene["scene"], kind) for scene in scenes for kind in ("real", "colorized")}


def judge_all(browser: Any, answer: Any) -> list[str]:
    """Begin and go through all pictures; ``answer(picture)`` says whether it is real."""
    element(browser, "begin").click()
    seen = []
    while element(browser, "trial").is_displayed():
        picture = shown(browser)
        seen.append(picture)
        element(browser, "real" if answer(picture) else "colorized").click()
        until(lambda was=picture: not element(browser, "trial").is_displayed() or shown(browser) != was)
    return seen


def saved(browser: Any, name: str) -> Path:
    path = browser.downloads / name
    path.unlink(missing_ok=True)
    element(browser, "save").click()
    until(path.is_file)
    return path


def test_from_the_first_picture_to_the_score(page: Any, built: Path) -> None:
    kinds = key_of(built)
    assert element(page, "intro").is_displayed() and not element(page, "trial").is_displayed()
    assert element(page, "many").text == "6 pictures"
    seen = judge_all(page, lambda picture: kinds[picture][0] != "0.jpg")  # "colorized" to one scene only
    assert len(seen) == len({kinds[picture][0] for picture in seen}) == 6  # one picture of each scene
    assert [kinds[picture][1] for picture in seen].count("real") == 3
    assert element(page, "summary").text == "You judged 6 of 6 pictures."

    session = json.loads(element(page, "text").get_attribute("value"))
    path = saved(page, f"answers-{session['participant']}.json")
    assert json.loads(path.read_text()) == session
    assert session["finished"] >= session["started"]
    assert [row["picture"] for row in session["answers"]] == seen
    assert all(row["ms"] >= 0 for row in session["answers"])

    key, people, errors, _ = gather([path], read_key(built / "key.json"))
    assert not errors
    found = score(key, people)
    zero = next(kinds[picture][1] for picture in seen if kinds[picture][0] == "0.jpg")
    assert (found.colorized.real, found.colorized.judged) == (3 - (zero == "colorized"), 3)
    assert (found.real.real, found.real.judged) == (3 - (zero == "real"), 3)


def test_keys_answer_and_go_back(page: Any) -> None:
    element(page, "begin").click()
    first = shown(page)
    assert not element(page, "back").is_enabled()
    press(page, "r")
    until(lambda: shown(page) != first)
    assert element(page, "count").text == "2 of 6"
    press(page, "b")
    until(lambda: shown(page) == first)
    press(page, "c")
    until(lambda: shown(page) != first)
    second = shown(page)
    press(page, "\ue012")  # left
    until(lambda: shown(page) != second)
    third = shown(page)
    press(page, "\ue014")  # right
    until(lambda: shown(page) != third)
    press(page, "x")
    element(page, "stop").click()
    session = json.loads(element(page, "text").get_attribute("value"))
    assert [(row["picture"], row["real"]) for row in session["answers"]] == [
        (first, False), (second, True), (third, False)]  # fmt: skip
    assert session["finished"] is None
    element(page, "resume").click()
    assert element(page, "count").text == "4 of 6"


def test_a_closed_page_goes_on_where_it_was(page: Any, built: Path) -> None:
    element(page, "begin").click()
    first = shown(page)
    press(page, "r")
    until(lambda: shown(page) != first)
    second = shown(page)
    open_page(page, built)
    assert shown(page) == second and element(page, "count").text == "2 of 6"


def test_participants_have_orders_of_their_own_and_the_same_again(page: Any, built: Path) -> None:
    orders = {}
    for name in ("ann", "bob", "cid", "dan"):
        open_page(page, built, f"?participant={name}")
        orders[name] = page.execute_script("return order")
        assert page.execute_script("return session.participant") == name
    assert len({tuple(order) for order in orders.values()}) == 4
    page.execute_script("localStorage.clear()")
    open_page(page, built, "?participant=ann")
    assert page.execute_script("return order") == orders["ann"]
    kinds = key_of(built)
    many = page.execute_script("return Array.from({length: 400}, (_, i) => orderFor('p' + i))")
    assert all([kinds[picture][1] for picture in order].count("real") == 3 for order in many)
    for picture in kinds:
        assert 140 < sum(picture in order for order in many) < 260, "each picture is shown to about half of all"
    first = [order[0] for order in many]
    assert all(first.count(picture) > 8 for picture in kinds), "and may come first"


def test_the_next_participant_begins_anew(page: Any) -> None:
    judge_all(page, lambda picture: True)
    before = page.execute_script("return session.participant")
    element(page, "again").click()
    page.switch_to.alert.dismiss()  # not saved yet
    assert page.execute_script("return session.participant") == before
    saved(page, f"answers-{before}.json")
    element(page, "again").click()
    assert element(page, "intro").is_displayed()
    assert page.execute_script("return session.participant") != before
    assert page.execute_script("return session.answers.length") == 0


def test_both_pictures_of_a_scene_come_apart(browser: Any, built: Path, tmp_path: Path) -> None:
    pairs = study.pair(built.parent / "out", built.parent / "photos").found
    study.build(pairs, tmp_path / "both", both=True, per_person=3)
    open_page(browser, tmp_path / "both")
    kinds = key_of(tmp_path / "both")
    order = browser.execute_script("return order")
    assert len(order) == len(set(order)) == 6
    assert {kinds[picture][0] for picture in order[:3]} == {kinds[picture][0] for picture in order[3:]}
    assert 1 <= [kinds[picture][1] for picture in order[:3]].count("real") <= 2


def test_pictures_left_behind_are_told(browser: Any, built: Path, tmp_path: Path) -> None:
    (tmp_path / "page").mkdir()
    (tmp_path / "page/index.html").write_bytes((built / "page/index.html").read_bytes())
    open_page(browser, tmp_path, "?participant=lost")
    element(browser, "begin").click()
    until(lambda: element(browser, "end").is_displayed())
    assert 'The folder "pictures" must lie beside this page.' in element(browser, "missing").text
    assert not element(browser, "save").is_displayed()
    browser.get_log("browser")


@pytest.mark.parametrize(("width", "height"), [(390, 760), (1200, 800), (740, 360)])
def test_everything_fits_the_screen(page: Any, built: Path, width: int, height: int) -> None:
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 1000}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        open_page(page, built)
        element(page, "begin").click()
        shown(page)
        inner = page.execute_script("return [innerWidth, innerHeight, document.documentElement.scrollWidth]")
        assert inner[2] <= inner[0]
        for name in ("picture", "real", "colorized", "back", "stop"):
            box = element(page, name).rect
            assert box["x"] >= 0 and box["x"] + box["width"] <= inner[0] + 1
            assert box["y"] >= 0 and box["y"] + box["height"] <= inner[1] + 1
        assert all(element(page, name).rect["height"] >= 44 for name in ("real", "colorized", "back", "stop"))
        assert element(page, "picture").rect["height"] > 0.35 * inner[1]
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_it_speaks_to_screen_readers(page: Any) -> None:
    element(page, "begin").click()
    shown(page)
    assert element(page, "picture").get_attribute("alt") == "Picture 1 of 6"
    assert element(page, "real").accessible_name.startswith("Real")
    assert element(page, "count").get_attribute("aria-live") == "polite"
    assert page.execute_script("return document.activeElement.id") == "question"
    assert page.execute_script("return document.documentElement.lang") == "en"
