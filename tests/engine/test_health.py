"""The doctor's checks: what a healthy machine gives, and what each says of a broken one."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from colorcli.engine.health import cache, codecs, environment, installation, models, report, selftest
from colorcli.engine.health.report import Check, Section, attempt
from colorcli.errors import DeviceError, MediaError, WeightsError
from colorcli.media.formats import FORMATS
from colorcli.weights import resolve


def by_name(checks: Iterable[Check]) -> dict[str, Check]:
    checks = list(checks)
    found = {check.name: check for check in checks}
    assert len(found) == len(checks), "names must be unique in a section"
    return found


class Lacking:
    """An import hook that refuses some modules."""

    def __init__(self, error: str, *modules: str) -> None:
        self.error, self.modules = error, modules

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name in self.modules:
            raise ImportError(self.error)


@pytest.fixture
def lacking(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make modules impossible to import in this process."""

    def hide(error: str, *modules: str) -> None:
        for name in modules:
            monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.setattr(sys, "meta_path", [Lacking(error, *modules), *sys.meta_path])

    return hide


# The report


def test_whole_report_of_this_machine() -> None:
    sections = list(report.examine())
    assert [section.name for section in sections] == [
        "installation", "machine", "environment", "cache", "devices", "codecs", "weights", "self-test",
    ]  # fmt: skip
    for section in sections:
        by_name(section.checks)
    assert not [c for section in sections for c in section.checks if c.status == "fail"]
    found = json.loads(json.dumps(report.to_json(sections, version="1"), allow_nan=False))
    assert found["exit_code"] == 0
    assert sum(found["counts"].values()) == sum(len(section.checks) for section in sections)


def test_json_has_one_shape() -> None:
    section = Section(name="s", checks=(Check(name="a", text="fine"), failed("b", ValueError("x"))), seconds=0.5)
    assert report.to_json([section], version="9") == {
        "schema": 1,
        "colorcli": "9",
        "status": "fail",
        "exit_code": 1,
        "counts": {"ok": 1, "warn": 0, "fail": 1},
        "seconds": 0.5,
        "sections": {
            "s": {
                "seconds": 0.5,
                "checks": [
                    {"name": "a", "status": "ok", "text": "fine", "hint": None, "data": {}},
                    {"name": "b", "status": "fail", "text": "ValueError: x", "hint": None,
                     "data": {"error": "ValueError"}},
                ],
            }
        },
    }  # fmt: skip


def failed(name: str, error: Exception) -> Check:
    def look() -> Check:
        raise error

    return attempt(name, look)


def test_one_that_breaks_leaves_the_others() -> None:
    def look() -> Iterator[Check]:
        yield Check(name="first")
        raise RuntimeError("of its own\nand a page of frames")

    section = report.run("s", look)
    assert [(c.name, c.status) for c in section.checks] == [("first", "ok"), ("s", "fail")]
    assert section.checks[1].text == "RuntimeError: of its own"


def test_interrupt_is_not_swallowed() -> None:
    def look() -> Iterator[Check]:
        raise KeyboardInterrupt
        yield

    with pytest.raises(KeyboardInterrupt):
        report.run("s", look)


def test_what_libraries_warn_of_is_told_once() -> None:
    def look() -> Iterator[Check]:
        for _ in range(2):
            warnings.warn("your driver is too old\nsee there", UserWarning, stacklevel=1)
        warnings.warn("old spelling", DeprecationWarning, stacklevel=1)
        yield Check(name="cuda")

    section = report.run("s", look)
    assert [(c.name, c.status, c.text) for c in section.checks[1:]] == [("warning", "warn", "your driver is too old")]


@pytest.mark.parametrize(
    ("errors", "code"),
    [([], 0), ([WeightsError("w")], 4), ([DeviceError("d"), WeightsError("w")], 4), ([DeviceError("d")], 6),
     ([WeightsError("w"), ValueError("v")], 1)],
)  # fmt: skip
def test_exit_code_is_the_lowest_of_what_failed(errors: list[Exception], code: int) -> None:
    checks = tuple(failed(str(i), error) for i, error in enumerate(errors))
    assert report.exit_code([Section(name="s", checks=(Check(name="good"), *checks), seconds=0)]) == code


def test_warnings_do_not_fail() -> None:
    section = Section(name="s", checks=(Check(name="a", status="warn"),), seconds=0)
    assert report.exit_code([section]) == 0
    assert report.to_json([section], version="1")["status"] == "warn"


