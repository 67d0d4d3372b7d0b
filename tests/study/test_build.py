"""What participants get tells nothing; what the owner keeps tells all."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from study_pictures import cat, dull, folders, save

from colorcli.errors import MediaError, UsageError
from colorcli.evaluation.pairing import Member
from colorcli.study import build as study


def read(path: Path) -> np.ndarray:
    return cv2.imread(str(path))[..., ::-1].astype(float)


def spread(picture: np.ndarray) -> float:
    return float((picture.max(-1) - picture.min(-1)).mean())


def members(result: Path, truth: Path) -> tuple[Member, Member]:
    return Member(result.name, result), Member(truth.name, truth)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    pairs = study.pair(*folders(tmp_path))
    assert not pairs.results and not pairs.truths
    made = study.build(pairs.found, tmp_path / "study", seed="s")
    assert made.scenes == 5 and not made.left_out
    return tmp_path / "study"


def data_of(page: Path) -> dict:
    text = (page / "index.html").read_text()
    return json.loads(re.search(r'<script id="study" type="application/json">(.+?)</script>', text)[1])


def test_pairs_are_found_by_path_and_suffixes_may_differ(tmp_path: Path) -> None:
    out, photos = folders(tmp_path)
    save(out / "other.jpg", cat())
    pairs = study.pair(out, photos)
    assert [(result.name, truth.name) for result, truth in pairs.found] == [
        ("0.jpg", "0.jpg"), ("2.png", "2.jpg"), ("3.jpg", "3.jpg"), ("4.jpg", "4.jpg"), ("deep/1.jpg", "deep/1.jpg"),
    ]  # fmt: skip
    assert pairs.results == ["other.jpg"]


def test_the_key_knows_the_real_ones(built: Path) -> None:
    key = json.loads((built / "key.json").read_text())
    assert len(key["scenes"]) == 5
    for scene in key["scenes"]:
        real, colorized = (read(built / f"page/pictures/{scene[kind]}.jpg") for kind in ("real", "colorized"))
        assert spread(real) > 1.5 * spread(colorized)


def test_the_page_does_not(built: Path) -> None:
    key = json.loads((built / "key.json").read_text())
    page = (built / "page/index.html").read_text()
    assert key["seed"] != "" and f'"{key["seed"]}"' not in page
    assert not any(scene["scene"] in page for scene in key["scenes"])
    assert {path.name for path in (built / "page").iterdir()} == {"index.html", "pictures"}
    assert "http://" not in page and "https://" not in page  # nothing from elsewhere


def test_pictures_of_a_scene_differ_in_nothing_but_colours(built: Path) -> None:
    key = json.loads((built / "key.json").read_text())
    for scene in key["scenes"]:
        files = [built / f"page/pictures/{scene[kind]}.jpg" for kind in ("real", "colorized")]
        assert len({path.stat().st_size for path in files}) == 1
        assert len({path.stat().st_mtime_ns for path in files}) == 1
        assert len({read(path).shape for path in files}) == 1
        heads = {path.read_bytes()[: path.read_bytes().index(b"\xff\xda")] for path in files}
        assert len({re.sub(rb"\xff\xc4.*", b"", head, flags=re.S) for head in heads}) == 1  # apart from Huffman's
        assert not any(marker in path.read_bytes() for path in files for marker in (b"Exif", b"xpacket", b"colorcli"))


def test_each_block_has_one_real_picture_whichever_way_it_is_shown(built: Path) -> None:
    real = {scene["real"] for scene in json.loads((built / "key.json").read_text())["scenes"]}
    blocks = data_of(built / "page")["blocks"]
    assert sorted(map(len, blocks)) == [1, 2, 2]
    for block in blocks:
        assert all(sum(name in real for name in scene) == 1 for scene in block)
        if len(block) == 2:
            for flip in (0, 1):
                assert sum(scene[(i + flip) % 2] in real for i, scene in enumerate(block)) == 1


def test_first_names_are_real_as_often_as_not(tmp_path: Path) -> None:
    scenes = [{"scene": str(i), "real": f"r{i}", "colorized": f"c{i}"} for i in range(400)]
    first = [block[0][0][0] for block in study._blocks(scenes, "any")]
    assert 70 < first.count("r") < 130  # of 200; 4 standard deviations


def test_a_seed_repeats_and_a_secret_does_not(tmp_path: Path) -> None:
    pairs = study.pair(*folders(tmp_path, 2)).found

    def made(name: str, **options: object) -> dict[str, bytes]:
        study.build(pairs, tmp_path / name, **options)
        root = tmp_path / name
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    assert made("a", seed="1") == made("b", seed="1")
    c, d = made("c"), made("d")
    assert set(c) & set(d) == {"key.json", "page/index.html"}


def test_sizes_are_brought_together(tmp_path: Path) -> None:
    truth = save(tmp_path / "t.png", cat((300, 200)))
    small = save(tmp_path / "r.png", dull(cat((150, 100))))
    study.build([members(small, truth)], tmp_path / "a")
    assert {read(p).shape for p in (tmp_path / "a").rglob("*.jpg")} == {(100, 150, 3)}
    study.build([members(small, truth)], tmp_path / "b", side=60)
    assert {read(p).shape for p in (tmp_path / "b").rglob("*.jpg")} == {(40, 60, 3)}


def test_a_gray_result_and_sixteen_bits_are_pictures_too(tmp_path: Path) -> None:
    truth = tmp_path / "t.png"
    cv2.imwrite(str(truth), cat().astype(np.uint16)[..., ::-1] * 257)
    gray = save(tmp_path / "g.png", cat().mean(-1).astype(np.uint8))
    study.build([members(gray, truth)], tmp_path / "a")
    [scene] = json.loads((tmp_path / "a/key.json").read_text())["scenes"]
    shown = {kind: read(tmp_path / f"a/page/pictures/{scene[kind]}.jpg") for kind in ("real", "colorized")}
    assert spread(shown["colorized"]) < 0.5 < spread(shown["real"])
    assert np.abs(shown["real"] - cat()).mean() < 3


def test_what_cannot_be_judged_is_left_out_with_its_name(tmp_path: Path) -> None:
    color, gray = save(tmp_path / "c.png", cat()), save(tmp_path / "g.png", cat().mean(-1).astype(np.uint8))
    tall, broken = save(tmp_path / "tall.png", cat((64, 96))), tmp_path / "broken.png"
    broken.write_bytes(color.read_bytes()[:200])
    pairs = [members(color, gray), members(tall, color), members(broken, color), members(color, color)]
    made = study.build(pairs, tmp_path / "s")
    assert made.scenes == 1
    assert [name in sentence for name, sentence in zip(("g.png", "tall.png", "broken.png"), made.left_out, strict=True)]
    assert "gray" in made.left_out[0] and "proportions" in made.left_out[1]
    with pytest.raises(UsageError, match="no pair is left"):
        study.build(pairs[:2], tmp_path / "none")
    assert not (tmp_path / "none").exists() and not list(tmp_path.glob(".*"))


def test_mistakes(tmp_path: Path) -> None:
    out, photos = folders(tmp_path, 1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no picture in it"):
        study.pair(tmp_path / "empty", photos)
    with pytest.raises(UsageError, match="nowhere: does not exist"):
        study.pair(out, tmp_path / "nowhere")
    for name in ("one", "two"):
        save(tmp_path / "others" / f"{name}.jpg", cat())
    with pytest.raises(MediaError, match="has a partner"):
        study.pair(tmp_path / "others", photos)
    (tmp_path / "reel.mp4").touch()
    with pytest.raises(UsageError, match=r"reel.mp4: a film"):
        study.pair(tmp_path / "reel.mp4", photos)
    with pytest.raises(UsageError, match="exists"):
        study.build([members(out / "0.jpg", photos / "0.jpg")], tmp_path / "empty")


def test_a_title_is_text_not_html(tmp_path: Path) -> None:
    pairs = study.pair(*folders(tmp_path, 1)).found
    study.build(pairs, tmp_path / "s", title="<b>A & B</b>")
    assert "<title>&lt;b&gt;A &amp; B&lt;/b&gt;</title>" in (tmp_path / "s/page/index.html").read_text()
