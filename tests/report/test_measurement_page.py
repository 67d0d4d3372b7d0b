"""The page of a measurement, as a browser shows it, and the plots on it."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colorcli.report.measurement import Facts, Measurement, PictureScores, Score, System
from colorcli.report.measurement_plots import plot_auc, plot_spread
from colorcli.report.page import Gallery, Shot, write_page

AUC = Facts("auc", "%", (0, 100), True, "Zhang et al. 2016", "pixels")
L2 = Facts("ab-l2", "Lab", (0, 100), False, "<b>bold</b> & more", "pixels")


def _jpeg(color: tuple[int, int, int]) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (40, 30), color).save(stream, "JPEG")
    return stream.getvalue()


@pytest.fixture
def found() -> Measurement:
    curve = np.linspace(0.2, 1, 151).tolist()
    system = {"curves": {"auc": curve, "auc-image": curve}, "samples": {"auc-image": [curve, curve[::-1]]}}
    scores = {"auc": Score(90.0, 89.0, 91.0), "ab-l2": Score(12.0)}
    systems = [
        System("Gray", True, 3, {"auc": Score(95.0), "auc-image": Score(95.0)}, {"auc": curve}),
        System("one <i>", False, 3, {**scores, "auc-image": Score(90.0)}, **system),  # type: ignore[arg-type]
        System("two", False, 3, {"auc": Score(80.0), "ab-l2": Score(9.0)}),
    ]
    pictures = [PictureScores(f"{i}.png", "one <i>", {"auc": 85.0 + i, "ab-l2": 12.0 + i * i}) for i in range(3)]
    return Measurement(
        {"resize": "none: <script>alert(1)</script>", "pictures": "3 of x"}, [AUC, L2], systems, pictures
    )


@pytest.fixture
def galleries() -> list[Gallery]:
    ahead = [Shot("<u>.png", "auc 95.00", _jpeg((200, 90, 40)), _jpeg((120, 120, 120)), _jpeg((150, 120, 90)))]
    behind = [Shot("b.png", "auc 70.00", _jpeg((0, 90, 40)), _jpeg((80, 80, 80)), _jpeg((90, 80, 70)))]
    lone = [Shot("c.png", "cf 9", None, None, _jpeg((10, 200, 40)))]
    return [
        Gallery("one <i>", ("auc", "auc-image"), "best", "worst", ahead, behind),
        Gallery("two", ("cf",), "highest", "lowest", lone, []),
    ]


@pytest.fixture
def page(found: Measurement, galleries: list[Gallery], tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    with path.open("wb") as file:
        write_page(found, galleries, file, title="three pictures")
    return path


def test_nothing_is_fetched_and_nothing_runs(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert not re.search(r"https?://|<script|<link|@import", text)
    sources = re.findall(r'src="([^"]{0,22})', text)
    assert len(sources) == 2 + 6 + 1 and all(source.startswith("data:image/") for source in sources)
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; more" in text


def test_in_a_browser(browser: Any, page: Path) -> None:
    browser.set_window_size(1100, 900)
    browser.get(page.as_uri())
    ask = browser.execute_script
    cells = ask("return [...document.querySelectorAll('#scores tr')].map(r => [...r.cells].map(c => c.innerText))")
    assert cells == [
        ["", "Gray", "one <i>", "two"],
        ["auc ↑ (%)", "95.00", "90.00 [89.00, 91.00]", "80.00"],
        ["ab-l2 ↓ (Lab)", "", "12.00", "9.000"],
        ["pictures", "3", "3", "3"],
    ]
    best = ask("return [...document.querySelectorAll('#scores .best')].map(c => c.innerText)")
    assert best == ["90.00 [89.00, 91.00]", "9.000"]  # gray is no contestant
    captions = ask("return [...document.querySelectorAll('figcaption')].map(f => f.innerText)")
    assert captions == ["<u>.png: auc 95.00", "b.png: auc 70.00", "c.png: cf 9"]
    views = ask("return [...document.querySelectorAll('.views')].map(v => v.querySelectorAll('img').length)")
    assert views == [3, 3, 1]
    words = ask("return [...document.querySelectorAll('h3, .word')].map(g => g.innerText)")
    assert words == ["auc, auc-image", "best", "worst", "cf", "highest"]
    # Every picture is there, decoded, and seen: none is broken or squeezed to nothing.
    sizes = ask("return [...document.images].map(i => [i.complete, i.naturalWidth, i.clientWidth, i.clientHeight])")
    assert len(sizes) == 9 and all(done and natural > 30 and min(seen) > 20 for done, natural, *seen in sizes)
    colors = ask(
        "const c = document.createElement('canvas').getContext('2d');"
        "return [...document.querySelectorAll('figure img')].slice(0, 3).map(i => {"
        "c.drawImage(i, 0, 0, 8, 8); return [...c.getImageData(4, 4, 1, 1).data].slice(0, 3)})"
    )
    np.testing.assert_allclose(colors, [(200, 90, 40), (120, 120, 120), (150, 120, 90)], atol=6)
    assert ask("return performance.getEntriesByType('resource').filter(e => !e.name.startsWith('data:')).length") == 0
    browser.set_window_size(520, 900)
    assert ask(
        "return document.documentElement.scrollWidth <= window.innerWidth + 1"
    )  # wide tables scroll by themselves


def test_curves(found: Measurement) -> None:
    stream = io.BytesIO()
    assert plot_auc(found, stream)
    picture = np.asarray(Image.open(stream).convert("RGB")).astype(int)
    assert (np.ptp(picture, axis=2) > 60).sum() > 300  # coloured lines on white
    without = Measurement(found.protocol, [L2], [System("x", False, 1, {"ab-l2": Score(1.0)})])
    assert not plot_auc(without, io.BytesIO())


def test_spread(found: Measurement) -> None:
    stream = io.BytesIO()
    assert plot_spread(found, stream)
    assert Image.open(stream).size[0] > 300
    assert not plot_spread(Measurement(found.protocol, found.metrics, found.systems, found.pictures[:1]), io.BytesIO())