def test_home_folder_is_shortened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = tmp_path / "jane.doe"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    report._homes.cache_clear()
    try:
        data = {"p": str(home), "q": [f"{home}/z", f"{home}.old"]}
        look = Check(name="a", text=f"{home}/x, {home}, {home}2", hint=f"see {home}/y", data=data)
        [found] = report.run("s", lambda: [look]).checks
    finally:
        report._homes.cache_clear()
    assert found.data == {"p": "~", "q": ["~/z", f"{home}.old"]}
    assert found.hint == "see ~/y"
    assert found.text == f"~/x, ~, {home}2"


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (1023, "1023 bytes"), (15 * 2**20, "15.0 MiB"), (139 * 2**30, "139 GiB"),
                        (3 * 2**40, "3.0 TiB")],
)  # fmt: skip
def test_sizes(count: int, text: str) -> None:
    assert report.size(count) == text


# Installation


def test_missing_libgl_is_a_line_with_the_fix(lacking: Callable[..., None]) -> None:
    lacking("libGL.so.1: cannot open shared object file: No such file or directory", "cv2")
    found = by_name(installation.checks())
    assert found["opencv-python"].status == "fail"
    assert "no libGL.so.1" in found["opencv-python"].text
    assert "libgl1" in str(found["opencv-python"].hint)
    assert found["numpy"].status == found["torch"].status == "ok"


def test_missing_library_of_another_kind_is_not_blamed_on_opencv(lacking: Callable[..., None]) -> None:
    lacking("libcudart.so.12: cannot open shared object file: No such file or directory", "pillow_heif")
    found = attempt("pillow-heif", lambda: installation.library(Requirement("pillow-heif")))
    assert found.status == "fail"
    assert "libcudart.so.12" in found.text and "OpenCV" not in found.text


def versions(monkeypatch: pytest.MonkeyPatch, **known: str) -> None:
    def version(name: str) -> str:
        if name.replace("-", "_") in known:
            return known[name.replace("-", "_")]
        raise PackageNotFoundError(name)

    monkeypatch.setattr(installation, "version", version)
    monkeypatch.setattr(installation, "distribution", version)


def test_library_that_is_missing_or_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    versions(monkeypatch, numpy="1.26.4")
    found = installation.library(Requirement("pillow>=11.3"))
    assert (found.status, found.text, found.hint) == ("fail", "not installed", "pip install 'pillow>=11.3'")
    found = installation.library(Requirement("numpy>=2.0"))
    assert (found.status, found.text) == ("warn", "1.26.4 is not what colorcli needs: >=2.0")


def test_opencv_by_another_name_and_two_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = Requirement("opencv-python>=4.10")
    versions(monkeypatch, opencv_python_headless="4.11")
    found = installation.library(wanted)
    assert (found.status, found.text) == ("ok", "4.11 (opencv-python-headless)")
    versions(monkeypatch, opencv_python_headless="4.11", opencv_python="4.10")
    found = installation.library(wanted)
    assert found.status == "warn"
    assert "opencv-python-headless" in found.text


def test_extra_that_is_not_installed_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    versions(monkeypatch)
    wanted = Requirement('pillow-heif>=0.22; extra == "heif"')
    monkeypatch.setattr(installation, "requirements", lambda: [wanted])
    found = by_name(installation.checks())["pillow-heif"]
    assert found.status == "ok"
    assert "pip install 'colorcli[heif]'" in found.text


def test_no_metadata_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "_own_distribution", lambda: None)
    found = by_name(installation.checks())
    assert found["colorcli"].status == "warn"
    assert set(found) == {"colorcli", "python", "platform"}


# Environment


def test_no_token_is_shown() -> None:
    secrets = {
        "HF_TOKEN": "hf_abcdefghijklmnop",
        "HUGGING_FACE_HUB_TOKEN": "plainword",
        "HF_SOMETHING_NEW": "plainword",
        "COLORCLI_TOKEN": "plainword",
        "COLORCLI_MODEL": "https://me:plainword@example.org/x",
        "HF_HOME": "/x/hf_abcdefghijklmnop",
        "https_proxy": "http://me:plainword@proxy:1",
    }
    found = by_name(environment.checks(environment=secrets))
    assert set(found) == set(secrets)
    told = json.dumps([check.to_json() for check in found.values()])
    assert "plainword" not in told and "hf_abc" not in told
    assert {check.text for check in found.values()} == {"set"}


def test_variables_that_matter_are_shown_and_others_left_alone() -> None:
    given = {"OMP_NUM_THREADS": "4", "COLORCLI_MODEL": "mrf", "MAIL": "me@example.org", "NO_COLOR": ""}
    found = by_name(environment.checks({"COLORCLI_MODEL"}, given))
    assert {name: check.text for name, check in found.items()} == {
        "OMP_NUM_THREADS": "4", "COLORCLI_MODEL": "mrf", "NO_COLOR": "empty",
    }  # fmt: skip
    assert [check.text for check in environment.checks(environment={})] == ["none is set that matters here"]


def test_misspelt_variable_stands_out() -> None:
    [found] = environment.checks({"COLORCLI_MODEL", "COLORCLI_SIZE"}, {"COLORCLI_MODLE": "mrf"})
    assert (found.status, found.hint) == ("warn", "did you mean 'COLORCLI_MODEL'?")


# Cache


def test_caches_are_where_their_users_put_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from colorcli.weights.cache import cache_root

    for name in ("HF_HOME", "COLORCLI_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert cache.where("colorcli") == cache_root()
    assert cache.where("huggingface") == Path.home() / ".cache/huggingface"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.where("colorcli") == cache_root() == tmp_path / "colorcli"
    monkeypatch.setenv("COLORCLI_CACHE", str(tmp_path / "c"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "h"))
    assert cache.where("colorcli") == cache_root() == tmp_path / "c"
    assert cache.where("huggingface") == tmp_path / "h"


def test_cache_is_weighed_without_following_links(tmp_path: Path) -> None:
    inside, outside = tmp_path / "cache/blobs", tmp_path / "outside"
    inside.mkdir(parents=True)
    outside.mkdir()
    (inside / "a").write_bytes(bytes(2048))
    (outside / "b").write_bytes(bytes(9999))
    (inside / "loop").symlink_to(tmp_path / "cache")
    (inside / "b").symlink_to(outside / "b")
    found = cache.folder("hub", tmp_path / "cache", "hint")
    assert found.status == "ok"
    assert (found.data["bytes"], found.data["complete"]) == (2048, True)


def test_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    found = cache.folder("hub", tmp_path / "file/cache", "set HF_HOME")
    assert (found.status, found.hint) == ("warn", "set HF_HOME")
    monkeypatch.setattr(os, "access", lambda *_: False)  # the tests may run as root, who may write everywhere
    found = cache.folder("hub", tmp_path, "set HF_HOME")
    assert found.status == "warn"
    assert "cannot be written" in found.text


def test_no_home_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("HF_HOME", "COLORCLI_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert {check.status for check in cache.checks()} == {"warn"}


# Codecs


def test_every_format_is_tried() -> None:
    found = by_name(codecs.checks())
    assert list(found) == [*FORMATS, "films"]
    for form in FORMATS.values():
        if found[form.name].data["state"] == "missing extra":
            continue
        works = set(found[form.name].data["works"])
        assert {"gray", "color"} <= works
        assert ("16 bit" in works, "alpha" in works) == (form.deep, form.alpha)


def test_codec_that_fails_is_told_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    from colorcli.media import photo

    def broken(*_: Any, **__: Any) -> list[str]:
        raise OSError("encoder error -2\nmore")

    monkeypatch.setattr(photo, "write", broken)
    found = codecs.codec(FORMATS["WEBP"])
    assert found.status == "fail"
    assert found.text == "broken: gray, color, alpha: OSError: encoder error -2"
    assert found.data["state"] == "broken" and found.data["works"] == []


def test_codec_whose_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from colorcli.media import photo

    def missing(*_: Any, **__: Any) -> list[str]:
        raise MediaError("no codec for HEIC", hint="pip install 'colorcli[heif]'")

    monkeypatch.setattr(photo, "write", missing)
    found = codecs.codec(FORMATS["AVIF"])
    assert (found.status, found.data["state"]) == ("ok", "missing extra")
    assert "colorcli[heif]" in found.text


def test_codec_that_gives_back_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    from colorcli.media import photo

    write = photo.write

    def dimmer(picture: photo.Photo, target: Any, **options: Any) -> list[str]:
        picture.pixels = picture.pixels // 2
        return write(picture, target, **options)

    before = codecs.draw(alpha=True)
    assert codecs.compare(before, codecs.draw(alpha=True), lossless=True) is None
    after = codecs.draw(alpha=True)
    after.pixels[0, 0, 0] += 1
    assert "pixels changed" in str(codecs.compare(before, after, lossless=True))
    assert codecs.compare(before, after, lossless=False) is None
    after.pixels //= 2
    assert "pixels changed" in str(codecs.compare(before, after, lossless=False))
    assert codecs.compare(before, codecs.draw(), lossless=True) == "alpha was lost"
    assert "came back as" in str(codecs.compare(before, codecs.draw(deep=True, alpha=True), lossless=False))
    after = codecs.draw(alpha=True)
    assert after.alpha is not None
    after.alpha[0, 0] -= 9
    assert codecs.compare(before, after, lossless=False) == "alpha changed by up to 9"
    monkeypatch.setattr(photo, "write", dimmer)
    monkeypatch.setattr(codecs, "compare", lambda *_, **__: "pixels changed")
    assert codecs.codec(FORMATS["PNG"]).status == "fail"


# Weights


def test_every_card_is_loaded() -> None:
    found = by_name(models.checks())
    rest = found.pop("to download")
    assert set(found) >= {"cautious", "default", "mrf"}
    assert {*found, *rest.data["models"]} == set(resolve.names()) and rest.status == "ok"
    assert all(check.status == "ok" and check.data["verified"] for check in found.values())


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A copy of the installed cards and weights, to be damaged."""
    home = tmp_path / "weights"
    (home / "cards").mkdir(parents=True)
    for path in (*resolve._HOME.glob("cards/*.toml"), *resolve._HOME.glob("*.safetensors")):
        (home / path.relative_to(resolve._HOME)).write_bytes(path.read_bytes())
    monkeypatch.setattr(resolve, "_HOME", home)
    return home


def test_damaged_weights_are_found(installed: Path) -> None:
    path = installed / "default.safetensors"
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    found = by_name(models.checks())
    assert found["default"].status == "fail" and found["default"].exit_code == 4
    assert "is not the file its card names" in found["default"].text
    assert found["default"].hint == "reinstall colorcli"


def test_missing_weights_and_faulty_cards_leave_the_others(installed: Path) -> None:
    card = (installed / "cards/mrf.toml").read_text()
    (installed / "cards/mrf.toml").write_text("name = ")
    (installed / "cards/other.toml").write_text(card.replace('decoder = "mrf"', 'decoder = "mrff"'))
    found = by_name(models.checks())
    found.pop("to download")
    assert {name: check.status for name, check in found.items()} == {
        "cautious": "ok", "default": "ok", "mrf": "fail", "other": "fail",
    }  # fmt: skip
    (installed / "default.safetensors").unlink()
    assert {check.exit_code for check in models.checks() if check.status == "fail"} == {4}


def test_card_without_a_hash_is_a_warning(installed: Path) -> None:
    path = installed / "cards/default.toml"
    path.write_text("\n".join(line for line in path.read_text().splitlines() if not line.startswith("sha256")))
    assert by_name(models.checks())["default"].status == "warn"


# Self-test


def test_self_test_passes_and_says_what_it_measured() -> None:
    found = selftest.colorize()
    assert found.status == "ok"
    assert found.data["lightness_change"] <= selftest.L_BOUND
    assert found.data["chroma"] >= selftest.CHROMA_BOUND
    assert found.data["deterministic"] is True


def test_self_test_sees_gray_shifted_and_random_results(monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    from colorcli.engine.colorizer import Colorizer

    count = iter(range(100))

    def gray(self: Colorizer, photo: Any) -> Any:
        pixels = np.repeat(photo.pixels[:, :, None], 3, axis=2)
        return type(photo)(np.minimum(pixels, 240) + 5 + next(count))

    monkeypatch.setattr(Colorizer, "__call__", gray)
    found = selftest.colorize()
    assert found.status == "fail"
    assert "lightness changed" in found.text and "all but gray" in found.text and "two runs differ" in found.text


def test_self_test_without_weights_has_their_code(installed: Path) -> None:
    (installed / "default.safetensors").unlink()
    [found] = selftest.checks()
    assert (found.status, found.exit_code) == ("fail", 4)


def test_films_say_what_ffmpeg_writes_and_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from colorcli.media.video import build

    found = codecs.films()
    assert found.status == "ok" and build.version() in found.text
    assert set(found.data["encoders"]) == {"h264", "hevc", "av1", "vp9", "prores", "ffv1"}
    monkeypatch.setattr(build, "find_encoder", lambda encoding: _missing(encoding.codec))
    found = codecs.films()
    assert found.status == "warn" and "missing: hevc" in found.text and found.hint


def _missing(codec: str) -> str:
    if codec == "hevc":
        raise MediaError("no encoder")
    return codec
